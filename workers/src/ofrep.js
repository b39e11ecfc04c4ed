import { textOf } from './body.js'
import { createWith, openHandler as openFrontend } from './flags.js'
import { decode, isKnown, json, preflight, reply } from './handler.js'
import { digest } from './hash.js'
import { completed } from './request.js'
import { NotReadyError } from './views.js'

const ROUTE = /^\/ofrep\/v1\/evaluate\/flags(?:\/([^/]+))?$/

/**
 * createFlags, with a handler that answers OFREP 0.3 too, the protocol of
 * OpenFeature's providers (open-feature/protocol):
 *
 *   POST /ofrep/v1/evaluate/flags/KEY   one flag
 *   POST /ofrep/v1/evaluate/flags       all flags that the snapshot holds
 *
 * Values are those of the core: the payload of the variant by its type, else
 * the boolean; NAME:enabled is the boolean of any flag.
 *
 * @param {object} options those of createFlags
 */
export function createFlags(options) {
  return createWith(openHandler, options)
}

/** openHandler with OFREP, for the stock workers. */
export function openHandler(options) {
  const flags = openFrontend(options)
  return { ...flags, handler: createOFREP(flags, options) }
}

const createOFREP = ({ answer, handler, usage }, { tokens, clientIP }) => async function (request, platform) {
  const { headers, method } = request
  const route = ROUTE.exec(new URL(request.url).pathname)
  if (!route || method !== 'POST') return route && method === 'OPTIONS' ? preflight() : handler(request, platform)
  const key = route[1] && decode(route[1])
  const refuse = (status, errorDetails, errorCode, headers) => json(status, { key, errorCode, errorDetails }, headers)
  if (!isKnown(headers.get('authorization') || headers.get('x-api-key'), tokens)) return refuse(401, 'no known token')
  let answers
  try {
    const context = contextOf(await textOf(request))
    answers = (await answer(environment => completed(context, request, environment, clientIP), platform)).answers
  } catch (e) {
    return e instanceof NotReadyError ? refuse(503, e.message, undefined, { 'retry-after': '1' })
      : refuse(400, e.message, e instanceof SyntaxError ? 'PARSE_ERROR' : 'INVALID_CONTEXT')
  }
  if (!key) {
    const text = JSON.stringify({
      flags: answers.all().flatMap(toggle => ['', ENABLED].map(suffix => evaluation(toggle, toggle.name + suffix)))
    })
    return reply(request, digest('', text), () => text)
  }
  const toggle = answers.toggle(key.replace(ENABLED, ''))
  if (!toggle) return refuse(404, 'no such flag', 'FLAG_NOT_FOUND')
  if (usage) {
    // As an SDK's: Unleash sees that the flag is in use.
    const { name, enabled, variant } = toggle
    const toggles = { [name]: { [enabled ? 'yes' : 'no']: 1, variants: { [variant.name]: 1 } } }
    await usage.take('metrics', new Response(JSON.stringify({ appName: 'ofrep', bucket: { toggles } })), platform)
  }
  const body = evaluation(toggle, key)
  return json(body.errorCode ? 400 : 200, body)
}

// No flag of Unleash has a colon in its name.
const ENABLED = ':enabled'

// {"context": {…}}: targetingKey is the userId.
function contextOf(text) {
  const { context = {} } = isObject(JSON.parse(text.trim() || '{}'))
  const { targetingKey } = isObject(context)
  return targetingKey ? { ...context, userId: targetingKey } : context
}

function isObject(value) {
  if (value instanceof Object && !Array.isArray(value)) return value
  throw new Error('context: want an object')
}

function evaluation({ name, enabled, variant, impressionData }, key) {
  let value = enabled
  const { payload } = variant
  if (enabled && payload && key === name) {
    const { type } = payload
    value = payload.value
    try {
      if (type === 'json' || type === 'number') value = JSON.parse(value)
      if (type === 'number') value.toFixed()
    } catch (e) {
      return { key, errorCode: 'PARSE_ERROR', errorDetails: 'the payload is no ' + type }
    }
  }
  const [reason, of] = !enabled ? ['DISABLED', 'disabled'] : variant.enabled ? ['SPLIT', variant.name] : ['TARGETING_MATCH', 'enabled']
  return { key, value, reason, variant: of, metadata: { enabled, impressionData: !!impressionData } }
}
