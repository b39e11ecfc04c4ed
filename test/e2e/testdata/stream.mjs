// Watches one flag with the real unleash-client in one of its modes: prints what it is and
// the time in milliseconds whenever that changes. The argument is the JSON of streams_test.go.
import { createRequire } from 'node:module'

const { modules, url, token, flag, mode } = JSON.parse(process.argv[2])
const { Unleash } = createRequire(modules + '/')('unleash-client')
const unleash = new Unleash({
  url: url + '/api/', appName: 'e2e-stream', customHeaders: { Authorization: token }, refreshInterval: 100,
  disableMetrics: true, skipInstanceCountWarning: true, experimentalMode: mode
})
for (const event of ['error', 'warn']) unleash.on(event, error => console.log('warns', String(error)))
let last
const show = () => {
  if (!unleash.isSynchronized()) return
  const on = unleash.isEnabled(flag)
  if (on !== last) console.log(on ? 'on' : 'off', Date.now())
  last = on
}
unleash.on('changed', show)
setInterval(show, 5)
