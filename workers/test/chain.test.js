// Flags over several sources, and over one that is asked for each request.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundle, chain, createFlags, NotReadyError } from '../src/index.js'
import { createLive } from '../src/live.js'
import { Platform, fakeClock, fixedSource, manualSource, oneFlag, rulesText, snapshotText, toggle } from './samples.js'

const isOn = async (flags, platform) => (await flags.view({}, platform)).isEnabled('new-feature')

/** A source with a name. */
const named = (name, answer) => Object.assign(fixedSource(answer), { name })

/** One that is asked for each request, and answers with what `answer` is now. */
function liveSource(answer) {
  const source = Object.assign(fixedSource(answer), { name: 'core', contexts: [], open: settings => [createLive(source, settings)] })
  const { get } = source
  source.get = context => {
    source.contexts.push(context)
    return get(context)
  }
  return source
}

const toggles = enabled => JSON.stringify({ toggles: [toggle('new-feature', enabled)] })

test('the first that has a snapshot serves, and status says which, and why not another', async t => {
  for (const [what, answer, why] of [
    ['is absent', null, /^first: nothing is stored under the key/],
    ['fails', new Error('away'), /^first: away$/],
    ['cannot be read', '<html>', /^first: .*not JSON/],
    ['is of the future', snapshotText({ format: 'evaluated/9' }, []), /^first: .*evaluated\/9/]
  ]) {
    await t.test('the first one ' + what, async t => {
      const clock = fakeClock(t)
      const first = named('first', answer)
      const second = named('second', oneFlag(1, false))
      const third = named('third', oneFlag(9, true))
      const flags = createFlags({ source: chain(first, chain(second, third)) })
      assert.equal(await isOn(flags), false)
      assert.equal(flags.status().source, 'second')
      assert.match(flags.status().lastError, why)
      assert.equal(third.count, 0)

      // It is tried again soon, in the background.
      first.answer = oneFlag(5, true)
      clock.tick(1000)
      const platform = new Platform()
      assert.equal(await isOn(flags, platform), false)
      await platform.settled()
      assert.equal(await isOn(flags, platform), true)
      assert.equal(flags.status().source, 'first')
      assert.equal(flags.status().lastError, null)

      // What was newer stays, when only older ones are left.
      first.answer = answer
      clock.tick(30000)
      assert.equal(await isOn(flags), true)
      assert.equal(flags.status().seq, 9, 'the third one has the newest')
      assert.match(flags.status().lastError, why)
    })
  }
})

test('none has one', async () => {
  const flags = createFlags({ source: chain(named('kv', null), named('http', new Error('away')), bundle(undefined)) })
  await assert.rejects(flags.view(), e => e instanceof NotReadyError && /^no flags yet: kv: nothing is stored/.test(e.message))
  assert.equal(flags.status().source, 'kv')
  assert.throws(() => createFlags({ source: chain() }), /a chain has at least one source/)
})

test('the same text from another source says where it came from', async t => {
  const clock = fakeClock(t)
  const text = oneFlag(1, true)
  const first = named('first', null)
  const flags = createFlags({ source: chain(first, named('second', text)) })
  await isOn(flags)
  first.answer = text
  clock.tick(1000)
  await isOn(flags)
  assert.equal(flags.status().source, 'first')
})

test('a chain of one is that one', async () => {
  const flags = createFlags({ source: chain(chain(named('kv', new Error('away')))) })
  await assert.rejects(flags.view(), /no flags yet: away$/)
})

test('by itself a chain gives the first text, and the first failure', async () => {
  const [one, two] = [named('one', new Error('one')), named('two', new Error('two'))]
  await assert.rejects(chain(one, named('none', null), two).get(), /^Error: one$/)
  assert.equal(await chain(one, named('text', 'text'), two).get(), 'text')
})

test('what stands behind core may fail in the background', async () => {
  const flags = createFlags({ source: chain(liveSource(toggles(true)), named('kv', null)) })
  assert.equal(flags.status().source, 'core')
  const platform = new Platform()
  assert.equal(await isOn(flags, platform), true)
  assert.equal(platform.count, 1)
  await platform.settled()
  assert.match(flags.status().lastError, /^kv: nothing is stored/)
})

test('none has one: each says why', async () => {
  const flags = createFlags({ source: chain(liveSource(new Error('away')), named('kv', null)) })
  await assert.rejects(flags.view(), /no flags yet: core: away; kv: nothing is stored/)
})

test('one that hangs has its part of the time', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const hangs = Object.assign(manualSource(), { name: 'kv' })
  const flags = createFlags({ source: chain(hangs, bundle(oneFlag(0, true))) })
  const answer = isOn(flags)
  await new Promise(setImmediate)
  t.mock.timers.tick(2000)
  assert.equal(await answer, true)
  assert.equal(flags.status().lastError, 'kv: no answer within 2000 ms')
  assert.equal(flags.status().source, 'bundle')
})

test('core is asked for each request, with its context', async () => {
  const source = liveSource(toggles(true))
  const flags = createFlags({ source })
  assert.deepEqual(flags.status().ready, false)
  assert.equal((await flags.view({ userId: '1' })).isEnabled('new-feature'), true)
  source.answer = toggles(false)
  const view = await flags.view({ userId: '2' })
  assert.equal(view.isEnabled('new-feature'), false)
  assert.equal(view.getVariant('new-feature').name, 'disabled')
  assert.equal(view.isEnabled('unknown'), false)
  assert.deepEqual(view.all(), [toggle('new-feature', false)])
  assert.deepEqual(source.contexts, [{ userId: '1' }, { userId: '2' }])
  const { ready, seq, digest, ageMs, lastError } = flags.status()
  assert.deepEqual({ ready, seq, digest, lastError }, { ready: true, seq: null, digest: null, lastError: null })
  assert.ok(ageMs >= 0)
})

test('the handler over core: contexts, entity tags, 400 without asking', async () => {
  const source = liveSource(toggles(true))
  const { handler } = createFlags({ source, clientIP: 'x-ip' })
  const ask = (path, init) => handler(new Request('https://pop.example' + path, init))
  const first = await ask('/api/frontend?userId=7&properties[a]=b', { headers: { 'x-ip': '10.0.0.1' } })
  assert.deepEqual(await first.json(), JSON.parse(toggles(true)))
  assert.equal(source.contexts[0].userId, '7')
  assert.equal(source.contexts[0].properties.a, 'b')
  assert.equal(source.contexts[0].remoteAddress, '10.0.0.1')
  const etag = first.headers.get('etag')
  assert.equal((await ask('/api/frontend?userId=8', { headers: { 'if-none-match': etag } })).status, 304)
  // The tag is of all that is answered: nothing else stands for it.
  const variant = payload => ({ toggles: [toggle('new-feature', true, { name: 'v', enabled: true, payload: { type: 'string', value: payload } })] })
  const tags = new Set([etag])
  for (const answer of [toggles(false), JSON.stringify(variant('a')), JSON.stringify(variant('b')), toggles(true).replace('"impressionData":false', '"impressionData":true')]) {
    source.answer = answer
    tags.add((await ask('/api/frontend/all')).headers.get('etag'))
  }
  assert.equal(tags.size, 5)
  assert.equal((await ask('/api/frontend/features/new-feature')).status, 200)
  assert.equal((await ask('/api/frontend/features/unknown')).status, 404)
  const asked = source.count
  assert.equal((await ask('/api/frontend', { method: 'POST', body: '{' })).status, 400)
  assert.equal(source.count, asked)
})

test('core that fails, has nothing, or answers something else', async t => {
  for (const [answer, why] of [
    [new Error('away'), /^no flags yet: away$/],
    [null, /^no flags yet: the server has none itself$/],
    ['<html>', /not JSON/],
    ['null', /no list of toggles/],
    ['{"toggles":{}}', /no list of toggles/],
    ['{"toggles":[{"name":"x"}]}', /a toggle that is none/]
  ]) {
    await t.test(String(answer), async t => {
      const clock = fakeClock(t)
      const source = liveSource(answer)
      const flags = createFlags({ source })
      await assert.rejects(flags.view(), e => e instanceof NotReadyError && why.test(e.message))
      source.answer = toggles(true)
      clock.tick(999)
      await assert.rejects(flags.view(), e => why.test(e.message))
      assert.equal(source.count, 1, 'it is left alone for a second')
      clock.tick(1)
      assert.equal(await isOn(flags), true)
      assert.equal(flags.status().lastError, null)
    })
  }
})

test('a context that core refuses harms no other request', async t => {
  fakeClock(t)
  const source = liveSource(Object.assign(new Error('the core answers 400'), { status: 400 }))
  const flags = createFlags({ source })
  await assert.rejects(flags.view(), /answers 400$/)
  source.answer = toggles(true)
  assert.equal(await isOn(flags), true)
})

test('core that hangs', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const source = Object.assign(manualSource(), { name: 'core', open: settings => [createLive(source, settings)] })
  const flags = createFlags({ source: chain(source, fixedSource(oneFlag(1, true))) })
  const answer = isOn(flags)
  await new Promise(setImmediate)
  t.mock.timers.tick(2000)
  assert.equal(await answer, true)
  assert.equal(await isOn(flags), true, 'at once')
  assert.equal(source.reads.length, 1)
  assert.equal(flags.status().source, 'fixed')
  assert.equal(flags.status().lastError, 'core: no answer within 2000 ms')
})

test('core first, then a snapshot', async t => {
  const clock = fakeClock(t)
  const core = liveSource(toggles(true))
  const kv = named('kv', oneFlag(1, false))
  const flags = createFlags({ source: chain(core, kv) })
  assert.equal(await isOn(flags), true)
  assert.equal(kv.count, 0, 'without waitUntil nothing is read in the background')
  assert.equal(flags.status().source, 'core')
  core.answer = new Error('away')
  assert.equal(await isOn(flags), false)
  assert.equal(flags.status().source, 'kv')
  assert.equal(flags.status().lastError, 'core: away')
  core.answer = toggles(true)
  clock.tick(1000)
  assert.equal(await isOn(flags), true)
  assert.deepEqual([flags.status().source, flags.status().lastError], ['core', null])
})

test('what stands behind core is read in the background while core answers', async t => {
  const clock = fakeClock(t)
  const core = liveSource(toggles(true))
  const kv = named('kv', oneFlag(1, false))
  const flags = createFlags({ source: chain(core, kv) })
  const platform = new Platform()
  for (let i = 0; i < 3; i++) {
    assert.equal(await isOn(flags, platform), true)
    await platform.settled()
  }
  assert.equal(kv.count, 1, 'once in maxAgeMs')
  kv.answer = oneFlag(2, true)
  clock.tick(30000)
  await isOn(flags, platform)
  await platform.settled()
  assert.equal(kv.count, 2)
  core.answer = new Error('away')
  kv.answer = new Error('away, too')
  assert.equal(await isOn(flags, platform), true)
  assert.equal(flags.status().seq, 2)
  clock.tick(30000)
  core.answer = toggles(true)
  assert.equal(await isOn(flags, platform), true)
  await platform.settled()
})

test('a snapshot first, then core', async t => {
  const clock = fakeClock(t)
  const core = liveSource(toggles(false))
  const kv = named('kv', null)
  const last = named('bundle', rulesText())
  const flags = createFlags({ source: chain(kv, core, last) })
  assert.equal(await isOn(flags), false)
  assert.equal(flags.status().source, 'core')
  core.answer = new Error('away')
  assert.equal((await flags.view({ userId: '7' })).isEnabled('canary'), true)
  assert.equal(flags.status().source, 'bundle')
  assert.match(flags.status().lastError, /^kv: nothing is stored .*; core: away$/)
  kv.answer = oneFlag(3, true)
  clock.tick(1000)
  assert.equal(await isOn(flags), true)
  assert.equal(flags.status().source, 'kv')
  // One body is read once, for however many sources.
  core.answer = new Error('away')
  const flags2 = createFlags({ source: chain(core, last) })
  const response = await flags2.handler(new Request('https://pop.example/api/frontend', { method: 'POST', body: '{"userId":"7"}' }))
  assert.ok((await response.json()).toggles.some(one => one.name === 'canary'))
})
