import { digest } from './hash.js'
import { contextOf } from './request.js'
import { createUsage } from './usage.js'
import { NotReadyError } from './views.js'

const ROUTE = /^\/api\/(?:frontend|proxy)(?:\/(all|features\/([^/]+)|(?:all\/)?client\/(?:metrics|register)))?$/

/**
 * The frontend API of Unleash, answered from a snapshot:
 *
 *   GET, POST /api/frontend, /api/proxy    the flags that are on
 *   …/all                                  all flags that the snapshot holds
 *   …/features/NAME                        one flag
 *   POST …/client/metrics, …/client/register   accepted; see createUsage
 *   GET statusPath                         how this isolate is doing
 *
 * Without a snapshot the answer is 503: SDKs keep what they have then, while
 * an empty 200 would turn every flag off.
 *
 * @param {(contextOf: (environment?: string) => any, platform?: object) => Promise<{ snapshot: any, answers: import('./snapshot.js').Answers }>} answer
 *   see openViews
 * @param {() => object} status
 * @param {{ tokens?: string[], statusPath?: string, clientIP?: string, metrics?: object }} options
 *   tokens: the Authorization values that are good; left out: no token is needed.
 *   statusPath: '/flagcast/status' by default; '' for none.
 *   clientIP: the header in which the platform says who asks.
 *   metrics: where usage goes, see createUsage; left out: it is dropped
 */
export function createHandler(answer, status, { tokens, statusPath = '/flagcast/status', clientIP, metrics }) {
  const usage = metrics && createUsage(metrics)

  /**
   * @param {Request} request
   * @param {{ waitUntil?: (promise: Promise<unknown>) => void }} [platform]
   * @returns {Promise<Response>}
   */
  async function handler(request, platform) {
    const path = new URL(request.url).pathname.replace(/\/+/g, '/').replace(/(.)\/$/, '$1')
    if (statusPath && path === statusPath) {
      // A probe may be all that asks an isolate: it is a request like others.
      await answer(() => ({}), platform).catch(() => {})
      return json(200, status())
    }
    const route = ROUTE.exec(path)
    if (!route) return json(404, { error: 'there is nothing at this path' })
    if (request.method === 'OPTIONS') return preflight()
    const [, kind] = /client\/(.*)/.exec(route[1]) || []
    const methods = kind ? ['POST'] : ['GET', 'HEAD', 'POST']
    if (!methods.includes(request.method)) {
      return json(405, { error: 'this path takes ' + methods.join(', ') }, { allow: methods.join(', ') })
    }
    const token = (request.headers.get('authorization') || '').replace(/^bearer /i, '')
    // An empty token in the list is one that has not been set.
    if (tokens && !(token && tokens.includes(token))) {
      return json(401, { error: 'the Authorization header has no token that is known here' })
    }
    if (kind) {
      if (usage) await usage.take(kind, request, platform)
      return new Response(null, { status: 202, headers: CORS })
    }
    let found
    try {
      found = await answer(environment => contextOf(request, environment, clientIP), platform)
    } catch (e) {
      return e instanceof NotReadyError ? json(503, { error: e.message }, { 'retry-after': '1' }) : json(400, { error: e.message })
    }
    return written(request, route, found.snapshot, found.answers)
  }

  return { handler, metricsError: () => usage ? usage.error() : null }
}

/**
 * @param {Request} request
 * @param {RegExpExecArray} route
 * @param {import('./snapshot.js').Snapshot} snapshot
 * @param {import('./snapshot.js').Answers} answers
 */
function written(request, route, snapshot, answers) {
  const tag = toggles => snapshot.open ? digest(snapshot.digest || '', toggles.map(snapshot.digest ? summary : toggle => JSON.stringify(toggle)).join('\x80')) : snapshot.digest
  if (route[2] !== undefined) {
    const toggle = answers.toggle(decode(route[2]))
    return toggle ? reply(request, tag([toggle]), () => JSON.stringify(toggle)) : json(404, { error: 'there is no such flag in the snapshot' })
  }
  const list = () => route[1] === 'all' ? answers.all() : answers.all().filter(t => t.enabled)
  if (snapshot.open) {
    const toggles = list()
    return reply(request, tag(toggles), () => JSON.stringify({ toggles }))
  }
  // Answers that are the same for everybody are written once.
  const { lists } = snapshot
  return reply(request, tag(), () => lists[route[1]] || (lists[route[1]] = JSON.stringify({ toggles: list() })))
}

// With the digest of the snapshot it says all that an answer depends on.
const summary = ({ name, enabled, variant }) => name + '\x7f' + (enabled ? variant.name : '')

// write is not called for what the client has.
function reply(request, tag, write) {
  const etag = '"' + tag + '"'
  const headers = { ...CORS, etag, 'cache-control': 'no-cache' }
  const match = request.headers.get('if-none-match')
  if (match && match.split(',').some(known => known.trim() === '*' || known.trim().replace(/^W\//, '') === etag)) {
    return new Response(null, { status: 304, headers })
  }
  return new Response(write(), { headers: { 'content-type': 'application/json', ...headers } })
}

function decode(text) {
  try {
    return decodeURIComponent(text)
  } catch (e) {
    return text
  }
}

const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'ETag' }

// SDKs let their users add headers: hence the star, which does not cover
// authorization.
function preflight() {
  return new Response(null, {
    status: 204,
    headers: {
      ...CORS,
      'access-control-allow-methods': 'GET, POST, OPTIONS',
      'access-control-allow-headers': '*, authorization, content-type, if-none-match, unleash-appname, unleash-connection-id, unleash-sdk',
      'access-control-max-age': '86400'
    }
  })
}

function json(status, body, headers) {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...CORS, ...headers } })
}
