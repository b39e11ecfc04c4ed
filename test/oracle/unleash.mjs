// unleash-client (Node) as a line oracle. Each line of standard input is a JSON
// object, and is answered by one line:
//
//   {"state": definitions}                         {"ok": true}
//   {"context": {…}, "toggle": "…", "time": ms}    {"enabled", "variant", "drew", "open"}
//
// The context is flat. "drew" tells that chance was asked, "open" that it made
// a difference. A line that cannot be answered is answered {"error": "…"}.
//
// The SDK is as npm has it, but for what docs/evaluation.md names and what would
// make answers depend on the machine:
//   - it hashes the bytes of UTF-8,
//   - contexts have no prototype, and flags are kept in a Map,
//   - it is asked below the class that adds an appName and an environment,
//   - the clock, chance and the name of the host come from here.
import { createRequire } from 'node:module'
import { answerLines } from './lines.mjs'

// A date without zone is local to the SDK, and in UTC for the server.
process.env.TZ = 'UTC'

const hostname = 'a host that no strategy names'
process.env.HOSTNAME = hostname

const require = createRequire(new URL('../package.json', import.meta.url))
const client = require.resolve('unleash-client')
const inside = createRequire(client)
const { default: UnleashClient } = inside('./client')
const { defaultStrategies } = inside('./strategy')
const { x86 } = inside('murmurhash3js')

const hash32 = x86.hash32
x86.hash32 = (key, seed) => hash32(Buffer.from(key, 'utf8').toString('latin1'), seed)

let now = 0
const RealDate = Date
globalThis.Date = class extends RealDate {
  constructor(...args) {
    args.length > 0 ? super(...args) : super(now)
  }
}

let drew = false
let draw = 0
Math.random = () => {
  drew = true
  return draw
}
const draws = [0.5, 0, 0.004, 0.1, 0.2, 0.35, 0.65, 0.8, 0.9, 0.996, 0.99999]

const top = new Set(['userId', 'sessionId', 'remoteAddress', 'environment', 'appName', 'currentTime'])
const features = new Map()
const segments = new Map()
const unleash = new UnleashClient(
  { getToggle: name => features.get(name), getSegment: id => segments.get(id) },
  defaultStrategies
)
unleash.on('error', () => {})

function load(state) {
  features.clear()
  segments.clear()
  for (const feature of state.features) features.set(feature.name, feature)
  for (const segment of state.segments ?? []) segments.set(segment.id, segment)
  return { ok: true }
}

function contextOf(flat) {
  const context = Object.create(null)
  context.properties = Object.create(null)
  for (const [name, value] of Object.entries(flat)) {
    ;(top.has(name) ? context : context.properties)[name] = value
  }
  return context
}

function evaluate(toggle, context) {
  const { feature_enabled: enabled, name, enabled: on, payload } = unleash.getVariant(toggle, context)
  const alone = unleash.isEnabled(toggle, context, () => false)
  if (alone !== enabled && !drew) throw new Error('isEnabled and getVariant disagree')
  return { enabled, variant: { name, enabled: on, payload: payload ?? undefined, feature_enabled: enabled } }
}

function answer({ state, context: flat, toggle, time }) {
  if (state) return load(state)
  now = time
  drew = false
  draw = draws[0]
  const context = contextOf(flat)
  const first = evaluate(toggle, context)
  if (!drew) return first
  const text = JSON.stringify(first)
  const open = draws.some(next => {
    draw = next
    return JSON.stringify(evaluate(toggle, context)) !== text
  })
  return { ...first, drew, open }
}

answerLines(answer)
