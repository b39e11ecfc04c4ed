// What a script finds around it while it is measured: the globals of its
// platform, with every subrequest answered at once. It runs before the script,
// and is the same around the empty worker.
const listeners = []
let stored // the text under every key of every KV

globalThis.addEventListener = (type, listener) => {
  if (type === 'fetch') listeners.push(listener)
}

globalThis.fetch = async () => new Response('<!doctype html><title>origin</title>', { headers: { 'content-type': 'text/html' } })

const as = {
  text: text => text,
  json: text => JSON.parse(text),
  arrayBuffer: text => new TextEncoder().encode(text).buffer,
  stream: text => new Response(text).body
}
const typeOf = (options, usual) => typeof options === 'string' ? options : (options && options.type) || usual

globalThis.EdgeKV = class {
  async get(key, options) { return as[typeOf(options, 'stream')](stored) }
  async put() {}
  async delete() { return true }
}

const cached = { put: async () => {}, match: async () => undefined, get: async () => undefined, delete: async () => false }
globalThis.cache = cached
Object.defineProperty(globalThis, 'caches', { configurable: true, value: { default: cached, open: async () => cached } })

const namespace = {
  get: async (key, options) => as[typeOf(options, 'text')](stored),
  getWithMetadata: async (key, options) => ({ value: as[typeOf(options, 'text')](stored), metadata: null }),
  list: async () => ({ keys: [], list_complete: true }),
  put: async () => {},
  delete: async () => {},
  fetch: () => globalThis.fetch(),
  toString: () => ''
}

/** Bindings and variables: which ones a worker has nobody tells. */
export const env = new Proxy({}, { get: (_, name) => typeof name === 'string' ? namespace : undefined })

/**
 * Calls a worker as its platform does, and waits for all that it leaves to
 * waitUntil.
 *
 * @param {any} module what the script exports
 * @param {{ url: string, headers: Record<string, string>, cf: Record<string, string> }} given
 * @returns {Promise<{ status: number, text: string }>}
 */
export async function call(module, { url, headers, cf }) {
  const request = new Request(url, { headers })
  if (!request.cf) Object.defineProperty(request, 'cf', { value: cf })
  const pending = []
  const platform = { waitUntil: promise => { pending.push(promise) }, passThroughOnException() {} }
  let response
  const handler = module && module.default
  if (typeof handler === 'function') response = await new handler(platform, env).fetch(request)
  else if (handler && handler.fetch) response = await handler.fetch(request, env, platform)
  else if (listeners.length > 0) response = await new Promise((respondWith, fail) => {
    const event = { ...platform, type: 'fetch', request, respondWith, stopImmediatePropagation() {}, info: { remote_addr: '192.0.2.1', scheme: 'https' } }
    const result = listeners[0](event)
    if (result && result.catch) result.catch(fail)
  })
  else throw new Error('the script neither exports a default with fetch nor registers a listener for fetch')
  if (!(response instanceof Response)) throw new Error('the worker answers with something that is no Response')
  const text = await response.text()
  await Promise.all(pending)
  return { status: response.status, text }
}

/**
 * Calls a worker some times in a row with the requests of one kind.
 *
 * @returns {Promise<{ status: number, error?: string }>} the worst answer
 */
export async function run(module, job, kind, from, times) {
  stored = job.stored
  const requests = job.kinds[kind]
  let worst = 0
  for (let i = 0; i < times; i++) {
    try {
      const { status } = await call(module, requests[(from + i) % requests.length])
      worst = Math.max(worst, status)
    } catch (e) {
      return { status: 500, error: String(e && e.stack || e) }
    }
  }
  return { status: worst }
}
