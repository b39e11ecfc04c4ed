// Watches one flag with the real unleash-client: prints what it is whenever
// that changes. The argument is the JSON of watch_test.go.
import { createRequire } from 'node:module'

const { modules, url, token, flag } = JSON.parse(process.argv[2])
const { startUnleash } = createRequire(modules + '/')('unleash-client')
const unleash = await startUnleash({
  url: url + '/api', appName: 'e2e-watch', customHeaders: { Authorization: token }, refreshInterval: 100, disableMetrics: true
})
unleash.on('error', () => {}) // a server that is away is what the test is about
let last
const show = () => {
  const on = unleash.isEnabled(flag)
  if (on !== last) console.log(on ? 'on' : 'off')
  last = on
}
unleash.on('changed', show)
show()
setInterval(show, 100) // the SDK's own timers keep no process
