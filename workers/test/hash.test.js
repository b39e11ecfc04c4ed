// MurmurHash3 x86_32 of UTF-8.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VARIANT, digest, finish, murmur, start, wordsOf } from '../src/hash.js'
import { SEED, random } from './random.js'

// Published ones, of the reference implementation and others.
const VECTORS = [
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  ['\0\0\0\0', 0, 0x2362f9de],
  ['aaaa', 0x9747b28c, 0x5a97808a],
  ['aaa', 0x9747b28c, 0x283e0130],
  ['aa', 0x9747b28c, 0x5d211726],
  ['a', 0x9747b28c, 0x7fa09ea6],
  ['abcd', 0x9747b28c, 0xf0478627],
  ['abc', 0x9747b28c, 0xc84a62dd],
  ['ab', 0x9747b28c, 0x74875592],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['ππππππππ', 0x9747b28c, 0xd58063c1],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd]
]

test('known hashes', () => {
  for (const [text, seed, want] of VECTORS) assert.equal(murmur(seed, text), want, JSON.stringify(text) + ' ' + seed)
})

test('buckets of the client specification', () => {
  assert.equal(murmur(0, 'gr1:123') % 100 + 1, 73)
  assert.equal(murmur(0, 'groupX:999') % 100 + 1, 25)
  assert.equal(murmur(VARIANT, 'gr1:123') % 100 + 1, 96)
  assert.equal(murmur(VARIANT, 'groupX:999') % 100 + 1, 60)
})

test('in two parts, wherever the cut is', () => {
  const draw = random()
  const letters = [...'ab:é€😀日本']
  for (let i = 0; i < 2000; i++) {
    const text = () => Array.from({ length: draw(12) }, () => letters[draw(letters.length)]).join('')
    const a = text()
    const b = text()
    const state = start(VARIANT, a)
    assert.equal(finish(state, wordsOf(b, state.length & 3)), murmur(VARIANT, a + b), JSON.stringify([a, b]) + ' FLAGCAST_SEED=' + SEED)
  }
})

test('digests of ids', () => {
  assert.match(digest('salt', 'größe'), /^[0-9a-f]{16}$/)
  assert.equal(digest('', ''), [0, VARIANT].map(seed => murmur(seed, ':').toString(16).padStart(8, '0')).join(''))
})
