// Definitions for benchmarks: the body of /api/client/features with many flags
// of four kinds, always the same for the same number.
//
//   node test/bench/generate.mjs [number of flags, 1000] > definitions.json

/** A linear congruential generator: the same draws in every language. */
function generator(seed) {
  let state = seed
  return below => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}

const strategy = (name, parameters, constraints = []) => ({ name, constraints, parameters, variants: [], segments: [] })

const rollout = (group, percent) => strategy('flexibleRollout', { groupId: group, rollout: String(percent), stickiness: 'userId' })

/** Half of the flags are plainly on or off. */
function plain(flag, draw) {
  flag.enabled = draw(1000) < 600
  flag.strategies = [strategy('default', {})]
}

/** A quarter is for a part of the users. */
function gradual(flag, draw) {
  flag.strategies = [rollout(flag.name, draw(101))]
}

/** 15 % are for twenty values of a property. */
function listed(flag, draw) {
  const values = Array.from({ length: 20 }, () => 'value-' + draw(1000))
  if (draw(2) === 0) values[draw(20)] = 'norway'
  const constraint = { contextName: 'country', operator: 'IN', values, inverted: false, caseInsensitive: false }
  flag.strategies = [strategy('default', {}, [constraint])]
}

/** 10 % have variants. */
function varied(flag, draw, number) {
  flag.strategies = [rollout(flag.name, 100)]
  flag.variants = [['a', 333], ['b', 333], ['c', 334]].map(([letter, weight]) => ({
    name: 'variant-' + letter,
    weight,
    weightType: 'variable',
    stickiness: 'userId',
    overrides: [],
    payload: { type: 'string', value: 'payload-' + letter + '-' + number }
  }))
}

const KINDS = [...Array(10).fill(plain), ...Array(5).fill(gradual), ...Array(3).fill(listed), ...Array(2).fill(varied)]

/** @param {number} count of flags */
export function definitions(count) {
  const draw = generator(12345)
  const features = Array.from({ length: count }, (_, i) => {
    const flag = {
      name: 'team-' + i % 37 + '.flag-' + i,
      type: 'release',
      description: null,
      project: 'default',
      stale: false,
      impressionData: false,
      enabled: true,
      strategies: [],
      variants: [],
      dependencies: []
    }
    KINDS[i % KINDS.length](flag, draw, i)
    return flag
  })
  return { version: 2, features, segments: [], query: { environment: 'production' }, meta: { revisionId: 1, etag: '"x"' } }
}

/** One flag of each of the twenty kinds. */
export const samples = Array.from({ length: 20 }, (_, i) => 'team-' + (500 + i) % 37 + '.flag-' + (500 + i))

/** Contexts of different requests, half of them from the country that many lists hold. */
export const contexts = Array.from({ length: 64 }, (_, i) => ({
  userId: 'user-' + (4711 + i),
  sessionId: 'sess-' + i,
  remoteAddress: '10.0.0.' + i,
  environment: 'production',
  appName: 'bench',
  properties: { country: i % 2 === 0 ? 'norway' : 'value-' + i * 13, plan: 'pro' }
}))

if (import.meta.url === new URL(process.argv[1], 'file:///').href) {
  process.stdout.write(JSON.stringify(definitions(Number(process.argv[2] || 1000))))
}
