// What workers fetch in workerd: snapshots behind an address, the core, and
// the metrics that they hand on. The other ends are servers on loopback.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startEndless } from './endless.js'
import { bundle, need } from './parts.js'
import { startReceiver } from './receiver.js'
import { oneFlag, rulesText, snapshotText, toggle } from './samples.js'
import { eventually, startWorker } from './workerd.js'

const { skip, load } = need('miniflare', 'esbuild', 'unleash-proxy-client')

const TOKEN = '*:production.frontend'

// A worker of a user's own, with the names of both forms.
const OWN = source => `
import { bundle, chain, core, createFlags, http } from './index.js'
const flags = createFlags({ source: ${source}, usage: { url: URL_OF, token: '${TOKEN}', interval: 0 } })
addEventListener('fetch', event => event.respondWith(flags.handler(event.request, event)))`

describe('over the network', { skip }, () => {
  let receiver, asked, down
  before(async () => { receiver = await startReceiver() })
  after(() => receiver.stop())
  beforeEach(() => {
    asked = []
    down = false
    receiver.texts = { snapshot: oneFlag(1, true), etag: '"1"' }
    const tell = (path, how) => receiver.answer(path, one => {
      asked.push({ ...one, status: undefined })
      const answer = down ? { status: 500 } : how(one)
      asked.at(-1).status = answer.status || 200
      return answer
    })
    tell('/snapshot', ({ headers }) => {
      const { snapshot, etag } = receiver.texts
      return headers['if-none-match'] === etag ? { status: 304 } : { headers: { etag }, body: snapshot }
    })
    tell('/api/frontend', ({ headers, body }) => {
      if (headers.authorization !== TOKEN) return { status: 401 }
      const { context } = JSON.parse(body)
      return { body: JSON.stringify({ toggles: context.userId === '7' ? [toggle('for-seven')] : [] }) }
    })
    tell('/api/frontend/client/metrics', () => ({ status: 202 }))
  })

  /** EdgeRoutine's form, with as many subrequests as it allows. */
  async function start(t, source) {
    const { text } = await bundle({ contents: OWN(source).replaceAll('URL_OF', JSON.stringify(receiver.url)), format: 'iife' })
    const worker = await startWorker(text, { serviceWorker: true, edgekv: true, date: '2021-11-02' })
    t.after(() => worker.stop())
    await worker.behave({ subrequests: 4 })
    const names = async (query = '') => (await worker.get('/api/frontend' + query)).toggles.map(one => one.name)
    const send = () => worker.fetch('/api/frontend/client/metrics', { method: 'POST', body: JSON.stringify({ appName: 'shop', bucket: { toggles: { a: { yes: 1, no: 0 } } } }) })
    return { worker, names, send, status: () => worker.get('/flagcast/status') }
  }

  test('http: one subrequest in maxAgeMs, 304 for what is known, the last good one while it is down', async t => {
    const { worker, names, status } = await start(t, "http(URL_OF + '/snapshot')")
    for (let i = 0; i < 5; i++) assert.deepEqual(await names(), ['new-feature'])
    assert.equal(asked.length, 1)
    await worker.tick(30000)
    await names()
    await eventually(async () => asked.length, n => n === 2, 'another read')
    assert.equal(asked[1].status, 304)
    await eventually(status, one => one.ageMs === 0, 'it is confirmed')

    down = true
    await worker.tick(30000)
    await names()
    await eventually(status, one => one.lastError === 'the address of the snapshot answers 500', 'the error')
    assert.deepEqual(await names(), ['new-feature'])
    down = false
    receiver.texts = { snapshot: oneFlag(2, false), etag: '"2"' }
    await worker.tick(1000)
    await eventually(names, list => list.length === 0, 'the change')
  })

  test('a body without an end is cut off, of a snapshot and of a request', async t => {
    const endless = await startEndless()
    t.after(() => endless.stop())
    const { worker } = await start(t, `http('${endless.url}')`)
    const response = await worker.fetch('/api/frontend')
    assert.equal(response.status, 503)
    assert.deepEqual(await response.json(), { error: 'no flags yet: the body has more than 26214400 bytes' })
    await endless.closed
    assert.ok(endless.sent() < (25 << 20) + (16 << 20), endless.sent() + ' bytes were sent')

    receiver.texts = { snapshot: rulesText(), etag: '"rules"' }
    const { worker: reader } = await start(t, "http(URL_OF + '/snapshot')")
    const long = { method: 'POST', body: ' '.repeat(65537) }
    assert.equal((await reader.fetch('/api/frontend', long)).status, 400)
    assert.equal((await reader.fetch('/api/frontend', { ...long, body: ' '.repeat(65536) })).status, 200)
    assert.equal((await reader.fetch('/api/frontend/client/metrics', long)).status, 202)
  })

  test('core for each request; when it is away, what is stored', async t => {
    const { worker, names, send, status } = await start(t, `chain(core(URL_OF, '${TOKEN}'), http(URL_OF + '/snapshot'))`)
    assert.deepEqual(await names('?userId=7'), ['for-seven'])
    assert.deepEqual(await names('?userId=8'), [])
    assert.equal(asked.filter(one => one.path === '/api/frontend').length, 2)
    receiver.answer('/api/frontend', () => ({ status: 502 }))
    assert.deepEqual(await names('?userId=7'), ['new-feature'])
    const { source, lastError } = await status()
    assert.deepEqual([source, lastError], ['http', 'core: the core answers 502'])
    assert.equal((await send()).status, 202)
    await worker.tick(1000)
    receiver.answer('/api/frontend', () => ({ body: '{"toggles":[]}' }))
    assert.deepEqual(await names('?userId=7'), [])
  })

  test('a receiver of metrics that is down loses them, and no answer', async t => {
    const { names, send, status } = await start(t, "http(URL_OF + '/snapshot')")
    assert.deepEqual(await names(), ['new-feature'])
    await send()
    await eventually(async () => asked.filter(one => one.path.endsWith('metrics')), list => list.length === 1, 'the metrics')
    down = true
    await send()
    await eventually(status, one => /^the receiver of metrics answers 500/.test(one.usageError), 'the error')
    assert.deepEqual(await names(), ['new-feature'])
  })

  test('the stock worker of Cloudflare: tokens, and metrics of unleash-proxy-client', async t => {
    const { text } = await bundle({ entry: 'entries/cloudflare.js' })
    const worker = await startWorker(text, {
      kv: ['FLAGS'], vars: { FLAGCAST_TOKENS: 'one,two', FLAGCAST_USAGE_URL: receiver.url + '/', FLAGCAST_USAGE_TOKEN: TOKEN }
    })
    t.after(() => worker.stop())
    await (await worker.kv('FLAGS')).put('unleash-rules', snapshotText())
    assert.equal((await worker.fetch('/api/frontend')).status, 401)
    const { UnleashClient } = load('unleash-proxy-client')
    const client = new UnleashClient({ url: worker.url + 'api/frontend', clientKey: 'two', appName: 'shop', disableRefresh: true, metricsInterval: 0, fetch })
    t.after(() => client.stop())
    await client.start()
    for (let i = 0; i < 3; i++) assert.equal(client.isEnabled('new-feature'), true)
    client.getVariant('price')
    await client.sendMetrics()
    await worker.tick(10000)
    client.isEnabled('new-feature')
    await client.sendMetrics()
    const [sent] = await eventually(async () => asked.filter(one => one.path.endsWith('metrics')), list => list.length === 1, 'the metrics')
    assert.equal(sent.headers.authorization, TOKEN)
    const { appName, bucket } = JSON.parse(sent.body)
    assert.equal(appName, 'shop')
    assert.deepEqual(bucket.toggles['new-feature'], { yes: 4, no: 0, variants: {} })
    assert.deepEqual(bucket.toggles.price, { yes: 1, no: 0, variants: { blue: 1 } })
    assert.equal((await worker.get('/flagcast/status')).usageError, null)
  })

  test('a token list that is empty lets nobody in', async t => {
    const { text } = await bundle({ entry: 'entries/cloudflare.js' })
    const worker = await startWorker(text, { kv: ['FLAGS'], vars: { FLAGCAST_TOKENS: '' } })
    t.after(() => worker.stop())
    await (await worker.kv('FLAGS')).put('unleash-rules', rulesText())
    for (const headers of [{}, { authorization: 'Bearer ' }]) assert.equal((await worker.fetch('/api/frontend', { headers })).status, 401)
  })
})
