import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSnapshot } from '../src/snapshot.js'
import { TOGGLES, snapshotText, toggle } from './samples.js'

test('a snapshot is read whole', () => {
  const s = parseSnapshot(snapshotText({ seq: 1767323045678, digest: 'abc' }))
  assert.equal(s.seq, 1767323045678)
  assert.equal(s.digest, 'abc')
  assert.equal(s.format, 'evaluated/1')
  assert.equal(s.environment, 'production')
  assert.equal(s.target, 'cn-simple')
  assert.equal(s.publishedAt, '2026-01-02T03:04:05.678Z')
  assert.deepEqual(s.view().all(), TOGGLES)
  for (const t of TOGGLES) assert.deepEqual(s.view().toggle(t.name), t)
})

test('a bundle has seq 0 and no time of publication', () => {
  const document = JSON.parse(snapshotText())
  document.flagcast.seq = 0
  delete document.flagcast.publishedAt
  const s = parseSnapshot(JSON.stringify(document))
  assert.equal(s.seq, 0)
  assert.equal(s.publishedAt, undefined)
})

test('unknown members do not matter', () => {
  const document = JSON.parse(snapshotText({ pinned: true, contextual: ['price'], later: {} }))
  assert.equal(parseSnapshot(JSON.stringify({ ...document, later: [] })).seq, 1)
})

test('flags are not confused with what every object has', () => {
  const s = parseSnapshot(snapshotText({}, [toggle('new-feature')]))
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    assert.equal(s.view().toggle(name), undefined)
  }
  // The same as names of flags, and as members of the text.
  const names = parseSnapshot(snapshotText({}, [toggle('__proto__'), toggle('constructor', false)]))
  assert.equal(names.view().toggle('__proto__').enabled, true)
  assert.equal(names.view().toggle('constructor').enabled, false)
  const text = snapshotText().replace('{', '{"__proto__":{"enabled":true},')
  assert.equal(parseSnapshot(text).view().toggle('old-checkout').enabled, false)
  assert.equal({}.enabled, undefined)
})

test('every text that is cut off is refused', () => {
  const text = snapshotText()
  for (let length = 0; length < text.length; length++) {
    assert.throws(() => parseSnapshot(text.slice(0, length)), /not JSON, or cut off: \d+ characters$/)
  }
})

test('what flagcast has not published is refused', () => {
  const { flagcast, toggles } = JSON.parse(snapshotText())
  for (const document of [
    null, 0, 'text', [], {},
    { toggles }, // a dump of /api/frontend
    { toggles, flagcast: null },
    { toggles, flagcast: 'x' },
    { toggles, flagcast: { ...flagcast, seq: '1' } },
    { toggles, flagcast: { ...flagcast, seq: undefined } },
    // Without a digest every snapshot would have the same entity tag.
    { toggles, flagcast: { ...flagcast, digest: undefined } },
    { toggles, flagcast: { ...flagcast, digest: '' } }
  ]) {
    assert.throws(() => parseSnapshot(JSON.stringify(document)), /was not published by flagcast$/)
  }
})

test('a format of the future is refused with both names', () => {
  for (const format of ['evaluated/2', 'rules/2', 'definitions/1', undefined]) {
    assert.throws(
      () => parseSnapshot(snapshotText({ format })),
      e => e.message.includes('has the format ' + format + ', this worker reads evaluated/1 and rules/1')
    )
  }
})

test('toggles are a list of toggles', () => {
  const document = JSON.parse(snapshotText())
  for (const toggles of [undefined, null, {}, 'x']) {
    assert.throws(() => parseSnapshot(JSON.stringify({ ...document, toggles })), /has no list of toggles$/)
  }
  for (const toggle of [null, 7, 'x', {}, { name: 'a' }, { variant: {} }]) {
    assert.throws(() => parseSnapshot(snapshotText({}, [toggle])), /has a toggle that is none$/)
  }
  assert.equal(parseSnapshot(snapshotText({}, [])).view().all().length, 0)
})
