import { accepts, compare } from './condition.js'
import { valueOf } from './context.js'
import { ROLLOUT, VARIANT, digest, murmur, wordsOf } from './hash.js'

const noVariant = on => Object.freeze({ name: 'disabled', enabled: false, feature_enabled: on, featureEnabled: on })

/** What a flag without variants has, and a flag that is off. */
export const ON = noVariant(true)
export const OFF = noVariant(false)

const TABLES = ['flags', 'fields', 'values', 'stickies', 'shares', 'conditions', 'shapes', 'impressions', 'hidden']

/**
 * The rules of a snapshot, ready to answer. They are taken apart no further
 * than a request needs. What is not as it should be turns off the flags that
 * need it.
 *
 * @param {any} rules
 * @returns {(context: any, time: number, seed: string) => { toggle(name: string): Toggle | undefined, all(): Toggle[] }}
 */
export function createProgram(rules) {
  if (!rules || typeof rules.names !== 'string') throw new Error('the stored snapshot has no names of flags')
  for (const table of TABLES) {
    if (!Array.isArray(rules[table])) throw new Error('the stored snapshot has no list of ' + table)
  }
  const { flags, fields, values, stickies, shares, conditions, shapes } = rules
  let names, states, hidden, impressions // made at the first request
  let lastId, lastWords

  // The place of a hash in states: shares of flags, variants of flags, then
  // shares and shapes that name their group.
  function bucket(at, seed, group, id, size) {
    if (!states) states = new Int32Array(4 * (2 * flags.length + shares.length + shapes.length))
    at *= 4
    if (!states[at + 3]) {
      states[at] = seed
      murmur(states, at, wordsOf(group + ':'), true)
    }
    if (id !== lastId) {
      lastId = id
      lastWords = wordsOf(id)
    }
    return murmur(states, at, lastWords) % size + 1
  }

  // The numbers of the lists that hold the value of a field.
  function listsOf(field, value) {
    const found = new Set()
    if (value === null) return found
    if (rules.hashed && rules.hashed.includes(field)) value = digest(rules.salt, value)
    const joined = values[field]
    let at = joined.indexOf('\x7f' + value + '\x80')
    if (at < 0 || /[\x7f\x80]/.test(value)) return found
    at += value.length + 2
    let number = -1
    let scale = 1
    for (let c; (c = joined.charCodeAt(at)) < 127; at++) {
      if (c < 93) {
        found.add(number += (c - 35) * scale)
        scale = 1
      } else {
        number += (c - 93) * scale
        scale *= 34
      }
    }
    return found
  }

  function place(name) {
    let low = 0
    let high = flags.length
    while (low < high) {
      const middle = low + high >> 1
      if (names[middle] < name) low = middle + 1
      else high = middle
    }
    return low
  }

  return (context, time, seed) => {
    const slots = [] // by field: its value
    const lists = [] // by field: numbers of the lists that its value is in
    const memo = new Map() // by condition, and by ~parent: what it is

    if (!names) {
      names = rules.names.split('\x7f')
      hidden = new Set(rules.hidden)
      impressions = new Set(rules.impressions)
    }

    function field(i) {
      if (slots[i] === undefined) slots[i] = valueOf(context, fields[i])
      return slots[i]
    }

    function holds(reference) {
      const n = reference < 0 ? ~reference : reference
      const k = conditions[n]
      let is
      if (k[0] === 0) {
        const i = k[1]
        is = (lists[i] || (lists[i] = listsOf(i, field(i)))).has(n)
      } else {
        is = memo.get(n)
        if (is === undefined) memo.set(n, is = compute(k, n))
      }
      return is !== reference < 0
    }

    function compute(k, n) {
      if (k[0] === 8) return accepts(k[1], time - k[2])
      if (k[0] < 12) {
        const value = field(k[1])
        return value !== null && compare(k, value)
      }
      for (let i = 1; i < k.length; i++) {
        // What it refers to stands before it.
        if (k[i] >= n || ~k[i] >= n) throw new Error('circle')
        if (!holds(k[i])) return false
      }
      return true
    }

    // The value that decides: '' for a draw without a seed, undefined for none.
    function decider(sticky) {
      for (let i = 0; i < sticky.length; i++) {
        const by = sticky[i]
        if (by === -1) return seed
        if (typeof by === 'string') return by
        const value = field(by)
        if (value) return value
      }
    }

    function share(n, i) {
      if (n === 1) return true
      let group = names[i]
      if (n < 0) {
        i = 2 * flags.length + ~n
        group = shares[~n][1]
        n = shares[~n][0]
      }
      n -= 2
      const percent = n % 101
      const id = decider(stickies[(n - percent) / 101])
      return percent < 100 ? !!id && bucket(i, ROLLOUT, group, id, 100) <= percent : id !== undefined
    }

    function passes(strategy, i) {
      if (typeof strategy === 'number') return share(strategy, i)
      for (let j = 1; j < strategy.length; j++) {
        if (!holds(strategy[j])) return false
      }
      return share(strategy[0], i)
    }

    function met(parent) {
      const i = parent[0]
      if (typeof flags[i][0] === 'object' && flags[i][3]) throw new Error('a parent has parents')
      let variant = memo.get(~i)
      if (!variant) memo.set(~i, variant = evaluate(i))
      if (!parent[1]) return !variant.feature_enabled
      return variant.feature_enabled && (parent.length < 3 || parent.indexOf(variant.name, 2) > 0)
    }

    function choose(variants, i) {
      if (!variants) return ON
      const shape = shapes[variants[0]]
      const weights = shape[3]
      let total = 0
      for (let j = 0; j < weights.length; j++) total += weights[j]
      if (!total) return ON
      let at = chosen(shape, i, variants[0], weights, total)
      if (at < 0) return ON
      const payload = variants[at + 1]
      const variant = { name: shape[2][at], enabled: true }
      if (payload !== undefined && payload !== 0) {
        variant.payload = typeof payload === 'string' ? { type: 'string', value: payload } : { type: payload[0], value: payload[1] }
      }
      variant.feature_enabled = variant.featureEnabled = true
      return variant
    }

    function chosen(shape, i, number, weights, total) {
      const overrides = shape[4]
      if (overrides) {
        for (let j = 0; j < overrides.length; j += 2) {
          if (holds(overrides[j])) return overrides[j + 1]
        }
      }
      let at = weights.indexOf(total)
      if (at >= 0) return at
      const id = decider(stickies[shape[0]])
      if (!id) return -1
      const group = shape[1]
      let target = group === 0
        ? bucket(flags.length + i, VARIANT, names[i], id, total)
        : bucket(2 * flags.length + shares.length + number, VARIANT, group, id, total)
      while ((target -= weights[++at]) > 0);
      return at
    }

    function decide(flag, i) {
      if (typeof flag === 'number') return share(flag, i) ? ON : OFF
      const strategies = flag[0]
      if (typeof strategies === 'number') return passes(flag, i) ? ON : OFF
      const parents = flag[3]
      if (parents) {
        for (let j = 0; j < parents.length; j++) {
          if (!met(parents[j])) return OFF
        }
      }
      for (let j = 0; j < strategies.length; j++) {
        if (passes(strategies[j], i)) return choose(flag[2] && flag[2][j] || flag[1], i)
      }
      return OFF
    }

    function evaluate(i) {
      try {
        const flag = flags[i]
        return flag === 1 ? ON : flag === 0 ? OFF : decide(flag, i)
      } catch (e) {
        return OFF
      }
    }

    function toggleOf(i) {
      const variant = evaluate(i)
      return { name: names[i], enabled: variant.feature_enabled, variant, impressionData: impressions.has(i) }
    }

    return {
      toggle(name) {
        const i = place(name)
        return names[i] === name && i < flags.length && !hidden.has(i) ? toggleOf(i) : undefined
      },
      all() {
        const toggles = []
        for (let i = 0; i < flags.length; i++) {
          if (!hidden.has(i)) toggles.push(toggleOf(i))
        }
        return toggles
      }
    }
  }
}
