import { matches } from './regex.js'
import { CIDR, CONTAINS, ENDS_WITH, NUMBER, REGEX, SHARED_REGEX, STARTS_WITH, VERSION } from './wire.js'

/**
 * Compares a value by the operator of a condition. Lists, dates and segments
 * need more than one value: see rules.js.
 *
 * @param {any[]} k a condition: operator, field, operands
 * @param {string} value of the field, without lone surrogates
 * @returns {boolean}
 */
export function compare(k, value) {
  const op = k[0]
  if (op < NUMBER) return compareText(k, op, value)
  if (op === REGEX || op === SHARED_REGEX) return matches(k.slice(2), value)
  if (op === CIDR) return containsAddress(k, parseAddress(value))
  value = value.trim()
  if (op === NUMBER) return isNumber(value) && accepts(k[2], value - k[3])
  if (op === VERSION) {
    const version = parseVersion(value)
    if (!version) return false
    const a = precedence(version)
    const b = precedence(k.slice(3))
    return accepts(k[2], (a > b) - (a < b))
  }
  throw new Error('unknown operator')
}

/** order is what an ordering accepts: 1 less, 2 equal, 4 greater. */
export const accepts = (order, difference) => (order & (difference < 0 ? 1 : difference > 0 ? 4 : 2)) > 0

function compareText(k, op, value) {
  if (op > CONTAINS) {
    value = fold(value)
    op -= CONTAINS
  }
  return k.slice(2).some(text => op === STARTS_WITH ? value.startsWith(text) : op === ENDS_WITH ? value.endsWith(text) : value.includes(text))
}

// The lower case of each character by itself, as in Go: in JavaScript the
// neighbours decide about the sigma at the end of a word, and nothing else.
const fold = text => text.toLowerCase().replace(/\u03c2/g, '\u03c3')

// Decimal, with a fraction or an exponent if need be, or infinite: nothing in
// another base, and nothing is not zero.
const isNumber = text => /^[^xob]+$/i.test(text) && !isNaN(text)

// Semantic version 2.0 with the limits of node-semver: the parts of release and
// prerelease.
function parseVersion(text) {
  const parts = text.length <= 256 && /^\d+\.\d+\.\d+(-[\da-z.-]+)?(\+[\da-z-]+(\.[\da-z-]+)*)?$/i.test(text) &&
    text.replace(/\+.*/, '').replace('-', '.').split('.')
  return parts && parts.every((part, i) => /^0$|^[1-9]|\D/.test(part) && (i > 2 || part < 2 ** 53)) && parts
}

// A text in whose order versions are: numbers go before texts, by their length
// first, and a prerelease before its release.
const precedence = parts =>
  parts.map(part => /\D/.test(part) ? part : ' ' + String.fromCharCode((part + '').length) + part).join('\0') +
  (parts.length > 3 ? '' : '\0~')

// Operands are prefixes: bits, then words. An address of IPv4 is one word, one
// of IPv6 four, and neither is in a prefix of the other.
function containsAddress(k, address) {
  if (address) {
    for (let i = 2; i < k.length; i++) {
      const prefix = k[i]
      if (prefix.length === address.length + 1 && address.every((word, j) => {
        const bits = prefix[0] - 32 * j
        return bits < 1 || (word ^ prefix[j + 1]) >>> (bits < 32 ? 32 - bits : 0) === 0
      })) return true
    }
  }
  return false
}

function parseAddress(text) {
  const colon = text.lastIndexOf(':') + 1
  if (!colon || text.includes('.', colon)) {
    const bytes = text.slice(colon).split('.')
    if (bytes.length !== 4 || !bytes.every(byte => /^(0|[1-9]\d{0,2})$/.test(byte) && byte < 256)) return
    const [a, b, c, d] = bytes
    if (!colon) return [(a << 24 | b << 16 | c << 8 | d) >>> 0]
    text = text.slice(0, colon) + (a << 8 | b).toString(16) + ':' + (c << 8 | d).toString(16)
  }
  const sides = text.split('::')
  const groups = sides[0] ? sides[0].split(':') : []
  if (sides.length === 2) {
    const last = sides[1] ? sides[1].split(':') : []
    const zeros = 8 - groups.length - last.length
    if (zeros < 1) return
    groups.push(...'0'.repeat(zeros), ...last)
  }
  if (groups.length !== 8 || sides.length > 2 || !groups.every(group => /^[\da-f]{1,4}$/i.test(group))) return
  return [0, 2, 4, 6].map(i => parseInt(groups[i] + groups[i + 1].padStart(4, '0'), 16))
}
