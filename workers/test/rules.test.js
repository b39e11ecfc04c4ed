// The evaluator on snapshots made by hand: what the publisher never writes, and
// what the other suites do not reach.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { murmur } from '../src/hash.js'
import { parseSnapshot } from '../src/snapshot.js'
import { rulesText } from './samples.rules.js'

const OPTIONS = { time: 0, seed: 'seed' }
/** An entry of values: a value that one condition lists. */
const entry = (value, place) => '\x7f' + value + '\x80' + String.fromCharCode(36 + place) + '\x7f'
const open = rules => parseSnapshot(rulesText(rules))
const toggle = (rules, name, context, options = OPTIONS) => open(rules).view(context, options).toggle(name)
const enabled = (rules, name, context) => toggle(rules, name, context).enabled

test('the example of docs/snapshot-format.md', () => {
  const text = readFileSync(new URL('../../docs/snapshot-format.md', import.meta.url), 'utf8')
  const example = text.split('```json\n').slice(1).map(block => block.split('```')[0]).find(block => block.includes('"rules/1"'))
  const snapshot = parseSnapshot(example)
  const banner = { name: 'red', enabled: true, payload: { type: 'string', value: '#d00' }, feature_enabled: true, featureEnabled: true }
  const disabled = on => ({ name: 'disabled', enabled: false, feature_enabled: on, featureEnabled: on })
  let takes = 0
  for (const country of ['cn', 'sg', 'no', 'de', undefined]) {
    for (let id = 0; id < 100; id++) {
      const userId = String(id)
      const on = country === 'cn' || country === 'sg'
      const canary = country !== 'no' && murmur(0, 'canary:' + userId) % 100 < 10
      if (canary) takes++
      assert.deepEqual(snapshot.view({ userId, properties: { country } }).all(), [
        { name: 'banner', enabled: on, variant: on ? banner : disabled(false), impressionData: false },
        { name: 'canary', enabled: canary, variant: disabled(canary), impressionData: false }
      ])
    }
  }
  assert.ok(takes > 0)
})

test('flags and fields may have any name', () => {
  const names = ['__proto__', 'constructor', 'toString', '\ud83d\ude00', '\uffee']
  const rules = {
    names: names.join('\x7f'),
    flags: [[1, 0], [1, 1], 0, 1, [1, 2]],
    fields: ['__proto__', 'constructor', 'toString'],
    values: [entry('a', 0), entry('b', 1), entry('', 2)],
    conditions: [[0, 0], [0, 1], [0, 2]]
  }
  const on = context => open(rules).view(context).all().filter(flag => flag.enabled).map(flag => flag.name)
  assert.deepEqual(on(JSON.parse('{"__proto__":"a","constructor":"b","toString":""}')), ['__proto__', 'constructor', '\ud83d\ude00', '\uffee'])
  assert.deepEqual(on(JSON.parse('{"properties":{"__proto__":"a","constructor":"b","toString":""}}')), ['__proto__', 'constructor', '\ud83d\ude00', '\uffee'])
  assert.deepEqual(on({}), ['\ud83d\ude00'])
  assert.deepEqual(on(Object.create({ constructor: 'b', properties: { constructor: 'b' } })), ['\ud83d\ude00'])
  for (const context of [undefined, null, 'a', 7, [], new Map()]) assert.deepEqual(on(context), ['\ud83d\ude00'])
  const view = open(rules).view()
  for (const name of names) assert.equal(view.toggle(name).name, name)
  for (const name of ['', 'hasOwnProperty', 'length', '__proto__\x7fconstructor', '0', '\uffff']) assert.equal(view.toggle(name), undefined)
})

test('no flags', () => {
  const view = open({}).view({})
  assert.deepEqual(view.all(), [])
  assert.equal(view.toggle(''), undefined)
})

test('values are looked up whole', () => {
  const rules = { names: 'f', flags: [[1, 0]], fields: ['x'], values: ['\x7fab\x80%\x7fa\x80$\x7f\x80%\x7f'], conditions: [[0, 0], [0, 0]] }
  assert.equal(enabled(rules, 'f', { x: 'a' }), true)
  for (const x of ['', 'ab', 'b', 'a\x80$\x7f', '\x7fa', 'ab\x80%\x7fa', 'a\x80', null, undefined, ['a'], { a: 1 }]) {
    assert.equal(enabled(rules, 'f', { x }), false, JSON.stringify(x))
  }
})

test('numbers and booleans count as they are written', () => {
  const rules = { names: 'f', flags: [[1, 0]], fields: ['x'], values: ['\x7f1.5\x80$\x7ftrue\x80$\x7f0\x80$\x7f'], conditions: [[0, 0]] }
  for (const x of [1.5, true, -0, '0']) assert.equal(enabled(rules, 'f', { x }), true)
  for (const x of [1, false, NaN, ' 0']) assert.equal(enabled(rules, 'f', { x }), false)
})

test('half a surrogate counts as U+FFFD', () => {
  const rules = { names: 'f', flags: [[1, 0]], fields: ['x'], values: [entry('\ufffd😀\ufffd', 0)], conditions: [[0, 0]] }
  assert.equal(enabled(rules, 'f', { x: '\udc00😀\ud800' }), true)
})

test('digests in the place of values', () => {
  const rules = { names: 'f', flags: [[1, 0]], fields: ['x', 'y'], values: ['', ''], conditions: [[0, 1]], hashed: [1], salt: 'salt' }
  const found = murmur(0, 'salt:größe').toString(16).padStart(8, '0') + murmur(86028157, 'salt:größe').toString(16).padStart(8, '0')
  rules.values[1] = entry(found, 0)
  assert.equal(enabled(rules, 'f', { y: 'größe' }), true)
  assert.equal(enabled(rules, 'f', { y: found }), false)
})

test('postings of many conditions', () => {
  const places = [0, 1, 57, 58, 500, 1933, 1934, 5000, 70000, 70001]
  let postings = ''
  let last = -1
  for (const place of places) {
    let n = place - last
    for (; n >= 57; n = Math.floor(n / 34)) postings += String.fromCharCode(93 + n % 34)
    postings += String.fromCharCode(35 + n)
    last = place
  }
  const rules = {
    names: Array.from({ length: 70002 }, (_, i) => String(i).padStart(5, '0')).join('\x7f'),
    flags: Array.from({ length: 70002 }, (_, i) => [1, i]),
    fields: ['x'],
    values: ['\x7fa\x80' + postings + '\x7f'],
    conditions: Array(70002).fill([0, 0])
  }
  assert.deepEqual(open(rules).view({ x: 'a' }).all().filter(flag => flag.enabled).map(flag => Number(flag.name)), places)
})

test('weights beyond 32 bits', () => {
  // Go took the remainder of the sum in 32 bits (FLAGCAST_SEED=7).
  const rules = { names: 'f', flags: [[[1], [0]]], fields: ['id'], values: [''], stickies: [[0]], shapes: [[0, '日本', ['a', 'b'], [243, 2 ** 40]]] }
  const id = '100000000000000000000'
  assert.ok(murmur(86028157, '日本:' + id) + 1 > 243)
  assert.equal(toggle(rules, 'f', { id }).variant.name, 'b')
})

test('each group and each sticky by itself', () => {
  const shapes = [[0, 0, ['a', 'b'], [1, 1]], [1, 'one', ['a', 'b'], [1, 2]], [0, 'two', ['a', 'b'], [2, 1]]]
  const rules = {
    names: 'f\x7fg\x7fh\x7fi',
    flags: [[[2 + 50], [0]], [[-1], [1]], [[-2], [2]], [[2 + 101 + 50], [0]]],
    fields: ['id', 'other'],
    values: ['', ''],
    stickies: [[0], [1]],
    shares: [[2 + 50, 'three'], [2 + 101 + 50, 'four']],
    shapes
  }
  const share = (group, id) => murmur(0, group + ':' + id) % 100 < 50
  const variant = (group, id, [a, b]) => murmur(86028157, group + ':' + id) % (a + b) < a ? 'a' : 'b'
  const { view } = open(rules)
  for (let i = 0; i < 200; i++) {
    const id = 'id-' + i
    const other = 'other-' + i * 7
    const want = [
      share('f', id) && variant('f', id, [1, 1]),
      share('three', id) && variant('one', other, [1, 2]),
      share('four', other) && variant('two', id, [2, 1]),
      share('i', other) && variant('i', id, [1, 1])
    ]
    assert.deepEqual(view({ id, other }).all().map(flag => flag.enabled && flag.variant.name), want)
  }
})

test('one draw for a view, another for another', () => {
  const rules = { names: 'f\x7fg', flags: [2 + 50, 2 + 50], stickies: [[-1]] }
  const seen = new Set()
  for (let i = 0; i < 1000; i++) {
    const view = open(rules).view()
    const all = JSON.stringify(view.all())
    assert.equal(JSON.stringify(view.all()), all)
    seen.add(all)
  }
  assert.equal(seen.size, 4)
  assert.equal(toggle(rules, 'f', {}, { seed: '' }).enabled, false)
  assert.equal(toggle({ ...rules, flags: [2 + 100, 0] }, 'f', {}, { seed: '' }).enabled, true)
})

test('the time is that of the options, of the context, or now', t => {
  t.mock.method(Date, 'now', () => 1000)
  const rules = { names: 'f', flags: [[1, 0]], conditions: [[8, 2, 1000]] }
  assert.equal(toggle(rules, 'f', {}, {}).enabled, true)
  assert.equal(toggle(rules, 'f', { currentTime: 'x' }, {}).enabled, true)
  assert.equal(toggle(rules, 'f', { currentTime: new Date(1001) }, {}).enabled, false)
  assert.equal(toggle(rules, 'f', { currentTime: '1970-01-01T00:00:02Z' }, {}).enabled, false)
  const properties = { currentTime: '1970-01-01T00:00:02Z' }
  assert.equal(toggle(rules, 'f', { properties }, {}).enabled, false)
  assert.equal(toggle(rules, 'f', { currentTime: null, properties }, {}).enabled, false)
  assert.equal(toggle(rules, 'f', { currentTime: '1970-01-01T00:00:01Z', properties }, {}).enabled, true)
  assert.equal(toggle(rules, 'f', { properties: { currentTime: new Date(1001) } }, {}).enabled, false)
  assert.equal(toggle(rules, 'f', { properties: null }, {}).enabled, true)
  assert.equal(toggle(rules, 'f', { currentTime: '1970-01-01T00:00:02Z' }, { time: 1000 }).enabled, true)
  assert.equal(toggle(rules, 'f', {}, { time: 999 }).enabled, false)
})

test('hidden parents are evaluated and not listed; impressions', () => {
  const rules = { names: 'child\x7fparent', flags: [[[1], 0, 0, [[1, 1]]], [1, 0]], fields: ['x'], values: [entry('a', 0)], conditions: [[0, 0]], hidden: [1], impressions: [0] }
  const { view } = open(rules)
  assert.deepEqual(view({ x: 'a' }).all().map(flag => [flag.name, flag.enabled, flag.impressionData]), [['child', true, true]])
  assert.deepEqual(view({ x: 'b' }).all().map(flag => [flag.name, flag.enabled]), [['child', false]])
  assert.equal(view({ x: 'a' }).toggle('parent'), undefined)
})

test('what is broken turns off what needs it, and nothing else', () => {
  const rules = {
    names: ['bad', 'broken', 'circle', 'fine', 'half', 'nested', 'parent'].join('\x7f'),
    flags: [null, [1, 1], [1, 2], [1, 0], [[[1, 1], 1]], [1, 3], [[1], 0, 0, [[6, 1]]]],
    fields: ['x'],
    values: [entry('a', 0)],
    conditions: [[0, 0], [99, 0], [12, 2], [12, 0, 1]]
  }
  assert.deepEqual(open(rules).view({ x: 'a' }).all().filter(flag => flag.enabled).map(flag => flag.name), ['fine'])
  for (const op of [14, 99, -1, '0', null]) {
    for (const context of [{}, { x: '1' }]) assert.equal(enabled({ names: 'f', flags: [[1, -1]], fields: ['x'], values: [''], conditions: [[op, 0]] }, 'f', context), false, op)
  }
})

test('one flag needs no other', () => {
  const garbage = Array(20).fill('garbage')
  const rules = {
    names: ['a', 'b', 'c', 'd'].join('\x7f'),
    flags: [{ length: 1e9 }, [1, 20], 'x', [[1], [99, 99, 99]]],
    fields: [...garbage, 'x'],
    values: [...garbage.map(() => 7), entry('v', 20)],
    stickies: garbage,
    shares: garbage,
    conditions: [...garbage, [0, 20]],
    shapes: garbage
  }
  assert.equal(enabled(rules, 'b', { x: 'v' }), true)
  assert.equal(enabled(rules, 'b', { x: 'w' }), false)
  assert.deepEqual(open(rules).view({ x: 'v' }).all().map(flag => flag.enabled), [false, true, false, false])
})

test('what is no program is refused', () => {
  for (const table of ['names', 'flags', 'fields', 'values', 'stickies', 'shares', 'conditions', 'shapes', 'impressions', 'hidden']) {
    for (const wrong of [null, 1, true, {}, { length: 1 }, table === 'names' ? [] : 'text']) {
      assert.throws(() => open({ [table]: wrong }), /the stored snapshot has no (list|names) of/, table)
    }
  }
  const text = rulesText({ names: 'f', flags: [1] })
  for (let i = 0; i < text.length; i++) assert.throws(() => parseSnapshot(text.slice(0, i)), /cut off/)
})
