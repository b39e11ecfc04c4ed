import { textOf } from './body.js'
import { valueOf } from './context.js'

/**
 * The context of a request to the frontend API: from the query, or from the
 * JSON body of a POST, {"context": {…}} or the context itself. An Error says
 * what is wrong with it.
 *
 * @param {Request} request
 * @param {string} [environment] where the context names none
 * @param {string} [clientIP] the header to take a missing remoteAddress from
 */
export const contextOf = (async function (request, environment, clientIP) {
  return completed(request.method === 'POST' ? fromBody(await textOf(request)) : fromQuery(new URL(request.url).searchParams), request, environment, clientIP)
})

// A context with what it lacks and the request says.
export const completed = (function (context, request, environment, clientIP) {
  const ip = clientIP && request.headers.get(clientIP)
  if (environment && valueOf(context, 'environment') === null) context.environment = environment
  if (ip && valueOf(context, 'remoteAddress') === null) context.remoteAddress = ip
  return context
})

function fromBody(text) {
  try {
    const body = JSON.parse(text.trim() || '{}')
    for (const context of [body.context, body]) if (context instanceof Object && !Array.isArray(context)) return context
  } catch (e) {}
  throw new Error('the context is not a JSON object')
}

// properties[name]=value, and any other name at the top level; of several the
// first counts. Names may be those of Object.prototype.
const fromQuery = (function (query) {
  const properties = { __proto__: null }
  const context = { __proto__: null, properties }
  for (const [key, value] of query) {
    const name = key.replace(/^properties\[(.*)\]$/s, '$1')
    const into = name === key ? context : properties
    if (!(name in into)) into[name] = value
  }
  return context
})
