// Mistakes in the options are errors where they are made, and fallbacks are for flags
// that do not exist.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NotReadyError, countViews, createFlags, createViews, kv, testFlags, whenStale } from '../src/index.js'
import { fixedSource, rulesText, snapshotText } from './samples.js'

const source = fixedSource(snapshotText())

test('a source that is missing or none is an error at the start', () => {
  for (const create of [createFlags, createViews]) {
    const constant = () => ({})
    for (const options of [undefined, {}, { source: undefined }, { source: constant }, { source: { text: '{}' } }, { source: 'kv' }]) {
      assert.throws(() => create(options), { name: 'TypeError', message: /^invalid source: want kv\(\), bundle\(constant\)/ })
    }
  }
})

test('an unknown option is an error that names those that there are', () => {
  assert.throws(() => createFlags({ source, maxAge: 1 }), { name: 'TypeError', message: 'unknown option maxAge: want source,maxAgeMs,timeout,onStale,tokens,statusPath,clientIP,usage' })
  assert.throws(() => createViews({ source, tokens: [] }), { name: 'TypeError', message: 'unknown option tokens: want source,maxAgeMs,timeout,onStale' })
  assert.throws(() => testFlags({}, { token: 'a' }), /^TypeError: unknown option token/)
  createFlags({ source, maxAgeMs: 1, timeout: 1, onStale: whenStale({ flags: {} }), tokens: undefined, statusPath: '', clientIP: 'x', usage: undefined })
})

test('a fallback is for a flag that the rules do not have', async () => {
  const flags = createFlags({ source: fixedSource(rulesText()) })
  const [known] = (await flags.view()).all()
  const fallback = { name: 'blue', enabled: true }
  const counted = countViews(flags, { url: 'https://flagcast.example', token: 'token', sample: 1 })
  for (const view of [await flags.view(), await counted.view()]) {
    assert.equal(view.isEnabled('none', true), true)
    assert.equal(view.isEnabled('none', false), false)
    assert.equal(view.isEnabled('none'), false)
    assert.equal(view.getVariant('none', fallback), fallback)
    assert.equal(view.getVariant('none').name, 'disabled')
    assert.equal(view.isEnabled(known.name, !known.enabled), known.enabled)
    assert.deepEqual(view.getVariant(known.name, fallback), known.variant)
  }
})

test('a snapshot of answers lists the flags that are on: a flag that it does not list is off', async () => {
  const view = await createFlags({ source }).view()
  assert.equal(view.isEnabled('none', true), false)
  assert.equal(view.getVariant('none', { name: 'blue', enabled: true }).name, 'disabled')
})

test('NotReadyError has its name', async () => {
  const flags = createViews({ source: kv(undefined, 'key') })
  await assert.rejects(flags.view(), e => e instanceof NotReadyError && e.name === 'NotReadyError' && /^NotReadyError: no flags yet/.test(String(e)))
})
