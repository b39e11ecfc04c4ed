/**
 * Where a worker reads its snapshot. get() gives the stored text, or null when
 * nothing is stored; a failure rejects. The two are never confused.
 *
 * @typedef {{ name: string, get(): Promise<string | null> }} Source
 */

/**
 * Cloudflare KV.
 *
 * @param {{ get(key: string, options: object): Promise<string | null> } | (() => any)} binding
 *   the KV namespace, or a function that returns it: bindings exist only
 *   within a request
 * @param {string} key
 * @param {{ cacheTtl?: number }} [options] seconds that a PoP may keep a read, 30 at least
 * @returns {Source}
 */
export function kv(binding, key, options) {
  const cacheTtl = (options && options.cacheTtl) || 60
  return {
    name: 'kv',
    async get() {
      const namespace = typeof binding === 'function' ? binding() : binding
      if (!namespace || typeof namespace.get !== 'function') {
        throw new Error('the KV namespace is not bound: add a kv_namespaces binding to the worker')
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
    async get() {
      // Without a type EdgeKV gives a stream; a miss is undefined.
      return text(await new EdgeKV({ namespace }).get(key, { type: 'text' }))
    }
  }
}

/**
 * A snapshot in the script, from flagcast export. It never changes: with it
 * maxAge may be Infinity.
 *
 * @param {string | { text: string }} constant what flagcast/bundle exports, or the text
 * @returns {Source}
 */
export const bundle = constant => ({ name: 'bundle', get: async () => text(constant.text || constant) })

/** @param {unknown} value */
function text(value) {
  if (value === undefined || value === null) return null
  if (typeof value === 'string') return value
  throw new Error('the stored value was read as ' + typeof value + ', not as text')
}
