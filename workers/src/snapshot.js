import { createProgram } from './rules.js'

// Functions in parentheses are those that the first request needs: see hash.js.

/**
 * Characters, and bytes on the network. No store takes more bytes for one value
 * (Cloudflare KV: 25 MiB), and to parse more may cost a worker its memory.
 */
export const LONGEST = 25 << 20

/**
 * @typedef {{ name: string, enabled: boolean, payload?: { type: string, value: string }, feature_enabled: boolean, featureEnabled: boolean }} Variant
 * @typedef {{ name: string, enabled: boolean, variant: Variant, impressionData: boolean }} Toggle
 * @typedef {{ seq: number, digest: string, format: string, publishedAt?: string, seen: number, environment?: string, target?: string, heartbeat?: number, pinned?: string, open: boolean, lists: Record<string, string>, view(context?: any, options?: ViewOptions): Answers }} Snapshot
 *   seq: a safe integer, 0 at least; seen: Unix milliseconds when this isolate
 *   first read it; open: the answers depend on the context; lists: a place for the texts of those that do not
 * @typedef {{ time?: number, seed?: string }} ViewOptions instead of now, and of a random seed
 * @typedef {{ toggle(name: string): Toggle | undefined, all(): Toggle[] }} Answers
 */

/**
 * Reads a published snapshot. It throws an Error that says what is wrong with
 * a text that is cut off, is something else, or has a format of the future.
 *
 * @param {string | object} text an object is a text that has been parsed
 * @returns {Snapshot}
 */
export const parseSnapshot = (function (text) {
  const document = typeof text === 'string' ? parse(text) : text
  const meta = document && document.flagcast
  // The digest is the entity tag: without one every snapshot would be the same.
  // A seq that is not exact would order what follows wrongly.
  if (!meta || !Number.isSafeInteger(meta.seq) || meta.seq < 0 || typeof meta.digest !== 'string' || !meta.digest) {
    throw new Error('what is stored was not published by flagcast')
  }
  const { format } = meta
  const open = format === 'rules/1'
  const view = open ? evaluator(document) : format === 'evaluated/1' ? lookup(document) : null
  if (!view) {
    throw new Error('the stored snapshot has the format ' + format + ', this worker reads evaluated/1 and rules/1: deploy a newer worker')
  }
  return { ...meta, seen: Date.now(), stale: false, open, lists: {}, view }
})

const parse = (function (text) {
  if (text.length > LONGEST) throw new Error('the stored snapshot has ' + text.length + ' characters, more than ' + LONGEST)
  try {
    return JSON.parse(text)
  } catch (e) {
    throw new Error('the stored snapshot is not JSON, or cut off: ' + text.length + ' characters')
  }
})

/**
 * The answers of a frontend API for one context.
 *
 * @param {string} text
 * @returns {Answers}
 */
export const parseToggles = text => lookup(parse(text) || {})()

// Answers that were fixed when they were published, whatever the context.
function lookup({ toggles }) {
  if (!Array.isArray(toggles)) throw new Error('the stored snapshot has no list of toggles')
  // A Map: flags may be called __proto__ or constructor.
  const byName = new Map()
  for (const toggle of toggles) {
    if (!toggle || typeof toggle.name !== 'string' || !toggle.variant) throw new Error('the stored snapshot has a toggle that is none')
    byName.set(toggle.name, toggle)
  }
  return () => ({ toggle: name => byName.get(name), all: () => toggles.slice() })
}

const evaluator = (function ({ rules }) {
  const program = createProgram(rules)
  return (function (context, { time, seed } = {}) { return program(context, time, seed) })
})
