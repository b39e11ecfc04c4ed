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
  const context = request.method === 'POST' ? fromBody(await textOf(request)) : fromQuery(new URL(request.url).searchParams)
  const ip = clientIP && request.headers.get(clientIP)
  if (environment && valueOf(context, 'environment') === null) context.environment = environment
  if (ip && valueOf(context, 'remoteAddress') === null) context.remoteAddress = ip
  const time = valueOf(context, 'currentTime')
  if (time !== null) {
    if (isNaN(+new Date(time))) throw new Error('currentTime is no time such as 2026-01-31T12:00:00Z')
    context.currentTime = time
  }
  return context
})

function fromBody(text) {
  let context
  try {
    context = text.trim() === '' ? {} : JSON.parse(text)
  } catch (e) {
    throw new Error('the context is not JSON')
  }
  if (isObject(context) && isObject(context.context)) context = context.context
  if (!isObject(context)) throw new Error('the context is not a JSON object')
  return context
}

const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value)

// properties[name]=value, and any other name at the top level; of several the
// first counts. Names may be those of Object.prototype.
const fromQuery = (function (query) {
  const properties = Object.create(null)
  const context = Object.create(null)
  context.properties = properties
  for (const [key, value] of query) {
    const property = /^properties\[(.*)\]$/s.exec(key)
    const into = property ? properties : context
    const name = property ? property[1] : key
    if (!(name in into) && (property || !key.includes('['))) into[name] = value
  }
  return context
})
