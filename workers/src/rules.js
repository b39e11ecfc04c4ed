import { accepts, compare } from './condition.js'
import { timeOf, valueOf } from './context.js'
import { ROLLOUT, VARIANT, digest, finish, start, wordsOf } from './hash.js'
import { ALL, BASE, DATE, END, EVERYBODY, FIRST_SHARE, IN, MORE, PER_STICKY, POSTINGS, RANDOM, SEPARATOR, SHARED_REGEX } from './wire.js'

// Functions in parentheses are those that the first request needs: see hash.js.

const noVariant = on => Object.freeze({ name: 'disabled', enabled: false, feature_enabled: on, featureEnabled: on })

/** What a flag without variants has, and a flag that is off. */
export const ON = noVariant(true)
export const OFF = noVariant(false)

/**
 * The rules of a snapshot, ready to answer. They are taken apart no further
 * than a request needs. What is not as it should be turns off the flags that
 * need it. Without a time it is that of the context, without a seed a random
 * one.
 *
 * @param {any} rules
 * @returns {(context: any, time?: number, seed?: string) => { toggle(name: string): Toggle | undefined, all(): Toggle[], complete: boolean }}
 */
export const createProgram = (function (rules) {
  if (!rules || typeof rules.names !== 'string') throw new Error('the stored snapshot has no names of flags')
  for (const table of ['flags', 'fields', 'values', 'stickies', 'shares', 'conditions', 'shapes', 'impressions', 'hidden']) {
    if (!Array.isArray(rules[table])) throw new Error('the stored snapshot has no list of ' + table)
  }
  const { flags, fields, values, stickies, shares, conditions, shapes } = rules
  const impressions = new Set(rules.impressions)
  const hidden = new Set(rules.hidden)
  let names // split at the first request
  const states = [] // see bucket
  const totals = [] // of weights, by shape

  return (function (context, time, seed) {
    const slots = [] // by field: its value
    const lists = [] // by field: numbers of the lists that its value is in
    const memo = [] // by condition: whether it holds
    const parents = [] // by flag: its variant
    const ids = [] // by sticky
    const words = [] // by sticky and alignment: of the id

    if (!names) names = rules.names.split(SEPARATOR)

    const toggle = (function (name) {
      let low = 0
      let high = flags.length
      while (low < high) {
        const middle = low + high >> 1
        if (names[middle] < name) low = middle + 1
        else high = middle
      }
      return names[low] === name && low < flags.length && !hidden.has(low) ? toggleOf(flags[low], low) : undefined
    })

    const toggleOf = (function (flag, i) {
      const variant = flag === 1 ? ON : flag === 0 ? OFF : evaluate(i)
      return { name: names[i], enabled: variant.feature_enabled, variant, impressionData: impressions.size > 0 && impressions.has(i) }
    })

    // By map: a loop here is compiled for one pass, which costs more than it gains.
    const all = (function () {
      const toggles = flags.slice(0, names.length).map(toggleOf)
      return hidden.size > 0 ? toggles.filter((_, i) => !hidden.has(i)) : toggles
    })

    const evaluate = (function (i) {
      try {
        const flag = flags[i]
        if (typeof flag === 'number') return share(flag, i) ? ON : OFF
        const strategies = flag[0]
        if (typeof strategies === 'number') return passes(flag, i) ? ON : OFF
        const needs = flag[3]
        if (needs) {
          for (let j = 0; j < needs.length; j++) {
            if (!met(needs[j])) return OFF
          }
        }
        for (let j = 0; j < strategies.length; j++) {
          if (passes(strategies[j], i)) return choose(flag[2] && flag[2][j] || flag[1], i)
        }
      } catch (e) {
        // It needs something that is not as it should be.
      }
      return OFF
    })

    const passes = (function (strategy, i) {
      if (typeof strategy === 'number') return share(strategy, i)
      for (let j = 1; j < strategy.length; j++) {
        if (!holds(strategy[j])) return false
      }
      return share(strategy[0], i)
    })

    const share = (function (n, i) {
      if (n === EVERYBODY) return true
      let group = names[i]
      if (n < 0) {
        const entry = shares[~n]
        i = 2 * flags.length + ~n
        group = entry[1]
        n = entry[0]
      }
      const percent = (n - FIRST_SHARE) % PER_STICKY
      const sticky = (n - FIRST_SHARE - percent) / PER_STICKY
      if (percent === 100) return idOf(sticky) !== null
      const at = bucket(sticky, i, ROLLOUT, group, 100)
      return at > 0 && at <= percent
    })

    // The value that decides: '' for a draw without a seed, null for none.
    const idOf = (function (sticky) {
      const id = ids[sticky]
      return id === undefined ? ids[sticky] = decider(stickies[sticky]) : id
    })

    const decider = (function (sticky) {
      for (const by of sticky) {
        if (by === RANDOM) return seed === undefined ? seed = String(Math.random()) : seed
        if (typeof by === 'string') return by
        const value = field(by)
        if (value) return value
      }
      return null
    })

    // From 1 to size by the id, 0 without one. at is the place of the group's state
    // in states: shares of flags, variants of flags, then shares and shapes that
    // name their group.
    const bucket = (function (sticky, at, seed, group, size) {
      const state = states[at] || (states[at] = start(seed, group + ':'))
      const offset = state.length & 3
      const place = 4 * sticky + offset
      if (words[place] === undefined) {
        const id = idOf(sticky)
        words[place] = id ? wordsOf(id, offset) : null
      }
      return words[place] && finish(state, words[place]) % size + 1
    })

    const field = (function (i) {
      const value = slots[i]
      return value === undefined ? slots[i] = valueOf(context, fields[i]) : value
    })

    const holds = (function (reference) {
      const n = reference < 0 ? ~reference : reference
      const k = conditions[n]
      let is
      if (k[0] === IN) {
        const i = k[1]
        is = (lists[i] || (lists[i] = listsOf(i))).has(n)
      } else {
        is = memo[n]
        if (is === undefined) is = memo[n] = compute(k, n)
      }
      return is !== reference < 0
    })

    // The numbers of the lists that hold the value of a field.
    const listsOf = (function (i) {
      const found = new Set()
      let value = field(i)
      if (value === null) return found
      if (rules.hashed && rules.hashed.includes(i)) value = digest(rules.salt, value)
      const joined = values[i]
      let at = joined.indexOf(SEPARATOR + value + POSTINGS)
      if (at < 0 || value.includes(SEPARATOR) || value.includes(POSTINGS)) return found
      at += value.length + 2
      let number = -1
      let scale = 1
      for (let c; (c = joined.charCodeAt(at)) < MORE + BASE; at++) {
        if (c < MORE) {
          found.add(number += (c - END) * scale)
          scale = 1
        } else {
          number += (c - MORE) * scale
          scale *= BASE
        }
      }
      return found
    })

    function compute(k, n) {
      const op = k[0]
      if (op === DATE) {
        if (time === undefined) time = timeOf(context)
        return accepts(k[1], time - k[2])
      }
      if (op !== ALL) {
        if (!(op > 0 && op <= SHARED_REGEX)) throw new Error('unknown operator')
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

    function met(parent) {
      const i = parent[0]
      if (typeof flags[i][0] !== 'number' && flags[i][3]) throw new Error('a parent has parents')
      const variant = parents[i] || (parents[i] = evaluate(i))
      if (!parent[1]) return !variant.feature_enabled
      return variant.feature_enabled && (parent.length < 3 || parent.includes(variant.name))
    }

    const choose = (function (variants, i) {
      if (!variants) return ON
      const shape = shapes[variants[0]]
      const at = chosen(shape, i, variants[0])
      if (at < 0) return ON
      const payload = variants[at + 1]
      const name = shape[2][at]
      if (typeof name !== 'string') throw new Error('a variant without a name')
      return payload === undefined || payload === 0
        ? { name, enabled: true, feature_enabled: true, featureEnabled: true }
        : { name, enabled: true, payload: payloadOf(payload), feature_enabled: true, featureEnabled: true }
    })

    const payloadOf = (function (payload) {
      return typeof payload === 'string' ? { type: 'string', value: payload } : { type: payload[0], value: payload[1] }
    })

    const sum = (function (a, b) { return a + b })

    // The place of the variant, -1 for none.
    const chosen = (function (shape, i, number) {
      const weights = shape[3]
      const overrides = shape[4]
      const total = totals[number] || (totals[number] = weights.reduce(sum, 0))
      if (!total) return -1
      if (overrides) {
        for (let j = 0; j < overrides.length; j += 2) {
          if (holds(overrides[j])) return overrides[j + 1]
        }
      }
      let at = weights.indexOf(total)
      if (at >= 0) return at
      const group = shape[1]
      let target = group === 0
        ? bucket(shape[0], flags.length + i, VARIANT, names[i], total)
        : bucket(shape[0], 2 * flags.length + shares.length + number, VARIANT, group, total)
      if (target) while ((target -= weights[++at]) > 0);
      return at
    })

    return { toggle, all, complete: true }
  })
})
