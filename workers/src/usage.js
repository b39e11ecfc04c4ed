import { textOf } from './body.js'
import { within } from './deadline.js'
import { endpoint, post, refusal } from './fetched.js'

// Bounds of what one isolate keeps.
const MOST_APPS = 20
const MOST_FLAGS = 1000
const MOST_VARIANTS = 100
const TIMEOUT = 4000 // ms

/**
 * Metrics and registrations of SDKs: counts are added up in the isolate by
 * application, and go on to the frontend API of the core or of Unleash.
 * What cannot be read, exceeds the bounds or is not received is dropped.
 *
 * @param {{ url: string, token: string, sample?: number, interval?: number }} options
 *   url: of the server; token: a frontend token; sample: the part
 *   of the requests that is counted, for all of them, 1 by default; interval:
 *   milliseconds that counts are kept, 10,000 by default
 */
export function createUsage({ url, token, sample = 1, interval = 10000 }) {
  const pending = new Map() // kind and application: { kind, since, body, counts }, oldest first
  let error = null // of the last forward

  /**
   * Takes what an SDK sends. It never fails.
   *
   * @param {string} kind 'metrics' or 'register'
   * @param {Request} request
   * @param {{ waitUntil?: (promise: Promise<unknown>) => void }} [platform]
   */
  async function take(kind, request, platform) {
    try {
      if (kind === 'register' || Math.random() < sample) keep(kind, JSON.parse(await textOf(request)))
    } catch (e) {
      // It was not JSON, no metrics, or too long.
    }
    const sent = forward()
    if (platform && platform.waitUntil) platform.waitUntil(sent)
    else await sent
  }

  /**
   * Adds up what is no request's: nothing where it exceeds the bounds.
   *
   * @param {string} kind
   * @param {any} body as an SDK sends it
   */
  function keep(kind, body) {
    const counted = Object.entries(kind === 'metrics' && body.bucket.toggles || {})
    if (typeof body.appName !== 'string' || !body.appName || kind === 'metrics' && !counted.length) return
    const entry = slot(pending, kind + ' ' + body.appName, MOST_APPS, { kind, since: Date.now(), counts: new Map() })
    if (!entry) return
    entry.body = body
    for (const [name, of] of counted) {
      const { yes, no, variants } = of || {}
      const count = slot(entry.counts, name, MOST_FLAGS, { yes: 0, no: 0, variants: new Map() })
      if (!count) continue
      count.yes += number(yes)
      count.no += number(no)
      for (const [variant, n] of Object.entries(variants || {})) {
        const sum = slot(count.variants, variant, MOST_VARIANTS, 0)
        if (sum !== undefined) count.variants.set(variant, sum + number(n))
      }
    }
  }

  /** Sends what is due: one for each request, since a platform may allow four subrequests. It never fails. */
  async function forward() {
    const now = Date.now()
    const [key, entry] = pending.entries().next().value || []
    if (!entry || now - entry.since < interval) return
    pending.delete(key)
    try {
      const body = entry.kind === 'metrics' ? merged(entry, now) : entry.body
      const response = await within(post(endpoint(url, '/client/' + entry.kind), token, body), TIMEOUT)
      if (!response.ok) throw refusal('the receiver of metrics', response)
      error = null
    } catch (e) {
      error = e
    }
  }

  const merged = ({ since, body, counts }, now) => ({
    appName: body.appName,
    instanceId: 'flagcast',
    bucket: { start: new Date(since), stop: new Date(now), toggles: JSON.parse(JSON.stringify(counts, scaled)) }
  })

  // For JSON: what a sample stands for, and maps as objects.
  const scaled = (_, value) => value instanceof Map ? Object.fromEntries(value) : value > 0 ? Math.round(value / sample) : value

  return { take, keep, forward, error: () => error && error.message }
}

// The value of a key, which is a new one where there are fewer than so many.
const slot = (map, key, most, fresh) => {
  if (!map.has(key) && map.size < most) map.set(key, fresh)
  return map.get(key)
}

const number = n => n > 0 && n < 1e9 ? Math.floor(n) : 0
