// The examples, linked as they are, in workerd: EdgeRoutine's and ESA's with
// the EdgeKV shim and four subrequests at most.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { encode, flagcast } from './encode.js'
import { bundle, need } from './parts.js'
import { snapshotText, toggle } from './samples.js'
import { eventually, startWorker } from './workerd.js'

const { skip } = need('miniflare', 'esbuild')
const yaml = need('js-yaml')

const file = name => fileURLToPath(new URL('../../examples/workers/' + name, import.meta.url))
const path = name => file(name + '/worker.js')

const LISTENER = { serviceWorker: true, edgekv: true, date: '2021-11-02' }
const MODULE = { edgekv: true, date: '2021-11-02' }

/**
 * An example that runs, and what it asks of others.
 *
 * @param {(request: Request) => import('./workerd.js').Answer} origin
 * @returns {Promise<import('./workerd.js').Worker & { asked: { url: URL, headers: Headers, method: string }[] }>}
 */
async function start(t, name, options, origin, constant) {
  const { text } = await bundle({ entry: path(name), format: options.serviceWorker ? 'iife' : 'esm', constant })
  const asked = []
  const worker = await startWorker(text, {
    ...options,
    outbound(request) {
      asked.push({ url: new URL(request.url), headers: request.headers, method: request.method })
      return origin(request)
    }
  })
  t.after(() => worker.stop())
  if (options.edgekv) await worker.behave({ subrequests: 4 })
  const get = (path, headers, init) => worker.fetch(path, { redirect: 'manual', headers, ...init })
  return { ...worker, asked, get }
}

/** One flag of Unleash's definitions, as it is without strategies, or with one. */
const definitions = (name, strategies = [{ name: 'default' }], variants) => ({ version: 2, features: [{ name, type: 'release', project: 'default', enabled: true, strategies, variants }] })

/** A published snapshot of them. */
async function published(from, seq = 1) {
  const document = JSON.parse(await encode(from))
  document.flagcast.seq = seq
  return JSON.stringify(document)
}

const rollout = (percent, stickiness) => [{ name: 'flexibleRollout', parameters: { rollout: String(percent), stickiness, groupId: 'x' } }]

test('every example is short enough to copy, and there is a test for it', () => {
  const here = readFileSync(new URL(import.meta.url), 'utf8')
  for (const name of ['edgekv-snippet', 'ab-test', 'kill-switch', 'canary', 'auth-gate']) {
    assert.ok(readFileSync(path(name), 'utf8').split('\n').length <= 40, name)
    assert.ok(here.includes("start(t, '" + name + "'"), name)
  }
})

test('every folder is in the list, and every configuration is a good one', async () => {
  const list = readFileSync(file('README.md'), 'utf8')
  const env = { UNLEASH_TOKEN: 'default:production.secret', CLOUDFLARE_API_TOKEN: 'x', ALIBABA_CLOUD_ACCESS_KEY_ID: 'x', ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'x' }
  for (const name of ['edgeroutine', 'esa', 'cloudflare', 'github-actions', 'ab-test', 'kill-switch', 'canary', 'auth-gate', 'edgekv-snippet']) {
    assert.ok(list.includes('](' + name + '/'), name)
    const config = file(name + '/flagcast.yaml')
    if (existsSync(config)) await flagcast(['permissions', '--config', config], { env })
  }
})

test('the workflow is YAML, with commands that there are', { skip: yaml.skip }, async () => {
  const { load } = yaml.load('js-yaml')
  const workflow = load(readFileSync(file('github-actions/flags.yml'), 'utf8'))
  assert.deepEqual(Object.keys(workflow), ['name', 'on', 'permissions', 'concurrency', 'env', 'jobs'])
  assert.deepEqual(workflow.permissions, { contents: 'read' })
  const { steps, 'timeout-minutes': minutes } = workflow.jobs.flags
  assert.ok(minutes > 0)
  const commands = readFileSync(fileURLToPath(new URL('../../docs/commands.md', import.meta.url)), 'utf8')
  const ran = []
  for (const step of steps) {
    assert.ok(Boolean(step.uses) !== Boolean(step.run), JSON.stringify(step))
    if (step.uses) assert.match(step.uses, /^actions\/[\w-]+@[0-9a-f]{40}$|^flagcast\/flagcast@v\d+\.\d+\.\d+$/)
    const [, name] = /^flagcast (\S+)/.exec(step.run || '') || []
    if (name) ran.push(name)
    for (const [flag] of (step.run || '').matchAll(/--[a-z-]+/g)) assert.ok(commands.includes('`' + flag + '`'), flag)
  }
  assert.deepEqual(ran, ['types', 'sync', 'export', 'sync'])
  for (const name of ran) assert.ok(commands.includes('\n## ' + name + '\n'), name)
})

const PLATFORMS = {
  edgeroutine: { ...LISTENER, source: 'edgekv' },
  esa: { ...MODULE, source: 'edgekv' },
  cloudflare: { kv: ['FLAGS'], source: 'kv' }
}

for (const [name, { source, ...options }] of Object.entries(PLATFORMS)) {
  test(name + ': the frontend API from the script, then from what is published', { skip }, async t => {
    const constant = await encode(definitions('built'), { as: 'esm' })
    const worker = await start(t, name, options, () => ({ status: 500 }), constant)
    const names = async () => (await (await worker.get('/api/frontend')).json()).toggles.map(one => one.name)
    assert.deepEqual(await names(), ['built'])
    const before = await (await worker.get('/flagcast/status')).json()
    assert.equal(before.source, 'bundle')
    assert.match(before.lastError, new RegExp('^' + source + ': nothing is stored under the key "unleash-rules"'))
    const text = await published(definitions('published'))
    if (source === 'kv') await (await worker.kv('FLAGS')).put('unleash-rules', text)
    else await worker.putEdgeKV('flags', 'unleash-rules', text)
    await worker.tick(1000)
    await eventually(names, list => list[0] === 'published', 'what is published')
    const after = await (await worker.get('/flagcast/status')).json()
    assert.deepEqual([after.source, after.lastError], [source, null])
    assert.equal(worker.asked.length, 0)
  })
}

describe('examples', { skip }, () => {
  test('edgekv-snippet', async t => {
    const worker = await start(t, 'edgekv-snippet', LISTENER, request => ({ body: new URL(request.url).pathname }))
    const answer = async () => (await worker.get('/')).text()
    assert.equal(await answer(), '/old', 'nothing is stored')
    for (const [stored, want] of [
      [snapshotText({}, [toggle('other'), toggle('new-feature')]), '/new'],
      [snapshotText({}, [toggle('new-feature', false)]), '/old'],
      [snapshotText({}, []), '/old'],
      ['<html>', '/old'],
      ['null', '/old']
    ]) {
      await worker.putEdgeKV('flags', 'unleash-flags', stored)
      assert.equal(await answer(), want)
    }
    await worker.putEdgeKV('flags', 'unleash-flags', snapshotText({}, [toggle('new-feature')]))
    await worker.behave({ failure: 'kv is away' })
    assert.equal(await answer(), '/old')
    assert.deepEqual([...new Set((await worker.reads()).map(read => read.type))], ['text'])
  })

  test('ab-test', async t => {
    const variants = ['blue', 'green'].map(name => ({ name, weight: 500, stickiness: 'sessionId' }))
    const flag = definitions('checkout-test', rollout(100, 'sessionId'), variants)
    const worker = await start(t, 'ab-test', LISTENER, request => ({ body: request.headers.get('x-checkout'), headers: { 'x-origin': 'yes' } }), await encode(flag, { as: 'esm' }))
    const seen = new Set()
    for (let i = 0; i < 40 && seen.size < 2; i++) {
      const response = await worker.get('/checkout', { cookie: 'a=b' })
      const variant = await response.text()
      seen.add(variant)
      assert.equal(response.headers.get('x-origin'), 'yes')
      const [, cookie] = /^(visitor=[0-9a-z]+); Path=\/; .*Secure; HttpOnly/.exec(response.headers.get('set-cookie'))
      for (const header of [cookie, 'a=b; ' + cookie, cookie + '; c=d']) {
        const again = await worker.get('/', { cookie: header, 'x-checkout': 'mine' })
        assert.equal(await again.text(), variant, 'the variant sticks')
        assert.equal(again.headers.get('set-cookie'), null)
      }
    }
    assert.deepEqual([...seen].sort(), ['blue', 'green'], 'from the flags in the script')

    // What is published comes first.
    await worker.putEdgeKV('flags', 'unleash-rules', await published(definitions('checkout-test', [], variants.slice(0, 0))))
    const off = { ...flag, features: [{ ...flag.features[0], enabled: false }] }
    await worker.putEdgeKV('flags', 'unleash-rules', await published(off))
    await worker.tick(30000)
    await eventually(async () => (await worker.get('/')).text(), answer => answer === 'control', 'the flag is off')
    // Another visitor than the pattern of ours is none.
    assert.match((await worker.get('/', { cookie: 'visitor=<x>; notvisitor=abcdefgh' })).headers.get('set-cookie'), /^visitor=/)
  })

  test('kill-switch', async t => {
    const worker = await start(t, 'kill-switch', MODULE, () => ({ body: 'origin' }))
    const checkout = () => worker.get('/checkout/pay')
    assert.equal(await (await checkout()).text(), 'origin', 'no flags yet')
    await worker.putEdgeKV('flags', 'unleash-rules', await published(definitions('stop-checkout')))
    await worker.tick(1000)
    const stopped = await eventually(checkout, response => response.status === 503, 'the switch')
    assert.equal(stopped.headers.get('retry-after'), '60')
    const asked = worker.asked.length
    await checkout()
    assert.equal(worker.asked.length, asked, 'the origin has rest')
    assert.equal(await (await worker.get('/products')).text(), 'origin')
    await worker.behave({ failure: 'kv is away' })
    await worker.tick(3600000)
    assert.equal((await checkout()).status, 503, 'the last good flags stand')
    await worker.behave({ failure: '' })
    await worker.putEdgeKV('flags', 'unleash-rules', await published({ version: 2, features: [] }, 2))
    await worker.tick(30000)
    await eventually(checkout, response => response.status === 200, 'the switch back')
  })

  test('canary', async t => {
    let failing = false
    const worker = await start(t, 'canary', { kv: ['FLAGS'] }, request => {
      const { host } = new URL(request.url)
      return host === 'canary.example.com' ? { status: failing ? 500 : 200, body: 'canary' } : { body: 'usual' }
    })
    const from = (session, init) => worker.get('/path?q=1', { cookie: 'a=b; session=' + session }, init)
    const text = async (...args) => (await from(...args)).text()
    assert.equal(await text('s1'), 'usual', 'no flags yet')
    const namespace = await worker.kv('FLAGS')
    await namespace.put('unleash-rules', await published(definitions('canary-origin', rollout(50, 'sessionId'))))
    await worker.tick(1000)
    const chosen = { canary: [], usual: [] }
    for (let i = 0; i < 40; i++) chosen[await text('s' + i)].push('s' + i)
    assert.ok(chosen.canary.length > 8 && chosen.usual.length > 8, JSON.stringify(chosen))
    assert.equal(await (await worker.get('/path')).text(), 'usual', 'without a session')
    const [session] = chosen.canary
    assert.equal(await text(session), 'canary')
    const { url } = worker.asked.at(-1)
    assert.equal(url.pathname + url.search, '/path?q=1')

    assert.equal(await text(session, { method: 'POST', body: 'x' }), 'canary')
    failing = true
    assert.equal(await text(session), 'usual', 'the usual origin answers for it')
    const posts = worker.asked.length
    assert.equal((await from(session, { method: 'POST', body: 'x' })).status, 500)
    assert.equal(worker.asked.length, posts + 1, 'nothing is sent twice')
  })

  test('auth-gate', async t => {
    let away = false
    const worker = await start(t, 'auth-gate', LISTENER, request => {
      const { host, pathname } = new URL(request.url)
      if (host !== 'login.example.com') return { body: 'inside' }
      if (away) throw new Error('login is away')
      return { status: pathname === '/check' && request.headers.get('cookie') === 'session=good' ? 200 : 403 }
    })
    const shut = async headers => {
      const response = await worker.get('/private?x=1', headers)
      assert.equal(response.status, 302)
      const location = response.headers.get('location')
      assert.ok(location.startsWith('https://login.example.com/?back=') && location.endsWith('%2Fprivate%3Fx%3D1'), location)
    }
    const open = async headers => assert.equal(await (await worker.get('/private', headers)).text(), 'inside')
    await shut()
    await shut({ cookie: 'session=bad' })
    await open({ cookie: 'session=good' })
    away = true
    await shut({ cookie: 'session=good' })
    away = false
    await worker.putEdgeKV('flags', 'unleash-rules', '<html>')
    await worker.tick(60000)
    await shut()
    await worker.putEdgeKV('flags', 'unleash-rules', await published(definitions('open-house')))
    await worker.tick(60000)
    await open()
    await worker.putEdgeKV('flags', 'unleash-rules', await published({ version: 2, features: [] }, 2))
    await worker.tick(60000)
    await eventually(() => worker.get('/private'), response => response.status === 302, 'the gate shuts')
  })
})
