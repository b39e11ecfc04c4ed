// Snapshots that are damaged in every way: reading one throws an Error, or all
// its flags have answers; nothing else is thrown, and nothing takes for ever.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { parseSnapshot } from '../src/snapshot.js'
import { encode } from './encode.js'
import { need } from './parts.js'
import { SEED, random } from './random.js'
import { rulesText } from './samples.rules.js'

const { skip, load } = need('@unleash/client-specification/package.json')

const CONTEXTS = [
  undefined,
  {},
  { userId: '123', sessionId: 'a', remoteAddress: '10.0.0.1', environment: 'prod', appName: 'x', properties: { customField: '1', email: 'a@b.c', version: '1.2.3', semver: '2.0.0', num: 5, number: '5' } }
]

/** Everything that a snapshot answers, after a look at its form. */
function ask(text, context) {
  const view = parseSnapshot(text).view(context, { time: 0, seed: 's' })
  const all = view.all()
  for (const one of all) check(one)
  for (const name of [...all.map(one => one.name), 'nobody', '__proto__']) {
    const one = view.toggle(name)
    if (one !== undefined) check(one)
  }
  return all
}

function check({ name, enabled, variant }) {
  assert.equal(typeof name, 'string')
  assert.equal(typeof enabled, 'boolean')
  assert.equal(typeof variant.name, 'string')
  assert.equal(typeof variant.enabled, 'boolean')
  assert.equal(variant.feature_enabled, enabled)
  assert.equal(variant.featureEnabled, enabled)
}

const JUNK = [
  null, true, false, '', 'a', '__proto__', 'length', '\x7f\x80', 0, 1, -1, 2, 3, 7, 9, 12, 100, 1.5, -0.5, 1e15, -1e15, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, 1e308, -1e308,
  [], [0], [[]], [[0]], [-1], {}, { length: 1e15 }, { 0: 1, 1: 0, length: 1e15 }, { 0: 3, 1: 0, length: 1e15 }, { 0: 12, length: 1e15 }, [12, 0, 1, 2], [0, 0], [3, 0, 0, 1e9]
]

/** A copy with something wrong in a random place. */
function damaged(rules, draw) {
  const copy = structuredClone(rules)
  for (let n = 1 + draw(3); n > 0; n--) {
    let parent = copy
    let keys = Object.keys(parent).filter(name => copy[name]?.length > 0 || draw(20) === 0)
    let key = keys[draw(keys.length)]
    while (typeof parent[key] === 'object' && parent[key] !== null && draw(parent === copy ? 50 : 5) > 0) {
      keys = Object.keys(parent[key])
      if (keys.length === 0) break
      parent = parent[key]
      key = keys[draw(keys.length)]
    }
    switch (draw(6)) {
      case 0: delete parent[key]; break
      case 1: if (Array.isArray(parent)) parent.splice(Number(key), 1); break
      case 2: { const other = keys[draw(keys.length)]; [parent[key], parent[other]] = [parent[other], parent[key]]; break }
      case 3: if (typeof parent[key] === 'number') { parent[key] += draw(7) - 3; break }
      // falls through
      default: parent[key] = structuredClone(JUNK[draw(JUNK.length)])
    }
  }
  return copy
}

describe('damaged snapshots', { skip }, () => {
  let texts
  before(async () => {
    const files = ['03-gradual-rollout-user-id-strategy', '08-variants', '09-strategy-constraints', '12-custom-stickiness', '13-constraint-operators', '14-constraint-semver-operators',
      '15-global-constraints', '16-strategy-variants', '17-dependent-features', '21-regex-constraint-operators', '22-cidr-constraint-operators']
    texts = await Promise.all(files.map(file => encode(load('@unleash/client-specification/specifications/' + file + '.json').state)))
  })

  test('in their members', () => {
    const draw = random()
    let read = 0
    let refused = 0
    for (let i = 0; i < 6000; i++) {
      const document = JSON.parse(texts[draw(texts.length)])
      document.rules = damaged(document.rules, draw)
      const text = JSON.stringify(document)
      try {
        parseSnapshot(text)
      } catch (e) {
        assert.match(e.message, /^the stored snapshot has no/)
        refused++
        continue
      }
      read++
      const began = performance.now()
      try {
        for (const context of CONTEXTS) ask(text, context)
      } catch (e) {
        throw new Error(e.message + ' FLAGCAST_SEED=' + SEED + ' ' + text, { cause: e })
      }
      assert.ok(performance.now() - began < 5000, 'milliseconds: FLAGCAST_SEED=' + SEED + ' ' + text)
    }
    console.log('damaged snapshots: ' + read + ' read, ' + refused + ' refused (FLAGCAST_SEED=' + SEED + ')')
    assert.ok(read > 1000 && refused > 100)
  })

  test('in their characters', () => {
    const draw = random()
    let read = 0
    for (let i = 0; i < 6000; i++) {
      let text = texts[draw(texts.length)]
      const at = draw(text.length)
      const end = at + draw(3) * draw(4)
      text = text.slice(0, at) + ['', '0', '1', '9', '-', '"', '\x7f', '\x80', 'a', ',', '[', ']', '],[', '{}', 'e9'][draw(15)] + text.slice(end)
      try {
        parseSnapshot(text)
      } catch (e) {
        assert.match(e.message, /^(the stored snapshot|what is stored)/)
        continue
      }
      read++
      try {
        for (const context of CONTEXTS) ask(text, context)
      } catch (e) {
        throw new Error(e.message + ' FLAGCAST_SEED=' + SEED + ' ' + text, { cause: e })
      }
    }
    assert.ok(read > 500)
  })
})

test('the same junk in every table', () => {
  const context = { x: 'a' }
  for (const junk of JUNK) {
    const list = Array(8).fill(junk)
    for (const rules of [
      { flags: list },
      { flags: [[junk, 0], [1, junk], [[junk]], [[1], junk], [[1], 0, [junk]], [[1], 0, 0, junk], [[1], 0, 0, [junk]], junk] },
      { flags: [[1, 0], [1, -1], [1, 1], [2], [102], [-1], [[1], [0]], [[1], [0, 'p']]], conditions: list },
      { flags: Array(8).fill([1, 0]), fields: list, values: list, conditions: [[0, 0]] },
      { flags: Array(8).fill([1, 0]), fields: ['x'], values: [''], conditions: [[junk, 0, junk, junk]] },
      ...[1, 4, 7, 8, 9, 10, 11, 12].map(op => ({ flags: Array(8).fill([1, 0]), fields: ['x'], values: [''], conditions: [[op, 0, junk, junk]] })),
      { flags: [2, 102, -1, -2, [[1], [0]], [[1], [1]], [[1], [2]], [[1], [3]]], stickies: list, shares: [[2, junk], [junk, 'g']], shapes: [[0, 0, junk, [1, 2]], [0, junk, ['a', 'b'], [1, 2]], [0, 0, ['a', 'b'], junk], [junk, 0, ['a', 'b'], [1, 1], junk]] },
      { flags: Array(8).fill([[1], [0, junk, junk]]), fields: ['x'], stickies: [[0]], shapes: [[0, 0, ['a', 'b'], [junk, 2], [junk, junk]]] },
      { flags: Array(8).fill([1, 0]), fields: ['x'], values: [''], conditions: [[0, 0]], hashed: junk, salt: junk },
      { flags: list, impressions: list, hidden: list }
    ]) {
      const text = rulesText({ names: 'a\x7fb\x7fc\x7fd\x7fe\x7ff\x7fg\x7fh', ...rules })
      try {
        ask(text, context)
      } catch (e) {
        throw new Error(e.message + ': ' + text, { cause: e })
      }
    }
  }
})

test('more flags than names, and more names than flags', () => {
  assert.deepEqual(ask(rulesText({ names: 'a', flags: [1, 1, 1] })).map(one => one.name), ['a'])
  assert.deepEqual(ask(rulesText({ names: 'a\x7fb\x7fc', flags: [1] })).map(one => one.name), ['a'])
})

test('circles and depth', () => {
  const fields = ['x']
  const off = rules => assert.equal(ask(rulesText(rules), { x: 'a' })[0].enabled, false)
  for (const conditions of [[[12, 0]], [[12, -1]], [[12, 1], [12, 0]], [[12, -2], [12, -1]]]) off({ names: 'f', flags: [[1, 0]], fields, conditions })
  off({ names: 'f', flags: [[[1], 0, 0, [[0, 1]]]] })
  off({ names: 'f\x7fg', flags: [[[1], 0, 0, [[1, 1]]], [[1], 0, 0, [[0, 1]]]] })
  off({ names: 'f\x7fg', flags: [[[1], 0, 0, [[1, 0]]], [[1], 0, 0, [[0, 0]]]] })
  off({ names: 'f', flags: [['x', 0, 0, [[0, 1], [0, 0]]]] })
  // Each refers to the one before it twice: as often as there are, not twice as often each time.
  const conditions = Array.from({ length: 3000 }, (_, i) => i === 0 ? [3, 0, 'a'] : [12, i - 1, i - 1])
  assert.equal(ask(rulesText({ names: 'f', flags: [[1, 1000]], fields, conditions }), { x: 'a' })[0].enabled, true)
  const deep = Array.from({ length: 200000 }, (_, i) => i === 0 ? [3, 0, 'a'] : [12, i - 1])
  ask(rulesText({ names: 'f\x7fg', flags: [[1, 199999], 1], fields, conditions: deep }), { x: 'a' })
})
