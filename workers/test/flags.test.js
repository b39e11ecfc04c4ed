import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFlags, createViews, NotReadyError } from '../src/index.js'
import { BLUE, Platform, TOGGLES, fakeClock, fixedSource, manualSource, oneFlag, snapshotText, toggle, rulesText } from './samples.js'

const isOn = async (flags, platform) => (await flags.view({}, platform)).isEnabled('new-feature')

test('a view answers for one snapshot', async () => {
  const view = await createFlags({ source: fixedSource(snapshotText()) }).view({ userId: '7' })
  for (const toggle of TOGGLES) {
    assert.equal(view.isEnabled(toggle.name), toggle.enabled)
    assert.deepEqual(view.getVariant(toggle.name), toggle.variant)
  }
  assert.deepEqual(view.getVariant('price'), { ...BLUE, feature_enabled: true, featureEnabled: true })
  assert.deepEqual(view.all(), TOGGLES)
})

test('an unknown flag is off, and has the variant of no variant', async () => {
  const view = await createFlags({ source: fixedSource(snapshotText({}, [])) }).view()
  for (const name of ['unknown', '__proto__', 'constructor', '']) {
    assert.equal(view.isEnabled(name), false)
    assert.deepEqual(view.getVariant(name), { name: 'disabled', enabled: false, feature_enabled: false, featureEnabled: false })
  }
})

test('who changes the list of flags changes it for nobody else', async () => {
  const flags = createFlags({ source: fixedSource(snapshotText()) })
  const list = (await flags.view()).all()
  list.reverse().pop()
  assert.deepEqual((await flags.view()).all(), TOGGLES)
})

test('createFlags reads nothing; the first request does', async () => {
  const source = fixedSource(snapshotText())
  const flags = createFlags({ source })
  assert.equal(source.count, 0)
  assert.equal(flags.status().ready, false)
  assert.equal(source.count, 0)
  const platform = new Platform()
  assert.equal(await isOn(flags, platform), true)
  assert.equal(source.count, 1)
  assert.equal(platform.count, 0, 'it waits itself')
})

test('the source is read again after maxAgeMs, and not before', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(oneFlag(1, false))
  const flags = createFlags({ source, maxAgeMs: 5000 })
  assert.equal(await isOn(flags), false)
  source.answer = oneFlag(2, true)
  clock.tick(4999)
  assert.equal(await isOn(flags), false)
  assert.equal(source.count, 1)
  clock.tick(1)
  assert.equal(await isOn(flags), true)
  assert.equal(source.count, 2)
})

test('maxAgeMs is 30 seconds; 0 reads for each request', async t => {
  const clock = fakeClock(t)
  const usual = fixedSource(snapshotText())
  const flags = createFlags({ source: usual })
  await isOn(flags)
  clock.tick(29999)
  await isOn(flags)
  assert.equal(usual.count, 1)
  clock.tick(1)
  await isOn(flags)
  assert.equal(usual.count, 2)

  const each = fixedSource(snapshotText())
  const now = createFlags({ source: each, maxAgeMs: 0 })
  await isOn(now)
  await isOn(now)
  assert.equal(each.count, 2)
})

test('the same text makes the snapshot fresh again', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(snapshotText())
  const flags = createFlags({ source, maxAgeMs: 5000 })
  await isOn(flags)
  clock.tick(5000)
  await isOn(flags)
  assert.equal(flags.status().ageMs, 0)
  clock.tick(3999)
  await isOn(flags)
  assert.equal(source.count, 2)
})

test('last good stands', async t => {
  const fresh = oneFlag(5, true)
  for (const [what, answer, error] of [
    ['the source fails', new Error('kv is away'), /^kv is away$/],
    ['nothing is stored any more', null, /^nothing is stored under the key/],
    ['an older snapshot is read', oneFlag(4, false), /^the source shows seq 4, older than 5$/],
    ['it is cut off', oneFlag(6, false).slice(0, -1), /cut off/],
    ['it is empty', '', /cut off/],
    ['it is of another', '{"toggles":[]}', /was not published by flagcast/],
    ['its format is of the future', snapshotText({ seq: 6, format: 'evaluated/2' }, []), /evaluated\/2/],
    ['a toggle in it is none', snapshotText({ seq: 6 }, [null]), /./],
    ['a page of HTML stands in its place', '<!doctype html><title>502</title>', /not JSON, or cut off: 33 characters$/],
    ['its seq is not exact', snapshotText({ seq: 2 ** 53 }, []), /was not published by flagcast/],
    ['its seq is what overflows elsewhere', snapshotText({}, []).replace('"seq":1', '"seq":18446744073709551615'), /was not published by flagcast/],
    ['its seq is negative', snapshotText({ seq: -1 }, []), /was not published by flagcast/],
    ['its seq is a fraction', snapshotText({ seq: 6.5 }, []), /was not published by flagcast/],
    ['its seq is a text', snapshotText({ seq: '6' }, []), /was not published by flagcast/],
    ['it is larger than any value', ' '.repeat(30e6), /^the stored snapshot has 30000000 characters, more than 26214400/]
  ]) {
    await t.test('when ' + what, async t => {
      const clock = fakeClock(t)
      const source = fixedSource(fresh)
      const flags = createFlags({ source, maxAgeMs: 5000 })
      await isOn(flags)
      source.answer = answer
      clock.tick(3600000)
      assert.equal(await isOn(flags), true)
      const { ready, seq, ageMs, lastError } = flags.status()
      assert.deepEqual({ ready, seq, ageMs }, { ready: true, seq: 5, ageMs: 3600000 })
      assert.match(lastError, error)

      source.answer = oneFlag(7, false)
      clock.tick(1000)
      assert.equal(await isOn(flags), false, 'and what is newer is taken')
      assert.equal(flags.status().lastError, null)
    })
  }
})

test('a seq that is not an exact number, read first, does not order what follows', async t => {
  for (const seq of ['9007199254740992', '18446744073709551615', '1e300', '-1', '1.5']) {
    const clock = fakeClock(t)
    const source = fixedSource(snapshotText({}, []).replace('"seq":1', '"seq":' + seq))
    const flags = createFlags({ source })
    await assert.rejects(flags.view(), /was not published by flagcast/)
    source.answer = oneFlag(1, true)
    clock.tick(1000)
    assert.equal(await isOn(flags), true, seq)
    assert.equal(flags.status().seq, 1)
    t.mock.restoreAll()
  }
})

test('the largest seq that is exact orders as others do', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(oneFlag(Number.MAX_SAFE_INTEGER, true))
  const flags = createFlags({ source })
  assert.equal(await isOn(flags), true)
  source.answer = oneFlag(Number.MAX_SAFE_INTEGER - 1, false)
  clock.tick(30000)
  await flags.view(undefined, undefined)
  assert.equal(await isOn(flags), true)
  assert.match(flags.status().lastError, /^the source shows seq 9007199254740990, older than 9007199254740991$/)
})

test('without a snapshot a view rejects, and says why', async () => {
  for (const [answer, why] of [
    [null, /^no flags yet: nothing is stored under the key: publish the target/],
    [new Error('kv is away'), /^no flags yet: kv is away$/],
    ['{', /^no flags yet: the stored snapshot is not JSON, or cut off: 1 characters$/]
  ]) {
    const flags = createFlags({ source: fixedSource(answer) })
    await assert.rejects(flags.view(), e => e instanceof NotReadyError && why.test(e.message))
  }
})

test('a source may throw anything, at once or later', async () => {
  const text = createFlags({ source: { name: 'x', get: () => Promise.reject('a text') } })
  await assert.rejects(text.view(), /no flags yet: a text$/)
  const atOnce = createFlags({ source: { name: 'x', get() { throw new Error('at once') } } })
  await assert.rejects(atOnce.view(), /no flags yet: at once$/)
})

test('first requests each read for themselves', async () => {
  const source = manualSource()
  const flags = createFlags({ source })
  const answers = [isOn(flags), isOn(flags), isOn(flags)]
  assert.equal(source.reads.length, 3)
  // Each is answered by its own read, in whatever order they end.
  source.reads[2].resolve(oneFlag(1, true))
  assert.equal(await answers[2], true)
  source.reads[0].reject(new Error('lost'))
  assert.equal(await answers[0], true, 'another has read meanwhile')
  source.reads[1].resolve(oneFlag(2, false))
  assert.equal(await answers[1], false)
})

test('a stale snapshot is served while one read is in flight', async t => {
  const clock = fakeClock(t)
  const source = manualSource()
  const flags = createFlags({ source, maxAgeMs: 5000 })
  const first = isOn(flags)
  source.reads[0].resolve(oneFlag(1, false))
  assert.equal(await first, false)

  clock.tick(5000)
  const platform = new Platform()
  assert.equal(await isOn(flags, platform), false)
  assert.equal(platform.count, 1, 'the platform waits for the read')
  clock.tick(3999)
  for (const request of [platform, new Platform(), undefined]) {
    assert.equal(await isOn(flags, request), false)
  }
  assert.equal(source.reads.length, 2, 'there is no second read')
  assert.equal(platform.count, 1)

  source.reads[1].resolve(oneFlag(2, true))
  await platform.settled()
  assert.equal(await isOn(flags, platform), true)
  assert.equal(source.reads.length, 2)
})

test('after ten times maxAgeMs a request waits for its read, the others do not', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(oneFlag(1, false))
  const flags = createFlags({ source, maxAgeMs: 5000 })
  const platform = new Platform()
  await isOn(flags, platform)
  source.answer = oneFlag(2, true)
  clock.tick(49999)
  assert.equal(await isOn(flags, platform), false)
  assert.equal(platform.count, 1)
  await platform.settled()
  source.answer = oneFlag(3, false)
  clock.tick(50000)
  assert.equal(await isOn(flags, platform), false, 'the newest, at once')
  assert.equal(flags.status().seq, 3)
  assert.equal(platform.count, 1)

  const reading = manualSource()
  source.get = reading.get
  clock.tick(50000)
  const waits = isOn(flags, platform)
  assert.equal(await isOn(flags, platform), false, 'one read, and what there is for the others')
  reading.reads[0].reject(new Error('kv is away'))
  assert.equal(await waits, false, 'the last good one')
  assert.equal(reading.reads.length, 1)
  assert.equal(platform.count, 1)
})

test('a read that the platform waits for may fail', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(snapshotText())
  const flags = createFlags({ source })
  await isOn(flags)
  clock.tick(30000)
  source.answer = new Error('kv is away')
  const platform = new Platform()
  assert.equal(await isOn(flags, platform), true)
  await platform.settled()
  assert.equal(flags.status().lastError, 'kv is away')
})

test('without waitUntil a request reads for itself', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(oneFlag(1, false))
  const flags = createFlags({ source })
  await isOn(flags)
  source.answer = oneFlag(2, true)
  clock.tick(30000)
  assert.equal(await isOn(flags, {}), true)
})

test('waitUntil may come alone, as a function', async t => {
  const clock = fakeClock(t)
  const flags = createFlags({ source: fixedSource(snapshotText()) })
  await isOn(flags)
  clock.tick(30000)
  const platform = new Platform()
  assert.equal(await isOn(flags, { waitUntil: promise => platform.waitUntil(promise) }), true)
  assert.equal(platform.count, 1)
})

test('after a failure the source is left alone for a second', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(new Error('kv is away'))
  const flags = createFlags({ source })
  await assert.rejects(isOn(flags))
  clock.tick(999)
  await assert.rejects(isOn(flags), /kv is away/)
  assert.equal(source.count, 1)
  clock.tick(1)
  source.answer = snapshotText()
  assert.equal(await isOn(flags), true)
  assert.equal(source.count, 2)

  // The same with a snapshot to serve.
  source.answer = null
  clock.tick(30000)
  await isOn(flags)
  clock.tick(999)
  await isOn(flags)
  assert.equal(source.count, 3)
  clock.tick(1)
  await isOn(flags)
  assert.equal(source.count, 4)
})

test('the pause after a failure is not longer than maxAgeMs', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(new Error('kv is away'))
  const flags = createFlags({ source, maxAgeMs: 100 })
  await assert.rejects(isOn(flags))
  clock.tick(100)
  await assert.rejects(isOn(flags))
  assert.equal(source.count, 2)
})

test('a read that never ends counts as lost', async t => {
  const clock = fakeClock(t)
  const source = manualSource()
  const flags = createFlags({ source })
  const first = isOn(flags)
  source.reads[0].resolve(oneFlag(1, false))
  await first
  clock.tick(30000)
  await isOn(flags, new Platform()) // its read is lost
  clock.tick(3999)
  await isOn(flags, new Platform())
  assert.equal(source.reads.length, 2)
  clock.tick(1)
  const platform = new Platform()
  await isOn(flags, platform)
  assert.equal(source.reads.length, 3)
  source.reads[2].resolve(oneFlag(3, true))
  await platform.settled()

  // Should it end after all, what it has read is old.
  source.reads[1].resolve(oneFlag(2, false))
  assert.equal(await isOn(flags), true)
  assert.equal(flags.status().seq, 3)
})

// The clock stands still here; only timers go.
test('a request waits for a read of its own, but not for ever', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  for (const [options, wait] of [[{}, 4000], [{ timeout: 300 }, 300]]) {
    const source = manualSource()
    const flags = createFlags({ source, ...options })
    const view = flags.view()
    const answer = flags.handler(new Request('https://pop.example/api/frontend'))
    await new Promise(setImmediate)
    t.mock.timers.tick(wait - 1)
    await new Promise(setImmediate)
    assert.equal(flags.status().lastError, null)
    t.mock.timers.tick(1)
    await assert.rejects(view, e => e instanceof NotReadyError && e.message === 'no flags yet: no answer within ' + wait + ' ms')
    assert.equal((await answer).status, 503)
    assert.equal(source.reads.length, 2)
    // What comes after all is not used, and harms nobody.
    for (const read of source.reads) read.reject(new Error('late'))
    await assert.rejects(flags.view(), /no answer within/)
  }
})

test('a read that the platform waits for has an end, too', async t => {
  const clock = fakeClock(t)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const source = manualSource()
  const flags = createFlags({ source })
  const first = isOn(flags)
  source.reads[0].resolve(oneFlag(1, true))
  await first
  clock.tick(30000)
  const platform = new Platform()
  await isOn(flags, platform)
  t.mock.timers.tick(4000)
  await platform.settled()
  assert.equal(flags.status().lastError, 'no answer within 4000 ms')
  assert.equal(await isOn(flags, platform), true)
})

test('where there are no timers a read has no end', async t => {
  t.after(() => { globalThis.setTimeout = setTimeout })
  const { setTimeout } = globalThis
  delete globalThis.setTimeout
  const slow = { name: 'slow', get: () => new Promise(resolve => setImmediate(resolve, oneFlag(1, true))) }
  assert.equal(await isOn(createFlags({ source: slow })), true)
})

test('no timer outlives its read', async t => {
  const [set, clear] = ['setTimeout', 'clearTimeout'].map(name => t.mock.method(globalThis, name))
  await isOn(createFlags({ source: fixedSource(oneFlag(1, true)) }))
  await assert.rejects(isOn(createFlags({ source: fixedSource(null) })))
  const timers = set.mock.calls.map(call => call.result)
  assert.equal(timers.length, 2)
  assert.deepEqual(clear.mock.calls.map(call => call.arguments[0]), timers)
})

test('another text with the same seq is taken: order is by seq alone', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(oneFlag(5, false))
  const flags = createFlags({ source })
  await isOn(flags)
  source.answer = oneFlag(5, true)
  clock.tick(30000)
  assert.equal(await isOn(flags), true)
  assert.equal(flags.status().lastError, null)
})

test('a lost read that ends is not the end of another', async t => {
  const clock = fakeClock(t)
  const source = manualSource()
  const flags = createFlags({ source })
  const first = isOn(flags)
  source.reads[0].resolve(oneFlag(1, false))
  await first
  const lost = new Platform()
  clock.tick(30000)
  await isOn(flags, lost)
  clock.tick(5000)
  const running = new Platform()
  await isOn(flags, running)
  assert.equal(source.reads.length, 3)
  source.reads[1].reject(new Error('lost'))
  await lost.settled()
  clock.tick(1000)
  await isOn(flags, new Platform())
  assert.equal(source.reads.length, 3, 'the other one is still running')
  source.reads[2].resolve(oneFlag(2, true))
  await running.settled()
  assert.equal(await isOn(flags), true)
})

test('the same text is not parsed again', async t => {
  const clock = fakeClock(t)
  const parse = t.mock.method(JSON, 'parse')
  const source = fixedSource(oneFlag(1, true))
  const flags = createFlags({ source })
  for (let i = 0; i < 5; i++) {
    await isOn(flags)
    clock.tick(30000)
    source.answer = (' ' + source.answer).slice(1) // another text, and equal
  }
  assert.equal(source.count, 5)
  assert.equal(parse.mock.callCount(), 1)
})

test('older content under a new seq is followed: it is a pin', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(oneFlag(5, false))
  const flags = createFlags({ source })
  await isOn(flags)
  source.answer = snapshotText({ seq: 6, revision: 1, publishedAt: '2025-01-01T00:00:00.000Z', pinned: 'by hand' }, [toggle('new-feature')])
  clock.tick(30000)
  assert.equal(await isOn(flags), true)
  assert.equal(flags.status().pinned, 'by hand')
  source.answer = oneFlag(7, false)
  clock.tick(30000)
  assert.equal(await isOn(flags), false)
  assert.equal(flags.status().pinned, null)
})

test('views without a handler', async () => {
  const views = createViews({ source: fixedSource(snapshotText()) })
  assert.deepEqual(Object.keys(views).sort(), ['status', 'view'])
  assert.equal((await views.view()).isEnabled('new-feature'), true)
  assert.equal(views.status().seq, 1)
  assert.equal('usageError' in views.status(), false)
})

test('status tells how the isolate is doing', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(null)
  const flags = createFlags({ source })
  const nothing = {
    source: 'fixed', ready: false, format: null, environment: null, target: null,
    seq: null, digest: null, publishedAt: null, heartbeat: null, pinned: null, contextual: null, stale: false, ageMs: null,
    lastError: null, usageError: null
  }
  assert.deepEqual(flags.status(), nothing)
  await assert.rejects(flags.view())
  assert.match(flags.status().lastError, /^nothing is stored/)
  clock.tick(1000)
  source.answer = snapshotText({ heartbeat: 60, pinned: 'checkout is broken' })
  await flags.view()
  clock.tick(123)
  assert.deepEqual(flags.status(), {
    source: 'fixed', ready: true, format: 'evaluated/1', environment: 'production', target: 'cn-simple',
    seq: 1, digest: 'digest-1', publishedAt: '2026-01-02T03:04:05.678Z', heartbeat: 60, pinned: 'checkout is broken',
    contextual: null, stale: false, ageMs: 123, lastError: null, usageError: null
  })
})

test('status counts the flags of an evaluated snapshot that need a user', async () => {
  for (const [text, want] of [[snapshotText({ contextual: ['price', 'constructor'] }), 2], [snapshotText(), null], [rulesText(), null]]) {
    const flags = createFlags({ source: fixedSource(text) })
    await flags.view()
    assert.equal(flags.status().contextual, want)
  }
})
