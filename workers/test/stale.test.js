// What becomes of flags when their publisher has been away for long.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFlags, whenStale } from '../src/index.js'
import { BLUE, fakeClock, fixedSource, rulesText, snapshotText, toggle } from './samples.js'

const MINUTE = 60000
const NOW = Date.UTC(2026, 0, 2) // of the clock

const published = (ago, meta) => snapshotText({ publishedAt: new Date(NOW - ago).toISOString(), heartbeat: 60, ...meta },
  [toggle('a'), toggle('b', false), toggle('c', true, BLUE), toggle('d')])

const onStale = whenStale({ after: 10 * MINUTE, flags: { a: 'off', b: 'on', c: 'on', d: 'keep', new: 'on', gone: 'off' } })

const names = async flags => (await flags.view()).all().filter(t => t.enabled).map(t => t.name)

test('flags change after the age, each as it is told, and change back', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(published(0))
  const flags = createFlags({ source, onStale })
  clock.tick(10 * MINUTE)
  assert.deepEqual(await names(flags), ['a', 'c', 'd'])
  assert.equal(flags.status().stale, false)
  clock.tick(1)
  const view = await flags.view()
  assert.deepEqual(view.all().map(t => [t.name, t.enabled]), [['a', false], ['b', true], ['c', true], ['d', true], ['new', true]])
  assert.equal(view.isEnabled('a'), false)
  assert.equal(view.getVariant('a').feature_enabled, false)
  assert.equal(view.isEnabled('b'), true)
  assert.deepEqual(view.getVariant('b'), { name: 'disabled', enabled: false, feature_enabled: true, featureEnabled: true })
  assert.equal(view.getVariant('c').name, 'blue', 'a flag that is on keeps its variant')
  assert.equal(view.isEnabled('d'), true)
  assert.equal(view.isEnabled('new'), true)
  assert.equal(view.isEnabled('gone'), false)
  assert.equal(flags.status().stale, true)
  assert.equal(flags.status().heartbeat, 60)
  assert.equal(flags.status().digest, 'digest-1', 'of what is stored')

  source.answer = snapshotText({ seq: 2, heartbeat: 60, publishedAt: new Date(NOW - MINUTE).toISOString() }, [toggle('other')])
  clock.tick(MINUTE)
  assert.deepEqual(await names(flags), ['other', 'b', 'c', 'new'], 'another one that is stale')

  source.answer = published(-20 * MINUTE, { seq: 3 })
  clock.tick(MINUTE)
  assert.deepEqual(await names(flags), ['a', 'c', 'd'])
  assert.equal(flags.status().stale, false)
})

test('the handler follows, with another entity tag', async t => {
  const clock = fakeClock(t)
  const flags = createFlags({ source: fixedSource(published(0)), onStale })
  const ask = headers => flags.handler(new Request('https://pop.example/api/frontend', { headers }))
  const etag = (await ask()).headers.get('etag')
  assert.equal((await ask({ 'if-none-match': etag })).status, 304)
  clock.tick(11 * MINUTE)
  const response = await ask({ 'if-none-match': etag })
  assert.equal(response.status, 200)
  assert.deepEqual((await response.json()).toggles.map(t => t.name), ['b', 'c', 'd', 'new'])
  assert.equal((await ask({ 'if-none-match': response.headers.get('etag') })).status, 304)
})

test('rules are decided for the context as before', async t => {
  fakeClock(t)
  const text = rulesText({ publishedAt: new Date(NOW - 60 * MINUTE).toISOString(), heartbeat: 60 })
  const flags = createFlags({ source: fixedSource(text), onStale: whenStale({ flags: { country: 'on', canary: 'on', plain: 'off' } }) })
  const view = await flags.view({ userId: '6' })
  assert.equal(view.getVariant('canary').name, 'b')
  assert.equal(view.isEnabled('country'), true)
  assert.equal(view.isEnabled('plain'), false)
  assert.equal((await flags.view({ userId: '3' })).getVariant('canary').name, 'disabled')
  assert.equal((await flags.view({ userId: '3' })).isEnabled('canary'), true)
})

test('a publishedAt in the future counts from when this isolate read it first', async t => {
  for (const text of [meta => published(-9999 * MINUTE, meta), meta => rulesText({ publishedAt: '9999-01-01T00:00:00Z', heartbeat: 60, ...meta })]) {
    const clock = fakeClock(t)
    const source = fixedSource(text())
    const flags = createFlags({ source, maxAgeMs: MINUTE, onStale: whenStale({ after: 10 * MINUTE, flags: { new: 'on' } }) })
    const stale = async () => {
      await flags.view()
      return flags.status().stale
    }
    for (let minute = 0; minute <= 10; minute++) {
      assert.equal(await stale(), false, minute + ' minutes')
      if (minute < 10) clock.tick(MINUTE) // each reads the same text again
    }
    clock.tick(1)
    assert.equal(await stale(), true)
    assert.equal((await flags.view()).isEnabled('new'), true)

    source.answer = text({ seq: 2, digest: 'digest-1' })
    clock.tick(MINUTE)
    assert.equal(await stale(), false, 'a heartbeat, whatever its time')
    clock.tick(10 * MINUTE + 1)
    assert.equal(await stale(), true)
    t.mock.restoreAll()
  }
})

test('where there is no heartbeat, or a pin, age says nothing', async t => {
  fakeClock(t)
  for (const meta of [{ heartbeat: undefined }, { heartbeat: 0 }, { pinned: 'by hand' }, { publishedAt: undefined }, { publishedAt: 'yesterday' }]) {
    const flags = createFlags({ source: fixedSource(published(9999 * MINUTE, meta)), onStale })
    assert.deepEqual(await names(flags), ['a', 'c', 'd'], JSON.stringify(meta))
    assert.equal(flags.status().stale, false)
  }
})

test('three heartbeats may be missed, whatever the age', async t => {
  fakeClock(t)
  const old = whenStale({ after: 1, flags: { a: 'off' } })
  const usual = whenStale({ flags: { a: 'off' } })
  for (const stale of [old, usual]) {
    for (const [age, on] of [[3 * MINUTE, true], [3 * MINUTE + 1, false]]) {
      const flags = createFlags({ source: fixedSource(published(age)), onStale: stale })
      assert.equal((await flags.view()).isEnabled('a'), on)
    }
  }
})

test('a choice that is none is told at once', () => {
  assert.throws(() => whenStale({ flags: { a: 'of' } }), /^TypeError: whenStale: a is one of keep, off, on$/)
})
