// Unleash's browser SDK against the Cloudflare worker, over HTTP.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { bundle, need } from './parts.js'
import { BLUE, TOGGLES, oneFlag, snapshotText, toggle } from './samples.js'
import { startWorker } from './workerd.js'

const { skip, load } = need('miniflare', 'esbuild', 'unleash-proxy-client')

describe('unleash-proxy-client', { skip }, () => {
  let script, worker, namespace, calls
  before(async () => { script = (await bundle({ entry: 'entries/cloudflare.js' })).text })
  beforeEach(async () => {
    if (worker) await worker.stop()
    worker = await startWorker(script, { kv: ['FLAGS'] })
    namespace = await worker.kv('FLAGS')
    calls = []
  })
  after(() => worker && worker.stop())

  // No timers: a test refreshes and sends by itself.
  function client(options) {
    const { UnleashClient } = load('unleash-proxy-client')
    return new UnleashClient({
      url: worker.url + 'api/frontend',
      clientKey: 'frontend-token',
      appName: 'shop',
      disableRefresh: true,
      metricsInterval: 0,
      async fetch(url, init) {
        const response = await fetch(url, init)
        calls.push({ url, init, status: response.status })
        return response
      },
      ...options
    })
  }

  test('says what the snapshot says', async () => {
    await namespace.put('unleash-rules', snapshotText())
    for (const options of [{}, { usePOSTrequests: true }, { context: { userId: '7', properties: { plan: 'pro' } } }]) {
      const sdk = client(options)
      await sdk.start()
      assert.equal(sdk.isReady(), true)
      for (const { name, enabled } of TOGGLES) assert.equal(sdk.isEnabled(name), enabled, name)
      assert.equal(sdk.isEnabled('unknown'), false)
      assert.deepEqual(sdk.getVariant('price'), { ...BLUE, feature_enabled: true, featureEnabled: true })
      assert.equal(sdk.getVariant('new-feature').name, 'disabled')
      assert.equal(sdk.getVariant('new-feature').feature_enabled, true)
      assert.equal(sdk.getVariant('unknown').feature_enabled, false)
      assert.equal(sdk.getAllToggles().length, TOGGLES.filter(f => f.enabled).length)
      sdk.stop()
    }
    assert.deepEqual(calls.map(call => call.init.method), ['GET', 'POST', 'GET'])
  })

  test('asks with its entity tag, and sees a change', async () => {
    await namespace.put('unleash-rules', snapshotText())
    const sdk = client()
    await sdk.start()
    await sdk.updateToggles()
    assert.deepEqual(calls.map(call => call.status), [200, 304])
    assert.equal(sdk.isEnabled('new-feature'), true)

    await namespace.put('unleash-rules', oneFlag(2, false))
    await worker.tick(30000)
    const deadline = performance.now() + 10000
    do await sdk.updateToggles()
    while (sdk.isEnabled('new-feature') && performance.now() < deadline)
    assert.equal(sdk.isEnabled('new-feature'), false)
    assert.equal(sdk.getAllToggles().length, 0)
    assert.equal(calls.at(-1).status, 200)
    sdk.stop()
  })

  test('sends its metrics', async () => {
    await namespace.put('unleash-rules', snapshotText())
    const sdk = client()
    await sdk.start()
    sdk.isEnabled('new-feature')
    const sent = []
    sdk.on('sent', payload => sent.push(payload))
    await sdk.sendMetrics()
    assert.equal(calls.at(-1).status, 202)
    assert.equal(sent[0].bucket.toggles['new-feature'].yes, 1)
    sdk.stop()
  })

  test('keeps its bootstrap while nothing is published', async t => {
    t.mock.method(console, 'error', () => {}) // the SDK tells of the 503
    const sdk = client({ bootstrap: [toggle('new-feature')] })
    const errors = []
    sdk.on('error', e => errors.push(e.code))
    await sdk.start()
    assert.deepEqual(errors, [503])
    assert.equal(sdk.isEnabled('new-feature'), true)
    sdk.stop()
  })

  test('a browser lets every header of it through', async () => {
    await namespace.put('unleash-rules', snapshotText())
    const sdk = client({ customHeaders: { 'x-tenant': 'a', 'x-unleash-appname': 'shop' } })
    await sdk.start()
    await sdk.updateToggles()
    sdk.isEnabled('new-feature')
    await sdk.sendMetrics()
    sdk.stop()
    assert.deepEqual(calls.map(call => call.status), [200, 304, 202])
    for (const { url, init } of calls) {
      const preflight = await fetch(url, {
        method: 'OPTIONS',
        headers: { origin: 'https://shop.example', 'access-control-request-method': init.method }
      })
      assert.equal(preflight.status, 204)
      const list = name => preflight.headers.get(name).toLowerCase().split(', ')
      assert.ok(list('access-control-allow-methods').includes(init.method.toLowerCase()))
      const allowed = list('access-control-allow-headers')
      for (const name of Object.keys(init.headers)) {
        const good = allowed.includes(name) || (allowed.includes('*') && name !== 'authorization')
        assert.ok(good, name)
      }
    }
  })
})
