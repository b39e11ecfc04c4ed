// Asks the real SDKs: unleash-client (Node) for definitions of the core, and
// unleash-proxy-client (browser) for answers of it. Prints what each of them
// says about every flag for one context, and which metrics it has sent. The
// argument is the JSON of sdk_test.go.
import { createRequire } from 'node:module'

const { modules, url, backend, frontend, context, flags } = JSON.parse(process.argv[2])
const require = createRequire(modules + '/')
const { startUnleash } = require('unleash-client')
const { UnleashClient } = require('unleash-proxy-client')

const { userId, sessionId, remoteAddress, ...properties } = context
const nested = { userId, sessionId, remoteAddress, properties }
const short = ({ name, enabled, payload }) => ({ name, enabled, payload })

const node = await startUnleash({ url: url + '/api', appName: 'e2e-node', customHeaders: { Authorization: backend } })

const browser = new UnleashClient({
  url: url + '/api/frontend', clientKey: frontend, appName: 'e2e-browser', context: nested, fetch,
  refreshInterval: 0, metricsInterval: 0, storageProvider: { get: async () => undefined, save: async () => {} }
})
await browser.start()

const answers = {}
for (const name of flags) {
  answers[name] = {
    node: { enabled: node.isEnabled(name, nested), variant: short(node.getVariant(name, nested)) },
    browser: { enabled: browser.isEnabled(name), variant: short(browser.getVariant(name)) }
  }
}

const sent = {}
node.on('sent', payload => { sent['e2e-node'] = payload.bucket.toggles })
browser.on('sent', payload => { sent['e2e-browser'] = payload.bucket.toggles })
await node.flushMetrics()
await browser.sendMetrics()
console.log(JSON.stringify({ answers, sent }))
node.destroy()
browser.stop()
process.exit(0)
