// Unleash's client specification through rules/1 snapshots, in Node and in
// workerd: with an empty static context, and with the context of each case
// dealt out at random to the static context and the request.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { parseSnapshot } from '../src/snapshot.js'
import { encode } from './encode.js'
import { bundle, need } from './parts.js'
import { SEED, random } from './random.js'
import { CASES, specification } from './specification.js'
import { startWorker } from './workerd.js'

const STANDARD = ['userId', 'sessionId', 'remoteAddress', 'environment', 'appName']

const { skip } = need('@unleash/client-specification/package.json', 'miniflare', 'esbuild')

/** Deals out a context: known to the target, known absent, left to the request. */
function split(context, names, draw) {
  const request = { ...context, ...(context.properties && { properties: { ...context.properties } }) }
  const known = {}
  const absent = []
  for (const name of names) {
    const value = request[name] ?? request.properties?.[name]
    if (draw(2) === 0) continue
    if (value === undefined || value === null) absent.push(name)
    else known[name] = String(value)
    delete request[name]
    if (request.properties) delete request.properties[name]
  }
  return { request, known, absent }
}

/** Every case twice: { snapshot, context, flag, want, name }. */
async function prepare() {
  const draw = random()
  const whole = []
  const dealt = []
  await Promise.all(specification().map(async ({ state, tests }) => {
    const names = new Set(STANDARD)
    for (const { context } of tests) {
      for (const name of [...Object.keys(context), ...Object.keys(context.properties || {})]) names.add(name)
    }
    names.delete('properties')
    names.delete('currentTime') // it is the time of the request
    const splits = tests.map(({ context }) => split(context, names, draw))
    const snapshot = await encode(state)
    for (const each of tests) whole.push({ ...each, snapshot })
    await Promise.all(tests.map(async (each, i) => {
      dealt.push({ ...each, context: splits[i].request, snapshot: await encode(state, splits[i]), split: splits[i] })
    }))
  }))
  return { whole, dealt }
}

/** What the worker in workerd does, and Node, too. */
function answer({ snapshot, context, flag }) {
  return parseSnapshot(snapshot).view(context).toggle(flag) || { enabled: false, variant: { name: 'disabled', enabled: false, feature_enabled: false, featureEnabled: false } }
}

const WORKER = `
import { parseSnapshot } from './snapshot.js'
${answer}
export default {
  async fetch(request) {
    return Response.json((await request.json()).map(answer))
  }
}`

function check(cases, answers, where) {
  assert.equal(cases.length, CASES)
  cases.forEach(({ name, flag, want, split }, i) => {
    const { enabled, variant } = answers[i]
    assert.deepEqual(want.variant ? { enabled, variant } : { enabled }, want, name + ': ' + flag + ' ' + JSON.stringify(split))
  })
  console.log('client specification: ' + answers.length + ' of ' + CASES + ' cases passed, ' + where)
}

describe('client specification', { skip }, () => {
  let prepared
  before(async () => { prepared = await prepare() })

  test('Node', () => {
    check(prepared.whole, prepared.whole.map(answer), 'Node ' + process.version)
    check(prepared.dealt, prepared.dealt.map(answer), 'Node ' + process.version + ', contexts dealt out (FLAGCAST_SEED=' + SEED + ')')
  })

  test('workerd', async t => {
    const worker = await startWorker((await bundle({ contents: WORKER })).text)
    t.after(() => worker.stop())
    const ask = async cases => (await worker.fetch('/', { method: 'POST', body: JSON.stringify(cases) })).json()
    check(prepared.whole, await ask(prepared.whole), 'workerd')
    check(prepared.dealt, await ask(prepared.dealt), 'workerd, contexts dealt out (FLAGCAST_SEED=' + SEED + ')')
  })
})
