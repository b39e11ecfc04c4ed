const ROUTE = /^\/api\/(?:frontend|proxy)(?:\/(all|features\/([^/]+)|(?:all\/)?client\/(?:metrics|register)))?$/

/**
 * The frontend API of Unleash, answered from a snapshot:
 *
 *   GET, POST /api/frontend, /api/proxy    the flags that are on
 *   …/all                                  all flags that the snapshot holds
 *   …/features/NAME                        one flag
 *   POST …/client/metrics, …/client/register   accepted, and dropped
 *   GET statusPath                         how this isolate is doing
 *
 * Without a snapshot the answer is 503: SDKs keep what they have then, while
 * an empty 200 would turn every flag off.
 *
 * @param {(platform?: object) => Promise<import('./snapshot.js').Snapshot>} current
 * @param {() => object} status
 * @param {{ tokens?: string[], statusPath?: string }} options
 *   tokens: the Authorization values that are good; left out: no token is needed.
 *   statusPath: '/flagcast/status' by default; '' for none
 */
export function createHandler(current, status, { tokens, statusPath = '/flagcast/status' }) {
  /**
   * @param {Request} request
   * @param {{ waitUntil?: (promise: Promise<unknown>) => void }} [platform]
   * @returns {Promise<Response>}
   */
  return async function handler(request, platform) {
    const path = new URL(request.url).pathname.replace(/\/+/g, '/').replace(/(.)\/$/, '$1')
    if (statusPath && path === statusPath) return json(200, status())
    const route = ROUTE.exec(path)
    if (!route) return json(404, { error: 'there is nothing at this path' })
    if (request.method === 'OPTIONS') return preflight()
    const usage = route[1] !== undefined && route[1].includes('client/')
    const methods = usage ? ['POST'] : ['GET', 'HEAD', 'POST']
    if (!methods.includes(request.method)) {
      return json(405, { error: 'this path takes ' + methods.join(', ') }, { allow: methods.join(', ') })
    }
    const token = (request.headers.get('authorization') || '').replace(/^bearer /i, '')
    // An empty token in the list is one that has not been set.
    if (tokens && !(token && tokens.includes(token))) {
      return json(401, { error: 'the Authorization header has no token that is known here' })
    }
    if (usage) return new Response(null, { status: 202, headers: CORS })
    let snapshot
    try {
      snapshot = await current(platform)
    } catch (e) {
      return json(503, { error: e.message }, { 'retry-after': '1' })
    }
    return answer(request, snapshot, route)
  }
}

/**
 * @param {Request} request
 * @param {import('./snapshot.js').Snapshot} snapshot
 * @param {RegExpExecArray} route
 */
function answer(request, snapshot, route) {
  const headers = { etag: '"' + snapshot.digest + '"', 'cache-control': 'no-cache' }
  if (route[2] !== undefined) {
    const toggle = snapshot.byName.get(decode(route[2]))
    return toggle ? reply(request, toggle, headers) : json(404, { error: 'there is no such flag in the snapshot' })
  }
  const toggles = route[1] === 'all' ? snapshot.toggles : snapshot.toggles.filter(t => t.enabled)
  return reply(request, { toggles }, headers)
}

function reply(request, body, headers) {
  const match = request.headers.get('if-none-match')
  if (match && match.split(',').some(tag => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === headers.etag)) {
    return new Response(null, { status: 304, headers: { ...CORS, ...headers } })
  }
  return json(200, body, headers)
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
