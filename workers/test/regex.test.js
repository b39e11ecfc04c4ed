// The matcher of regular expressions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matches } from '../src/regex.js'
import { parseSnapshot } from '../src/snapshot.js'
import { encode } from './encode.js'
import { SEED, random } from './random.js'

/** Compiles patterns by Go; returns a test of a text for each. */
async function compiled(patterns) {
  const snapshot = parseSnapshot(await encode({
    version: 2,
    features: patterns.map((value, i) => ({
      name: 'f' + i,
      enabled: true,
      strategies: [{ name: 'default', constraints: [{ contextName: 'x', operator: 'REGEX', value }] }]
    }))
  }))
  return patterns.map((_, i) => text => snapshot.view({ x: text }).toggle('f' + i).enabled)
}

test('instructions', () => {
  assert.equal(matches([[0]], ''), true)
  assert.equal(matches([[3, 1]], 'a'), false) // takes nothing
  assert.equal(matches([[3, 1, 97, 98, 0x1f600, 0x1f600], [0]], 'xxb'), true)
  assert.equal(matches([[3, 1, 97, 98, 0x1f600, 0x1f600], [0]], 'xx😀'), true)
  assert.equal(matches([[3, 1, 97, 98, 0x1f600, 0x1f600], [0]], 'xx😁'), false)
  assert.equal(matches([[1, 1, 0], [1, 0, 1]], 'a'), false) // circles that take nothing end
  for (const [bits, text, want] of [
    [1, 'a\nb', true], [1, '', true], [2, '\n', true], [2, '', true], [4, '', true], [8, '', true], [16, '', false], [32, '', true], [16, 'ä', false], [16, '_', true], [32, 'a', false], [12, 'a', false], [12, '', true]
  ]) {
    assert.equal(matches([[2, 1, bits], [0]], text), want, bits + ' ' + text)
  }
  // Behind one character, and not before it.
  assert.equal(matches([[3, 1, 97, 97], [2, 2, 4], [0]], 'aa'), false)
  assert.equal(matches([[3, 1, 97, 97], [2, 2, 1], [0]], 'aa'), false)
  assert.equal(matches([[3, 1, 10, 10], [2, 2, 1], [0]], 'a\na'), true)
})

test('caps', () => {
  const any = [[3, 1, 0, 0x10ffff], [2, 2, 8], [0]]
  assert.equal(matches(any, 'a'.repeat(2048)), true)
  assert.equal(matches(any, '😀'.repeat(2048)), true)
  assert.equal(matches(any, 'a'.repeat(2049)), false)
  assert.equal(matches(any, '😀'.repeat(2048) + 'a'), false)
  // Instructions times characters: 2^20.
  const many = n => [...any.slice(0, 2), [0], ...Array(n - 3).fill([0])]
  for (const [n, most] of [[512, 2048], [513, 2044], [1202, 872], [8192, 128]]) {
    assert.equal(matches(many(n), 'a'.repeat(most)), true, n)
    assert.equal(matches(many(n), 'a'.repeat(most + 1)), false, n)
    assert.equal(matches(many(n), '😀'.repeat(most)), true, n)
  }
})

test('ranges that another instruction has', () => {
  const twice = [[3, 1, 97, 99, 120, 122, 0x1f600, 0x1f64f], [3, 2, 0], [0]]
  for (const text of ['ab', 'zx', 'c😀', '😀😁', '1az']) assert.equal(matches(twice, text), true, text)
  for (const text of ['', 'a', 'ad', 'ta', 'a-z']) assert.equal(matches(twice, text), false, text)
})

test('a class of many ranges takes no longer than one of few', () => {
  const ranges = Array.from({ length: 8192 }, (_, i) => [4 * i, 4 * i + 1]).flat()
  const code = [...Array(255).keys()].map(i => [1, 255 + i, i < 254 ? i + 1 : 509])
  for (let i = 0; i < 255; i++) code.push(i ? [3, 0, 255] : [3, 0, ...ranges])
  const began = performance.now()
  assert.equal(matches(code, '\u7ffc'.repeat(2048)), false)
  // Milliseconds: some 10, and thousands where ranges are looked at one by one.
  assert.ok(performance.now() - began < 1000)
})

test('patterns that make others backtrack', async () => {
  const [nested, counted] = await compiled(['^(a+)+$', '^(a{1,10}){1,20}$'])
  const text = 'a'.repeat(2047)
  const began = performance.now()
  assert.equal(nested(text + 'a'), true)
  assert.equal(nested(text + 'b'), false)
  assert.equal(counted('a'.repeat(200)), true)
  assert.equal(counted(text), false)
  assert.equal(counted('a'.repeat(199) + 'b'), false)
  // Milliseconds; with backtracking it would not end.
  assert.ok(performance.now() - began < 5000)
})

test('random patterns match as RegExp does', async () => {
  const draw = random()
  const pick = list => list[draw(list.length)]
  const atom = depth => {
    switch (draw(depth > 2 ? 6 : 9)) {
      case 0: return pick(['.', '\\d', '\\w', '\\W', '\\D'])
      case 1: return pick(['[ab]', '[^a]', '[a-c_]', '[^\\n]', '[é-ü]', '[😀-😎]'])
      case 2: return pick(['\\b', '\\B', '^', '$'])
      case 3: case 4: case 5: return pick(['a', 'b', 'c', '_', '1', 'é', '😀', '\\n', '\\.'])
      case 6: return '(' + pattern(depth + 1) + ')'
      case 7: return '(?:' + pattern(depth + 1) + ')' + pick(['*', '+', '?', '{2}', '{1,3}', '{2,}', '*?', '+?'])
      default: return pick(['a', 'b', '.', '[ab]']) + pick(['*', '+', '?', '{2}', '{1,3}', '??'])
    }
  }
  const branch = depth => Array.from({ length: draw(4) }, () => atom(depth)).join('')
  const pattern = depth => Array.from({ length: 1 + (draw(3) === 0) + (draw(9) === 0) }, () => branch(depth)).join('|')
  const letters = [...'aabbc_1é\n.X ', '😀']
  const patterns = Array.from({ length: 300 }, () => pattern(0))
  const found = await compiled(patterns)
  let hits = 0
  patterns.forEach((source, i) => {
    const peer = new RegExp(source, 'u')
    // RegExp finds \B in the middle of a surrogate pair, too.
    const from = source.includes('\\B') ? letters.slice(0, -1) : letters
    for (let j = 0; j < 40; j++) {
      const text = Array.from({ length: draw(9) }, () => pick(from)).join('')
      const want = peer.test(text)
      if (want) hits++
      assert.equal(found[i](text), want, JSON.stringify([source, text]) + ' FLAGCAST_SEED=' + SEED)
    }
  })
  assert.ok(hits > 1000 && hits < 11000, 'texts of both kinds')
})
