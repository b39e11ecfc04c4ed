// The shim against the documentation of EdgeKV.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import './edgekvshim.js'
import { fakeClock } from './samples.js'

const { EdgeKV, edgekvShim } = globalThis

beforeEach(() => edgekvShim.reset())

test('the constructor needs a namespace', () => {
  for (const options of [undefined, null, {}, { namespace: '' }, { namespace: 7 }]) {
    assert.throws(() => new EdgeKV(options), TypeError)
  }
  assert.ok(new EdgeKV({ namespace: 'flags' }))
  assert.ok(new EdgeKV({ namespaceId: '123' }))
})

test('get gives a stream unless a type is asked for', async () => {
  const kv = new EdgeKV({ namespace: 'flags' })
  assert.equal(await kv.put('k', '{"a":1}'), undefined)
  for (const options of [undefined, {}, { type: 'stream' }]) {
    const stream = await kv.get('k', options)
    assert.ok(stream instanceof ReadableStream)
    assert.equal(await new Response(stream).text(), '{"a":1}')
  }
  assert.equal(await kv.get('k', { type: 'text' }), '{"a":1}')
  assert.deepEqual(await kv.get('k', { type: 'json' }), { a: 1 })
  assert.equal(new TextDecoder().decode(await kv.get('k', { type: 'arrayBuffer' })), '{"a":1}')
  await assert.rejects(kv.get('k', { type: 'blob' }), TypeError)
})

test('JSON that is none rejects', async () => {
  const kv = new EdgeKV({ namespace: 'flags' })
  await kv.put('k', '{')
  await assert.rejects(kv.get('k', { type: 'json' }), TypeError)
})

test('a miss is undefined, whatever the type', async () => {
  const kv = new EdgeKV({ namespace: 'flags' })
  for (const type of [undefined, 'text', 'json', 'arrayBuffer']) {
    assert.equal(await kv.get('k', { type }), undefined)
  }
})

test('namespaces are apart', async () => {
  await new EdgeKV({ namespace: 'a' }).put('k', 'in a')
  assert.equal(await new EdgeKV({ namespace: 'b' }).get('k', { type: 'text' }), undefined)
})

test('keys are checked', async () => {
  const kv = new EdgeKV({ namespace: 'flags' })
  for (const key of ['', 'a b', 'a/b', 'a.b', 'ä', 'k'.repeat(513), undefined, 7]) {
    await assert.rejects(kv.get(key, { type: 'text' }), TypeError)
    await assert.rejects(kv.put(key, 'v'), TypeError)
    await assert.rejects(kv.delete(key), TypeError)
  }
  await kv.put('A-z_9'.padEnd(512, 'k'), 'v')
})

test('a value has 1.8 MB at most', async () => {
  const kv = new EdgeKV({ namespace: 'flags' })
  await kv.put('k', 'v'.repeat(1800000))
  await assert.rejects(kv.put('k', 'v'.repeat(1800001)), TypeError)
  await assert.rejects(kv.put('k', 'é'.repeat(900001)), TypeError)
})

test('put takes what a response takes', async () => {
  const kv = new EdgeKV({ namespace: 'flags' })
  for (const value of ['v', new Response('v'), new TextEncoder().encode('v'), new Response('v').body]) {
    await kv.put('k', value)
    assert.equal(await kv.get('k', { type: 'text' }), 'v')
  }
})

test('delete tells whether there was something', async () => {
  const kv = new EdgeKV({ namespace: 'flags' })
  await kv.put('k', 'v')
  assert.equal(await kv.delete('k'), true)
  assert.equal(await kv.delete('k'), false)
  assert.equal(await kv.get('k', { type: 'text' }), undefined)
})

test('it fails when it is told to', async () => {
  const kv = new EdgeKV({ namespace: 'flags' })
  await kv.put('k', 'v')
  edgekvShim.behave({ failure: 'kv is away' })
  await assert.rejects(kv.get('k', { type: 'text' }), /^Error: kv is away$/)
  await assert.rejects(kv.put('k', 'w'), /kv is away/)
  edgekvShim.behave({ failure: '' })
  assert.equal(await kv.get('k', { type: 'text' }), 'v')
})

test('a put takes its time until it is seen', async t => {
  const clock = fakeClock(t)
  const kv = new EdgeKV({ namespace: 'flags' })
  await kv.put('k', 'old')
  edgekvShim.behave({ propagation: 20000 })
  await kv.put('k', 'new')
  clock.tick(19999)
  assert.equal(await kv.get('k', { type: 'text' }), 'old')
  clock.tick(1)
  assert.equal(await kv.get('k', { type: 'text' }), 'new')
})

test('a miss is remembered', async t => {
  const clock = fakeClock(t)
  const kv = new EdgeKV({ namespace: 'flags' })
  edgekvShim.behave({ missTtl: 60000 })
  assert.equal(await kv.get('k', { type: 'text' }), undefined)
  await kv.put('k', 'v')
  clock.tick(59999)
  assert.equal(await kv.get('k', { type: 'text' }), undefined)
  clock.tick(1)
  assert.equal(await kv.get('k', { type: 'text' }), 'v')
})

test('a request has as many subrequests as it may, whatever becomes of them', async () => {
  edgekvShim.behave({ subrequests: 4 })
  for (let request = 0; request < 2; request++) {
    edgekvShim.begin()
    const asked = await Promise.allSettled(Array.from({ length: 6 }, () => fetch('data:,x')))
    assert.deepEqual(asked.map(({ status }) => status), ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'])
  }
})

test('a request has as many timers as it may, and none for longer than it takes', () => {
  edgekvShim.behave({ timers: 16, responseTime: 5000 })
  for (let request = 0; request < 2; request++) {
    edgekvShim.begin()
    for (const ms of [5001, 1e6, Infinity]) assert.throws(() => setTimeout(() => {}, ms), RangeError)
    for (let i = 0; i < 16; i++) clearTimeout(setTimeout(() => {}, i === 0 ? 5000 : 1))
    assert.throws(() => setTimeout(() => {}, 1), RangeError)
  }
})

test('what is planted is not checked', async () => {
  edgekvShim.plant('flags', 'k', 'x'.repeat(30e6))
  assert.equal((await new EdgeKV({ namespace: 'flags' }).get('k', { type: 'text' })).length, 30e6)
})
