// EdgeKV of Alibaba Cloud EdgeRoutine and ESA, which have no local runtime, as
// their documentation describes it, and with the faults that are known from the
// field. It is a plain script without imports and exports: it can stand before
// or behind a worker script, and Node can import it. It shares no code with src.
//
// Every time in it is one of Date.now, so that a test's clock moves it.
;(() => {
  const LARGEST = 1800000 // bytes of a value: 1.8 MB
  const KEY = /^[A-Za-z0-9_-]{1,512}$/
  const TYPES = ['stream', 'text', 'json', 'arrayBuffer']

  const versions = new Map() // namespace/key -> [{ bytes or undefined, visibleAt }], oldest first
  const missing = new Map() // namespace/key -> until when this PoP remembers a miss
  const still = { failure: '', hang: false, propagation: 0, missTtl: 0, subrequests: Infinity, timers: Infinity, responseTime: Infinity }
  const behaviour = { ...still }
  const reads = []
  let subrequests = 0 // of the request at work
  let timers = 0 // of the request at work

  class EdgeKV {
    #prefix

    constructor(options) {
      const namespace = options && (options.namespace || options.namespaceId)
      if (typeof namespace !== 'string') {
        throw new TypeError('The argument to `EdgeKV` must be an object with a `namespace` or `namespaceId` field')
      }
      this.#prefix = namespace + '/'
    }

    async get(key, options) {
      const type = options === undefined || options.type === undefined ? 'stream' : options.type
      reads.push({ key: this.#prefix + key, type })
      await answering()
      check(key)
      if (!TYPES.includes(type)) throw new TypeError('the type of a get is one of ' + TYPES.join(', '))
      const bytes = read(this.#prefix + key)
      if (bytes === undefined) return undefined
      if (type === 'arrayBuffer') return bytes.slice().buffer
      if (type === 'stream') return new Response(bytes).body
      const text = new TextDecoder().decode(bytes)
      if (type === 'text') return text
      try {
        return JSON.parse(text)
      } catch (e) {
        throw new TypeError('the value is not JSON')
      }
    }

    async put(key, value) {
      await answering()
      check(key)
      const bytes = new Uint8Array(await (value instanceof Response ? value : new Response(value)).arrayBuffer())
      if (bytes.length > LARGEST) throw new TypeError('the value has ' + bytes.length + ' bytes, more than ' + LARGEST)
      write(this.#prefix + key, bytes)
    }

    async delete(key) {
      await answering()
      check(key)
      const was = read(this.#prefix + key) !== undefined
      write(this.#prefix + key, undefined)
      return was
    }
  }

  async function answering() {
    if (behaviour.hang) await new Promise(() => {})
    if (behaviour.failure) throw new Error(behaviour.failure)
  }

  function check(key) {
    if (typeof key !== 'string' || !KEY.test(key)) throw new TypeError('a key has 1 to 512 characters of A-Z a-z 0-9 _ -')
  }

  function read(path) {
    const now = Date.now()
    if (now < missing.get(path)) return undefined
    const seen = (versions.get(path) || []).filter(v => v.visibleAt <= now).pop()
    if (seen && seen.bytes) return seen.bytes
    missing.set(path, now + behaviour.missTtl)
    return undefined
  }

  function write(path, bytes) {
    const list = versions.get(path) || []
    list.push({ bytes, visibleAt: Date.now() + behaviour.propagation })
    versions.set(path, list)
  }

  // DCDN and ESA allow a request four subrequests, unless a ticket says otherwise.
  const subrequest = globalThis.fetch
  globalThis.fetch = async (...args) => {
    if (++subrequests > behaviour.subrequests) throw new TypeError('more than ' + behaviour.subrequests + ' subrequests')
    return subrequest(...args)
  }

  // A request has 16 timers, and none of them for longer than it may take.
  const timer = globalThis.setTimeout
  globalThis.setTimeout = (fn, ms, ...args) => {
    if (ms > behaviour.responseTime) throw new RangeError('a timer of ' + ms + ' ms is longer than the ' + behaviour.responseTime + ' ms of the request')
    if (++timers > behaviour.timers) throw new RangeError('more than ' + behaviour.timers + ' timers')
    return timer(fn, ms, ...args)
  }

  globalThis.EdgeKV = EdgeKV
  globalThis.edgekvShim = {
    /** Every get so far: its key with the namespace, and its type. */
    reads,
    /**
     * failure: what every call rejects with; hang: no call ends; propagation:
     * milliseconds until a put is seen; missTtl: milliseconds that a miss is
     * remembered; subrequests, timers: how many a request may have;
     * responseTime: milliseconds that it may take, and a timer.
     */
    behave: changes => Object.assign(behaviour, changes),
    /** A new request begins: its subrequests and timers are counted. One at a time. */
    begin: () => { subrequests = timers = 0 },
    /** Stores what no put would take. */
    plant: (namespace, key, text) => write(namespace + '/' + key, new TextEncoder().encode(text)),
    reset() {
      subrequests = timers = 0
      versions.clear()
      missing.clear()
      reads.length = 0
      Object.assign(behaviour, still)
    }
  }
})();
