import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { bundle, chain, core, createFlags, edgekv, http, kv } from '../src/index.js'
import './edgekvshim.js'
import { need } from './parts.js'
import { startReceiver } from './receiver.js'
import { fixedSource, oneFlag } from './samples.js'
import { sourceSuite } from './sourcesuite.js'
import { startWorker } from './workerd.js'

const { edgekvShim, EdgeKV } = globalThis
const { skip } = need('miniflare')

beforeEach(() => edgekvShim.reset())

// The KV namespace is the real one of workerd. A key that is too long makes
// it fail. Each test has a key of its own.
let worker
let tests = 0
after(() => worker && worker.stop())

sourceSuite('kv', {
  skip,
  async open() {
    worker = worker || (await startWorker('export default {}', { kv: ['FLAGS'] }))
    const namespace = await worker.kv('FLAGS')
    const key = 'flags-' + ++tests
    return {
      source: kv(namespace, key),
      put: text => namespace.put(key, text),
      failing: kv(namespace, 'k'.repeat(513))
    }
  }
})

sourceSuite('edgekv', {
  async open() {
    return {
      source: edgekv({ namespace: 'flags', key: 'unleash-flags' }),
      put: text => new EdgeKV({ namespace: 'flags' }).put('unleash-flags', text),
      failing: edgekv({ namespace: 'flags', key: 'not a key' })
    }
  }
})

sourceSuite('bundle', {
  async open() {
    let constant = null
    return {
      source: bundle(() => constant),
      put: async text => { constant = text },
      failing: bundle(() => { throw new Error('the constant is broken') })
    }
  }
})

// One server for both; each test has a path of its own.
let server
async function place() {
  server = server || (await startReceiver())
  return { url: server.url + '/' + ++tests, path: '/' + tests }
}
after(() => server && server.stop())

sourceSuite('http', {
  async open() {
    const { url, path } = await place()
    server.answer(path, ({ headers }) => {
      const text = server.texts[path]
      if (text === undefined) return { status: 404, body: '<Code>NoSuchKey</Code>' }
      const etag = '"' + Buffer.from(text).length + text.slice(0, 3).charCodeAt(0) + '"'
      return headers['if-none-match'] === etag ? { status: 304 } : { headers: { etag }, body: text }
    })
    server.answer(path + '/failing', () => ({ status: 500 }))
    return { source: http(url), put: async text => { server.texts[path] = text }, failing: http(url + '/failing') }
  }
})

sourceSuite('core', {
  async open() {
    const { url, path } = await place()
    server.answer(path + '/api/frontend', ({ headers }) => {
      if (headers.authorization !== 'token') return { status: 401 }
      return server.texts[path] === undefined ? { status: 503, headers: { 'retry-after': '1' } } : { body: server.texts[path] }
    })
    return { source: core(url + '/', 'token'), put: async text => { server.texts[path] = text }, failing: core(url, 'another') }
  }
})

sourceSuite('chain', {
  async open() {
    const second = fixedSource()
    const fails = fixedSource(new Error('away'))
    return {
      source: chain(fixedSource(), chain(second)),
      put: async text => { second.answer = text },
      failing: chain(fails, fixedSource(), fails)
    }
  }
})

test('a bundle may be a module, its text, its snapshot, or a function', async () => {
  const text = oneFlag(0, true)
  const parsed = JSON.parse(text)
  for (const [constant, want] of [[text, text], [{ text, digest: 'd' }, text], [() => parsed, parsed], [parsed, parsed], [() => ({ text }), text]]) {
    assert.equal(await bundle(constant).get(), want)
    const flags = createFlags({ source: bundle(constant), maxAgeMs: 0 })
    for (let i = 0; i < 2; i++) assert.equal((await flags.view()).isEnabled('new-feature'), true)
  }
  for (const none of [undefined, null, () => undefined]) assert.equal(await bundle(none).get(), null)
  for (const wrong of [{}, 7, { default: parsed }]) await assert.rejects(bundle(wrong).get(), /not as text$/)
})

test('http asks for what has changed, and for nothing else', async () => {
  const { url, path } = await place()
  const seen = []
  server.answer(path, ({ headers, search }) => {
    seen.push([headers['if-none-match'], headers['x-a'], search])
    return headers['if-none-match'] === '"1"' ? { status: 304 } : { headers: { etag: '"1"' }, body: 'one' }
  })
  const source = http(url + '?Signature=s', { headers: { 'x-a': 'a' } })
  assert.equal(await source.get(), 'one')
  assert.equal(await source.get(), 'one')
  assert.deepEqual(seen, [[undefined, 'a', '?Signature=s'], ['"1"', 'a', '?Signature=s']])
  assert.equal(source.at, url, 'without what may be secret in it')
})

test('http works without an entity tag, and is not taken in by a 304 or a 206', async () => {
  const { url, path } = await place()
  server.answer(path, ({ headers }) => ({ body: 'here, ' + headers['if-none-match'] }))
  const source = http(url)
  for (let i = 0; i < 2; i++) assert.equal(await source.get(), 'here, undefined')
  for (const [status, why] of [[304, /answers 304$/], [206, /answers 206$/], [403, /answers 403: is the token, or the address, still good\?$/], [500, /answers 500$/]]) {
    server.answer(path, () => ({ status }))
    await assert.rejects(http(url).get(), why)
  }
})

test('core asks the frontend API for the context of the request', async () => {
  const { url, path } = await place()
  const seen = []
  server.answer(path + '/api/frontend', request => {
    seen.push(request)
    return { body: '{"toggles":[]}' }
  })
  await createFlags({ source: core(url, '*:production.secret') }).view({ userId: 7, properties: { country: 'cn' } })
  for (const end of ['/', '//', '/api', '/api/']) await core(url + end, 't').get()
  assert.equal(seen.length, 5)
  assert.equal(seen[1].body, '{"context":{}}')
  const [{ method, headers, body }] = seen
  assert.equal(method, 'POST')
  assert.equal(headers.authorization, '*:production.secret')
  assert.equal(headers['content-type'], 'application/json')
  assert.deepEqual(JSON.parse(body), { context: { userId: 7, properties: { country: 'cn' } } })
})

// What a binding is asked for.
function binding(value) {
  const calls = []
  return { calls, async get(...args) { calls.push(args); return value } }
}

test('kv asks for text, and lets the PoP keep it for a minute', async () => {
  const namespace = binding('text')
  await kv(namespace, 'k').get()
  await kv(namespace, 'k', { cacheTtl: 30 }).get()
  assert.deepEqual(namespace.calls, [
    ['k', { type: 'text', cacheTtl: 60 }],
    ['k', { type: 'text', cacheTtl: 30 }]
  ])
})

test('kv refuses a cacheTtl that Cloudflare refuses at each read', () => {
  for (const cacheTtl of [0, 29, -1, NaN, 'x']) {
    assert.throws(() => kv(binding('text'), 'k', { cacheTtl }), /cacheTtl: want 30 or more/)
  }
})

test('kv asks a function for the binding at each read', async () => {
  let namespace
  const source = kv(() => namespace, 'k')
  namespace = binding('first')
  assert.equal(await source.get(), 'first')
  namespace = binding('second')
  assert.equal(await source.get(), 'second')
})

test('kv without a binding says what to do', async () => {
  for (const none of [undefined, null, () => undefined, {}, 'FLAGS']) {
    await assert.rejects(kv(none, 'k').get(), /^Error: the KV namespace is not bound: add a kv_namespaces binding/)
  }
})

test('kv and edgekv refuse what is not text', async () => {
  for (const value of [{}, 7, new Response('x').body]) {
    await assert.rejects(kv(binding(value), 'k').get(), /not as text$/)
  }
})

test('a message says where nothing is stored', async () => {
  for (const [source, where] of [
    [kv(binding(null), 'unleash-flags'), 'key "unleash-flags": publish'],
    [edgekv({ namespace: 'flags', key: 'unleash-flags' }), 'key "unleash-flags" of the namespace "flags": publish']
  ]) {
    const response = await createFlags({ source }).handler(new Request('https://pop.example/api/frontend'))
    assert.equal(response.status, 503)
    assert.ok((await response.json()).error.startsWith('no flags yet: nothing is stored under the ' + where))
  }
})

test('edgekv asks for text: without a type it would be a stream', async () => {
  await edgekv({ namespace: 'flags', key: 'unleash-flags' }).get()
  assert.deepEqual(edgekvShim.reads, [{ key: 'flags/unleash-flags', type: 'text' }])
})

test('edgekv refuses a stream that it gets by mistake', async t => {
  await new EdgeKV({ namespace: 'flags' }).put('k', 'text')
  const get = EdgeKV.prototype.get
  t.mock.method(EdgeKV.prototype, 'get', function (key) {
    return get.call(this, key)
  })
  await assert.rejects(edgekv({ namespace: 'flags', key: 'k' }).get(), /^Error: the stored value was read as object, not as text$/)
})

test('edgekv makes its EdgeKV within a read, and a failure there rejects', async t => {
  t.after(() => { globalThis.EdgeKV = EdgeKV })
  delete globalThis.EdgeKV
  const source = edgekv({ namespace: 'flags', key: 'k' })
  await assert.rejects(source.get(), ReferenceError)
  globalThis.EdgeKV = EdgeKV
  assert.equal(await source.get(), null)
  await assert.rejects(edgekv({ namespace: undefined, key: 'k' }).get(), TypeError)
})
