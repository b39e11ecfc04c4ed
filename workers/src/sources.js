import { createReader } from './reader.js'

/**
 * Where a worker reads its snapshot. get() gives the stored text, or null when
 * nothing is stored; a failure rejects. The two are never confused.
 *
 * @typedef {object} Source
 * @property {string} name
 * @property {string} [at] the place, for messages: nothing secret
 * @property {(context?: object) => Promise<string | object | null>} get an
 *   object is a snapshot that has been parsed already
 * @property {(settings: Settings) => Step[]} [open] what answers from it, where
 *   that is no reader
 * @property {Source[]} [sources] those of a chain
 *
 * @typedef {{ maxAgeMs: number, timeout: number, onStale?: Function, named?: boolean }} Settings
 *   timeout: milliseconds for one read of one source; named: errors say of
 *   which source they are
 * @typedef {{ current(platform?: object): Promise<any>, status(): object, before?(steps: Step[]): void }} Step
 */

/**
 * Cloudflare KV.
 *
 * @param {{ get(key: string, options: object): Promise<string | null> } | (() => any)} binding
 *   the KV namespace (of env in cloudflare:workers, also at module scope), or
 *   a function that returns it within a request
 * @param {string} key
 * @param {{ cacheTtl?: number }} [options] seconds that a PoP may keep a read, 30 at least
 * @returns {Source}
 */
export function kv(binding, key, options) {
  const { cacheTtl = 60 } = options || {}
  if (!(cacheTtl >= 30)) throw new Error('cacheTtl: want 30 or more')
  return {
    name: 'kv',
    at: quote(key),
    async get() {
      const namespace = typeof binding === 'function' ? binding() : binding
      if (!namespace || typeof namespace.get !== 'function') {
        throw new Error('the KV namespace is not bound: add a kv_namespaces binding')
      }
      return text(await namespace.get(key, { type: 'text', cacheTtl }))
    }
  }
}

/**
 * EdgeKV of Alibaba Cloud DCDN and ESA. It has to be read within a request.
 *
 * @param {{ namespace: string, key: string }} options
 * @returns {Source}
 */
export function edgekv({ namespace, key }) {
  return {
    name: 'edgekv',
    at: quote(key) + ' of the namespace ' + quote(namespace),
    async get() {
      // Without a type EdgeKV gives a stream; a miss is undefined.
      return text(await new EdgeKV({ namespace }).get(key, { type: 'text' }))
    }
  }
}

/**
 * What flagcast export has written, in the script itself.
 *
 * @param {any} constant the module, its text, its snapshot, or a function that
 *   gives one of these
 * @returns {Source}
 */
export function bundle(constant) {
  return {
    name: 'bundle',
    async get() {
      let value = typeof constant === 'function' ? constant() : constant
      if (value && typeof value.text === 'string') value = value.text
      return value && value.flagcast ? value : text(value)
    }
  }
}

/**
 * The first of several sources that has one: a chain goes on where something
 * is absent, and where something fails.
 *
 * @param {...Source} sources
 * @returns {Source}
 */
export function chain(...sources) {
  return {
    name: 'chain',
    sources,
    open: settings => steps(sources, settings),
    async get(context) {
      let failure
      for (const source of sources) {
        try {
          const found = await source.get(context)
          if (found !== null) return found
        } catch (e) {
          failure = failure || e
        }
      }
      if (failure) throw failure
      return null
    }
  }
}

// Sources that follow each other share a reader; others stand alone.
function steps(sources, settings) {
  const flat = some => [].concat(...some.map(source => source.sources ? flat(source.sources) : source))
  const all = flat(sources)
  if (all.length === 0) throw new TypeError('a chain has at least one source')
  const each = { ...settings, timeout: settings.timeout / all.length, named: all.length > 1 }
  const groups = []
  all.forEach((source, i) => {
    if (i > 0 && !source.open && !all[i - 1].open) groups[groups.length - 1].push(source)
    else groups.push([source])
  })
  const made = [].concat(...groups.map(group => group[0].open ? group[0].open(each) : createReader(group, each)))
  made.forEach((step, i) => step.before && step.before(made.slice(i + 1)))
  return made
}

const quote = name => '"' + name + '"'

/** @param {unknown} value */
function text(value) {
  if (value === undefined || value === null) return null
  if (typeof value === 'string') return value
  throw new Error('the stored value was read as ' + typeof value + ', not as text')
}
