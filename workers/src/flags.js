import { createHandler } from './handler.js'
import { OFF } from './rules.js'
import { parseSnapshot } from './snapshot.js'

/** There has been no snapshot to read since this isolate started. */
export class NotReadyError extends Error {}

// A read whose request has been cancelled never ends; after this time (ms) it
// counts as lost.
const READ_TIMEOUT = 10000
// After a read that failed, the source is left alone for this time (ms).
const RETRY_PAUSE = 1000

/**
 * Flags for the requests of one isolate. Call it at module scope: it does no
 * I/O. The newest snapshot is kept between requests; what cannot be read never
 * replaces one that could.
 *
 * @param {{ source: import('./sources.js').Source, maxAge?: number, tokens?: string[], statusPath?: string, clientIP?: string }} options
 *   maxAge: milliseconds before the source is read again, 30,000 by default.
 *   tokens, statusPath, clientIP: see createHandler
 */
export function createFlags(options) {
  const { source } = options
  const maxAge = options.maxAge === undefined ? 30000 : options.maxAge
  const pause = Math.min(maxAge, RETRY_PAUSE)

  let last = null // { text, snapshot }: the newest that could be read
  let readAt = 0 // when it was last confirmed
  let triedAt = 0 // when a read last ended
  let readingSince = 0 // when a read began that has not ended, 0: none
  let error = null // of the last read

  async function read() {
    const began = Date.now()
    readingSince = began
    try {
      accept(await source.get())
      error = null
    } catch (e) {
      error = e instanceof Error ? e : new Error(String(e))
    } finally {
      triedAt = Date.now()
      if (readingSince === began) readingSince = 0
    }
  }

  function accept(text) {
    if (text === null) {
      throw new Error('nothing is stored under the key: publish the target before the worker reads it')
    }
    if (!last || text !== last.text) {
      const snapshot = parseSnapshot(text)
      if (last && snapshot.seq < last.snapshot.seq) {
        throw new Error('the source shows seq ' + snapshot.seq + ', older than ' + last.snapshot.seq)
      }
      last = { text, snapshot }
    }
    readAt = Date.now()
  }

  // A request never waits for the read of another: the platform does not
  // answer it then. It serves what there is, or reads for itself.
  async function refresh(platform) {
    const now = Date.now()
    if (last && now - readAt < maxAge) return
    if (triedAt && error && now - triedAt < pause) return
    if (last && readingSince && now - readingSince < READ_TIMEOUT) return
    const reading = read()
    // Taken out of its object, waitUntil would lose what it belongs to.
    if (last && platform && platform.waitUntil) platform.waitUntil(reading)
    else await reading
  }

  async function current(platform) {
    await refresh(platform)
    if (!last) throw new NotReadyError('no flags yet: ' + error.message)
    return last.snapshot
  }

  /**
   * The flags for one request: from one snapshot, for one time and one seed.
   * The context of an evaluated snapshot was fixed when it was published; this
   * one is ignored then.
   *
   * @param {object} [context] flat, or in Unleash's shape
   * @param {{ waitUntil?: (promise: Promise<unknown>) => void }} [platform]
   */
  async function view(context, platform) {
    const answers = (await current(platform)).view(context)
    return {
      /** @param {string} name */
      isEnabled(name) {
        const toggle = answers.toggle(name)
        return toggle !== undefined && toggle.enabled
      },
      /** @param {string} name */
      getVariant(name) {
        const toggle = answers.toggle(name)
        return toggle ? toggle.variant : OFF
      },
      all: answers.all
    }
  }

  /** How this isolate is doing: what it serves, how old it is, what failed. */
  function status() {
    const now = Date.now()
    const s = last && last.snapshot
    return {
      source: source.name,
      ready: s !== null,
      format: s && s.format,
      environment: s && s.environment || null,
      target: s && s.target || null,
      seq: s && s.seq,
      digest: s && s.digest,
      publishedAt: s && s.publishedAt || null,
      ageMs: s && now - readAt,
      lastError: error && error.message
    }
  }

  return { view, status, handler: createHandler(current, status, options) }
}
