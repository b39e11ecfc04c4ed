/** Seeds of MurmurHash3: one for rollouts, one for variants (client specification 5.0.0). */
export const ROLLOUT = 0
export const VARIANT = 86028157

// In parentheses: V8 compiles such a function with the script, and not at its
// first call. The first request needs it.

let encoder // made at the first use: some engines have none, and some none at module scope

/**
 * The UTF-8 of a text, in a buffer of its own.
 *
 * @param {string} text
 * @returns {Uint8Array}
 */
export const encode = (function (text) {
  encoder = encoder || (typeof TextEncoder === 'function' ? new TextEncoder() : { encode: byHand })
  return encoder.encode(text)
})

// Half of a surrogate pair counts as U+FFFD, as for TextEncoder.
const byHand = text =>
  Uint8Array.from(unescape(encodeURIComponent(text.replace(/[\ud800-\udfff]/gu, '\ufffd'))), c => c.charCodeAt())

/**
 * The UTF-8 of a text behind some bytes of 0, in words of 32 bits, least byte
 * first, as on every machine that this runs on. The last word is not full.
 *
 * @param {string} text
 * @param {number} offset how many bytes stand before it, 0 to 3
 * @returns {{ words: Int32Array, length: number }} length: bytes of the text
 */
export const wordsOf = (function (text, offset) {
  const bytes = encode('\0\0\0'.slice(0, offset) + text + '\0\0\0\0')
  return { words: new Int32Array(bytes.buffer, 0, bytes.length >> 2), length: bytes.length - 4 - offset }
})

// The hash of all words but the last.
const mix = (function (hash, words, word) {
  for (let i = 1; i < words.length; i++) {
    word = Math.imul(word, 0xcc9e2d51)
    hash ^= Math.imul(word << 15 | word >>> 17, 0x1b873593)
    hash = Math.imul(hash << 13 | hash >>> 19, 5) + 0xe6546b64 | 0
    word = words[i]
  }
  return hash
})

/**
 * The state of MurmurHash3 x86_32 behind a text.
 *
 * @typedef {{ hash: number, rest: number, length: number }} State hash: of what
 *   fills words; rest: bytes that do not; length: of all, in bytes
 * @param {number} seed
 * @param {string} text
 * @returns {State}
 */
export const start = (function (seed, text) {
  const { words, length } = wordsOf(text, 0)
  return { hash: mix(seed, words, words[0]), rest: words[words.length - 1], length }
})

/**
 * The hash of what a state stands for, and of a text more.
 *
 * @param {State} state
 * @param {{ words: Int32Array, length: number }} text behind state.length & 3 bytes
 * @returns {number} unsigned
 */
export const finish = (function (state, { words, length }) {
  const first = state.rest | words[0]
  let hash = mix(state.hash, words, first)
  const rest = Math.imul(words.length > 1 ? words[words.length - 1] : first, 0xcc9e2d51)
  hash ^= Math.imul(rest << 15 | rest >>> 17, 0x1b873593) ^ state.length + length
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b)
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35)
  return (hash ^ hash >>> 16) >>> 0
})

/** @type {(seed: number, text: string) => number} MurmurHash3 x86_32 of UTF-8 */
export const murmur = (seed, text) => finish(start(seed, ''), wordsOf(text, 0))

/**
 * What stands for a value of a hashed field: two hashes of salt and value, in
 * hexadecimal.
 *
 * @param {string} salt
 * @param {string} value
 */
export const digest = (salt, value) =>
  [ROLLOUT, VARIANT].map(seed => murmur(seed, salt + ':' + value).toString(16).padStart(8, '0')).join('')
