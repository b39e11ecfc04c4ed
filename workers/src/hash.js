/** Seeds of MurmurHash3: one for rollouts, one for variants (client specification 5.0.0). */
export const ROLLOUT = 0
export const VARIANT = 86028157

// In parentheses: V8 compiles such a function with the script, and not a
// second time at its first call. The first request needs it.

/**
 * The UTF-8 of a text: its number of bytes, then the bytes in words of 32
 * bits, least byte first, zeros behind the end.
 *
 * @param {string} text
 * @returns {number[]}
 */
export const wordsOf = (function (text) {
  const words = [text.length]
  let seen = 0
  for (let i = 0; i < text.length;) {
    // Behind the end it is NaN, which counts as 0.
    const a = text.charCodeAt(i++)
    const b = text.charCodeAt(i++)
    const c = text.charCodeAt(i++)
    const d = text.charCodeAt(i++)
    seen |= a | b | c | d
    words.push(a | b << 8 | c << 16 | d << 24)
  }
  return seen < 128 ? words : encoded(new TextEncoder().encode(text))
})

function encoded(bytes) {
  const words = [bytes.length]
  for (let i = 0; i < bytes.length;) {
    words.push(bytes[i++] | bytes[i++] << 8 | bytes[i++] << 16 | bytes[i++] << 24)
  }
  return words
}

const scramble = (function (word) {
  word = Math.imul(word, 0xcc9e2d51)
  return Math.imul(word << 15 | word >>> 17, 0x1b873593)
})

/**
 * Goes on with MurmurHash3 x86_32 from a state in four places of a table: the
 * hash, the bits that do not fill a word yet, how many there are, and the
 * number of bytes so far.
 *
 * @param {Int32Array | number[]} states
 * @param {number} at
 * @param {number[]} words what to add (wordsOf)
 * @param {boolean} [keep] the new state takes the place of the old
 * @returns {number} the hash of everything, unsigned
 */
export const murmur = (function (states, at, words, keep) {
  let hash = states[at]
  let tail = states[at + 1]
  let shift = states[at + 2]
  const bytes = words[0]
  const length = states[at + 3] + bytes
  for (let i = 1; i < words.length; i++) {
    const word = words[i]
    const left = bytes - 4 * i
    tail |= word << shift
    // The last word may have less than four bytes.
    const bits = shift + (left < 0 ? 32 + 8 * left : 32)
    if (bits > 31) {
      hash ^= scramble(tail)
      hash = Math.imul(hash << 13 | hash >>> 19, 5) + 0xe6546b64 | 0
      tail = shift && word >>> 32 - shift
      shift = bits - 32
    } else shift = bits
  }
  if (keep) {
    states[at] = hash
    states[at + 1] = tail
    states[at + 2] = shift
    states[at + 3] = length
  }
  hash ^= scramble(tail) ^ length
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b)
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35)
  return (hash ^ hash >>> 16) >>> 0
})

/**
 * What stands for a value of a hashed field: two hashes of salt and value, in
 * hexadecimal.
 *
 * @param {string} salt
 * @param {string} value
 */
export const digest = (salt, value) =>
  [ROLLOUT, VARIANT].map(seed => murmur([seed, 0, 0, 0], 0, wordsOf(salt + ':' + value)).toString(16).padStart(8, '0')).join('')
