import { digest, encode } from './hash.js'
import { contextOf } from './request.js'
import { NotReadyError } from './views.js'

const ROUTE = /^\/api\/(?:frontend|proxy)(?:\/(all|features\/([^/]+)|(?:all\/)?client\/(metrics|register)))?$/

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
 *   see openAnswers
 * @param {() => object} status
 * @param {{ tokens?: string[], statusPath?: string, clientIP?: string }} options
 *   tokens: the Authorization values that are good; left out: no token is needed.
 *   statusPath: '/flagcast/status' by default; '' for none.
 *   clientIP: the header in which the platform says who asks
 * @param {ReturnType<import('./usage.js').createUsage>} [usage] left out: it is dropped
 */
export function createHandler(answer, status, { tokens, statusPath = '/flagcast/status', clientIP }, usage) {
  /**
   * @param {Request} request
   * @param {{ waitUntil?: (promise: Promise<unknown>) => void }} [platform]
   * @returns {Promise<Response>}
   */
  return (async function (request, platform) {
    const path = new URL(request.url).pathname.replace(/\/+/g, '/').replace(/(.)\/$/, '$1')
    if (statusPath && path === statusPath) {
      // A probe may be all that asks an isolate: it is a request like others.
      await answer(() => ({}), platform).catch(() => {})
      return json(200, status())
    }
    const route = ROUTE.exec(path)
    if (!route) return json(404, { error: 'nothing is at this path' })
    if (request.method === 'OPTIONS') return preflight()
    const kind = route[3]
    const methods = kind ? ['POST'] : ['GET', 'HEAD', 'POST']
    if (!methods.includes(request.method)) {
      return json(405, { error: 'this path takes ' + methods.join(', ') }, { allow: methods.join(', ') })
    }
    if (!isKnown(request.headers.get('authorization'), tokens)) {
      return json(401, { error: 'no known token in the Authorization header' })
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
  })
}

/**
 * Reports whether a header has one of the tokens; without any, none is needed.
 *
 * @param {string | null} header
 * @param {string[]} [tokens] an empty one in the list is one that has not been set
 */
export function isKnown(header, tokens) {
  return !tokens || tokens.includes((header || '').replace(/^bearer /i, '') || 0)
}

/**
 * @param {Request} request
 * @param {RegExpExecArray} route
 * @param {import('./snapshot.js').Snapshot} snapshot
 * @param {import('./snapshot.js').Answers} answers
 */
const written = (function (request, route, snapshot, answers) {
  if (route[2] !== undefined) {
    const toggle = answers.toggle(decode(route[2]))
    if (!toggle) return json(404, { error: 'no such flag is in the snapshot' })
    return reply(request, tagOf(snapshot, [toggle], [state(toggle)]), () => JSON.stringify(toggle))
  }
  const { lists, open } = snapshot
  const toggles = answers.all()
  const all = route[1] === 'all'
  const whole = () => JSON.stringify({ toggles: all ? toggles : toggles.filter(isOn) })
  // Answers that are the same for everybody are written once.
  if (!open) return reply(request, snapshot.digest, () => lists[all] || (lists[all] = whole()))
  const states = toggles.map(state)
  const tag = tagOf(snapshot, toggles, states)
  // One large text takes less time than many small ones: those are made when
  // there is a second request.
  const kept = lists && lists.kept
  if (lists && !kept) lists.kept = []
  return reply(request, tag, kept ? () => bytesOf(toggles, states, all, kept) : whole)
})

// All that an answer depends on, beside the address: the order and the names
// of flags are those of the snapshot.
const tagOf = (function (snapshot, toggles, states) {
  if (!snapshot.open) return snapshot.digest
  return snapshot.digest ? digest(snapshot.digest, states.join('')) : digest('', JSON.stringify(toggles))
})

// What may differ between two answers for one flag.
const state = (function ({ enabled, variant }) {
  if (!variant.enabled) return enabled ? '1' : '0'
  return '2' + variant.name + '\x7f' + (variant.payload ? variant.payload.type + '\x7f' + variant.payload.value : '') + '\x80'
})

const isOn = (function (toggle) { return toggle.enabled })

/**
 * The bytes of a list, put together from those that were made before.
 *
 * @param {import('./snapshot.js').Toggle[]} toggles
 * @param {string[]} states of them
 * @param {boolean} all also those that are off
 * @param {Record<string, Uint8Array>[]} kept by place and state
 */
function bytesOf(toggles, states, all, kept) {
  const parts = [encode('{"toggles":[')]
  let size = 14
  for (let i = 0; i < toggles.length; i++) {
    if (!all && !toggles[i].enabled) continue
    const of = kept[i] || (kept[i] = {})
    const part = of[states[i]] || (of[states[i]] = encode(JSON.stringify(toggles[i]) + ','))
    size += part.length
    parts.push(part)
  }
  const bytes = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  if (parts.length > 1) at-- // the last comma
  bytes.set(encode(']}'), at)
  return bytes.subarray(0, at + 2)
}

// write is not called for what the client has.
export const reply = (function (request, tag, write) {
  const etag = '"' + tag + '"'
  const headers = { ...CORS, etag, 'cache-control': 'no-cache' }
  const match = request.headers.get('if-none-match')
  if (match && match.split(',').some(known => ['*', etag, 'W/' + etag].includes(known.trim()))) {
    return new Response(null, { status: 304, headers })
  }
  return new Response(write(), { headers: { 'content-type': 'application/json', ...headers } })
})

export function decode(text) {
  try {
    return decodeURIComponent(text)
  } catch (e) {
    return text
  }
}

export const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'ETag' }

// SDKs let their users add headers: hence the star, which does not cover
// authorization.
export function preflight() {
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

export function json(status, body, headers) {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...CORS, ...headers } })
}
