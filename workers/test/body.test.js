// Foreign bodies: no more of one is read than its bound, whatever it declares.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { textOf } from '../src/body.js'
import { core, createFlags, http } from '../src/index.js'
import { endlessBody, startEndless } from './endless.js'
import { startReceiver } from './receiver.js'
import { Platform, fixedSource, rulesText } from './samples.js'

const SNAPSHOT = 25 << 20 // bytes
const REQUEST = 65536
// What lies in the buffers of two sockets and of the client.
const BUFFERS = 16 << 20

const chunked = (bytes, size) => new Response(new ReadableStream({
  start(controller) {
    for (let i = 0; i < bytes.length; i += size) controller.enqueue(bytes.slice(i, i + size))
    controller.close()
  }
}))

test('a text is exact, wherever it is cut into chunks', async () => {
  const text = 'größe 名前 \u{1F680} \u2028 \u0000'
  const bytes = new TextEncoder().encode(text)
  for (let size = 1; size <= bytes.length; size++) {
    assert.equal(await textOf(chunked(bytes, size), bytes.length), text)
    await assert.rejects(textOf(chunked(bytes, size), bytes.length - 1), /^Error: the body has more than \d+ bytes$/)
  }
  for (const cut of [[0xe5], [0xf0, 0x9f], [0xff, 0x41]]) {
    assert.equal(await textOf(new Response(new Uint8Array(cut))), await new Response(new Uint8Array(cut)).text())
  }
})

test('a body that is empty, or that is not there, is an empty text', async () => {
  for (const message of [new Response(null), new Response(''), new Request('https://pop.example', { method: 'POST' })]) {
    assert.equal(await textOf(message), '')
  }
})

test('a body that breaks off rejects', async () => {
  const broken = new Response(new ReadableStream({ pull(controller) { controller.error(new Error('reset')) } }))
  await assert.rejects(textOf(broken), /^Error: reset$/)
})

test('what declares to be too long is not read', async () => {
  for (const declared of ['65537', '999999999999999999999']) {
    const body = endlessBody()
    await assert.rejects(textOf(new Response(body.stream, { headers: { 'content-length': declared } })), /more than 65536 bytes$/)
    assert.equal(body.read(), 0)
    assert.ok(body.cancelled())
  }
})

test('what declares less than it is, or no length that can be read, has the same bound', async () => {
  for (const declared of ['1', '-5', 'many', '', '65536, 65536']) {
    const body = endlessBody()
    await assert.rejects(textOf(new Response(body.stream, { headers: { 'content-length': declared } })), /more than 65536 bytes$/)
    assert.ok(body.read() <= REQUEST + 2048, declared + ': ' + body.read() + ' bytes')
    assert.ok(body.cancelled())
  }
})

for (const [name, open] of [
  ['http', url => http(url)],
  ['core', url => core(url, 'token')]
]) {
  test(name + ': an answer without an end is cut off at 25 MiB', async t => {
    const server = await startEndless()
    t.after(() => server.stop())
    await assert.rejects(open(server.url).get(), /^Error: the body has more than 26214400 bytes$/)
    await server.closed
    assert.ok(server.sent() >= SNAPSHOT && server.sent() < SNAPSHOT + BUFFERS, server.sent() + ' bytes were sent')
  })

  test(name + ': an answer that declares 90 MB is not read', async t => {
    const server = await startEndless({ 'content-length': '94371840' })
    t.after(() => server.stop())
    await assert.rejects(open(server.url).get(), /more than 26214400 bytes$/)
    await server.closed
    assert.ok(server.sent() < BUFFERS, server.sent() + ' bytes were sent')
  })

  test(name + ': the bound is of what a compressed answer unpacks to', async t => {
    const server = await startReceiver()
    t.after(() => server.stop())
    const bomb = gzipSync(Buffer.alloc(200e6, ' '))
    for (const path of ['/', '/api/frontend']) server.answer(path, () => ({ headers: { 'content-encoding': 'gzip' }, body: bomb }))
    const before = process.memoryUsage()
    await assert.rejects(open(server.url).get(), /more than 26214400 bytes$/)
    const { heapUsed, external } = process.memoryUsage()
    const grown = heapUsed + external - before.heapUsed - before.external
    assert.ok(grown < 120e6, grown + ' bytes of memory')
  })
}

test('a context without an end is 400, and what declares to be long is not read', async () => {
  const flags = createFlags({ source: fixedSource(rulesText()) })
  for (const [headers, most] of [[{}, REQUEST + 2048], [{ 'content-length': '65537' }, 0]]) {
    for (const path of ['/api/frontend', '/api/proxy/all', '/api/frontend/features/plain']) {
      const body = endlessBody()
      const response = await flags.handler(new Request('https://pop.example' + path, { method: 'POST', body: body.stream, duplex: 'half', headers }))
      assert.equal(response.status, 400)
      assert.deepEqual(await response.json(), { error: 'the body has more than 65536 bytes' })
      assert.ok(body.read() <= most, body.read() + ' bytes')
      assert.ok(body.cancelled())
    }
  }
})

test('metrics and registrations without an end are dropped', async t => {
  const receiver = await startReceiver()
  t.after(() => receiver.stop())
  const flags = createFlags({ source: fixedSource(rulesText()), usage: { url: receiver.url, token: 't', interval: 0 } })
  for (const kind of ['metrics', 'register']) {
    for (const [headers, most] of [[{}, REQUEST + 2048], [{ 'content-length': '65537' }, 0]]) {
      const body = endlessBody()
      const platform = new Platform()
      const request = new Request('https://pop.example/api/frontend/client/' + kind, { method: 'POST', body: body.stream, duplex: 'half', headers })
      assert.equal((await flags.handler(request, platform)).status, 202)
      await platform.settled()
      assert.ok(body.read() <= most, body.read() + ' bytes')
      assert.ok(body.cancelled())
      assert.equal(flags.status().usageError, null)
    }
  }
})
