import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { edgekv, kv } from '../src/index.js'
import './edgekvshim.js'
import { need } from './parts.js'
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
