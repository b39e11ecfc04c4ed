import { textOf } from './body.js'
import { within } from './deadline.js'
import { endpoint, post, refusal } from './fetched.js'

// Bounds of what one isolate keeps.
const MOST_APPS = 20
const MOST_FLAGS = 1000
const MOST_VARIANTS = 100
const TIMEOUT = 5000 // ms

/**
 * Metrics and registrations of SDKs: counts are added up in the isolate by
 * application, and go on to the frontend API of the core or of Unleash.
 * What cannot be read, exceeds the bounds, or reaches nobody is dropped.
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
      if (kind === 'register' || Math.random() < sample) keep(kind, await textOf(request))
    } catch (e) {
      // It was not JSON, or too long.
    }
    const sent = forward()
    if (platform && platform.waitUntil) platform.waitUntil(sent)
    else await sent
  }

  function keep(kind, text) {
    const body = JSON.parse(text)
    if (!body || typeof body.appName !== 'string' || !body.appName) return
    const toggles = Object.entries((kind === 'metrics' && body.bucket && body.bucket.toggles) || {})
    if (kind === 'metrics' && toggles.length === 0) return
    const key = kind + ' ' + body.appName
    let entry = pending.get(key)
    if (!entry) {
      if (pending.size === MOST_APPS) return
      entry = { kind, since: Date.now(), body, counts: new Map() }
      pending.set(key, entry)
    }
    entry.body = body
    for (const [name, counted] of toggles) add(entry.counts, name, counted || {})
  }

  function add(counts, name, { yes, no, variants }) {
    let count = counts.get(name)
    if (!count) {
      if (counts.size === MOST_FLAGS) return
      counts.set(name, count = { yes: 0, no: 0, variants: new Map() })
    }
    count.yes += number(yes)
    count.no += number(no)
    for (const [variant, n] of Object.entries(variants || {})) {
      const sum = count.variants.get(variant)
      if (sum !== undefined || count.variants.size < MOST_VARIANTS) count.variants.set(variant, (sum || 0) + number(n))
    }
  }

  // One for each request: a platform may allow four subrequests.
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
    bucket: {
      start: new Date(since).toISOString(),
      stop: new Date(now).toISOString(),
      toggles: Object.fromEntries([...counts].map(([name, { yes, no, variants }]) => [name, {
        yes: scaled(yes), no: scaled(no), variants: Object.fromEntries([...variants].map(([variant, n]) => [variant, scaled(n)]))
      }]))
    }
  })

  const scaled = n => Math.round(n / sample)

  return { take, error: () => error && error.message }
}

const number = n => n > 0 && n < 1e9 ? Math.floor(n) : 0
