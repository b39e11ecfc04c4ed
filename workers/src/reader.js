import { within } from './deadline.js'
import { parseSnapshot } from './snapshot.js'

/** After a read that failed, its source is left alone for this time (ms). */
export const RETRY_PAUSE = 1000
// A read whose request has been cancelled never ends; it counts as lost after
// its time-out, and after this time (ms) at the latest.
const LOST = 10000
// So many times maxAgeMs after a snapshot was last confirmed, who reads waits for
// it: an isolate that was idle for an hour is not to begin with flags of an
// hour ago.
const IDLE = 10

/**
 * Keeps the newest snapshot of the first source that has one, between requests.
 * What cannot be read never replaces one that could.
 *
 * @param {import('./sources.js').Source[]} sources
 * @param {import('./sources.js').Settings} settings
 */
export function createReader(sources, { maxAgeMs, timeout, onStale = same, named }) {
  const pause = Math.min(maxAgeMs, RETRY_PAUSE)
  const lost = Math.min(timeout * sources.length, LOST)

  let last = null // { text, snapshot, name }: the newest that could be read
  let readAt = 0 // when it was last confirmed
  let due = -Infinity // when to read again
  let readingSince = 0 // when a read began that has not ended, 0: none
  let error = null // of the last read

  const read = (async function () {
    const began = Date.now()
    readingSince = began
    error = await firstOf()
    due = Date.now() + (error ? pause : maxAgeMs)
    if (readingSince === began) readingSince = 0
  })

  // The first failure, also where another source had one.
  const firstOf = (async function () {
    let failure = null
    for (const source of sources) {
      try {
        accept(await within(Promise.resolve(source.get()), timeout), source)
        return failure
      } catch (e) {
        failure = failure || tell(e, named && source)
      }
    }
    return failure
  })

  const accept = (function (text, { name, at }) {
    if (text === null) {
      throw new Error('nothing is stored under the key' + (at ? ' ' + at : '') + ': publish the target (flagcast sync); the edge may remember for minutes that the key was missing')
    }
    if (!last || text !== last.text) {
      const snapshot = parseSnapshot(text)
      if (last && snapshot.seq < last.snapshot.seq) {
        throw new Error('the source shows seq ' + snapshot.seq + ', older than ' + last.snapshot.seq)
      }
      last = { text, snapshot, name }
    }
    last.name = name
    readAt = Date.now()
  })

  // A request never waits for the read of another: the platform does not
  // answer it then. It serves what there is, or reads for itself.
  const refresh = (async function (platform) {
    const now = Date.now()
    if (now < due) return
    if (last && readingSince && now - readingSince < lost) return
    const waits = !last || now - readAt >= IDLE * maxAgeMs
    const reading = read()
    // Taken out of its object, waitUntil would lose what it belongs to.
    if (!waits && platform && platform.waitUntil) platform.waitUntil(reading)
    else await reading
  })

  return {
    /** @param {{ waitUntil?: (promise: Promise<unknown>) => void }} [platform] */
    current: (async function (platform) {
      await refresh(platform)
      if (!last) throw error
      return onStale(last.snapshot)
    }),
    status() {
      const s = last && onStale(last.snapshot)
      return {
        source: last ? last.name : sources[0].name,
        ready: s !== null,
        ...shown(s),
        digest: s && last.snapshot.digest,
        ageMs: s && Date.now() - readAt,
        lastError: error && error.message
      }
    }
  }
}

/**
 * What a status says of a snapshot: no flags, since it needs no token.
 *
 * @param {import('./snapshot.js').Snapshot | null} s
 */
export const shown = s => ({
  ...Object.fromEntries(['format', 'environment', 'target', 'seq', 'digest', 'publishedAt', 'heartbeat', 'pinned'].map(name => [name, s?.[name] ?? null])),
  contextual: s?.contextual?.length ?? null,
  stale: !!s?.stale
})

const same = snapshot => snapshot

/**
 * @param {unknown} e what was thrown: anything
 * @param {{ name: string } | false} source to name
 */
export function tell(e, source) {
  const error = e instanceof Error ? e : new Error(String(e))
  return source ? new Error(source.name + ': ' + error.message) : error
}
