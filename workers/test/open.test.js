// Snapshots whose answers depend on the request: views and the handler.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFlags } from '../src/index.js'
import { fixedSource, rulesText } from './samples.js'
import { rulesText as handmade } from './samples.rules.js'

function server(options) {
  const flags = createFlags({ source: fixedSource(rulesText()), ...options })
  return (path, init) => flags.handler(new Request('https://pop.example' + path, init))
}

const on = async response => {
  assert.equal(response.status, 200)
  return JSON.parse(await response.text()).toggles.filter(t => t.enabled && t.name !== 'drawn').map(t => t.name)
}

const post = body => ({ method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })

test('a view answers for its context', async () => {
  const flags = createFlags({ source: fixedSource(rulesText()) })
  const seven = await flags.view({ userId: 7, properties: { country: 'cn' } })
  assert.equal(seven.isEnabled('canary'), true)
  assert.deepEqual(seven.getVariant('canary'), { name: 'a', enabled: true, feature_enabled: true, featureEnabled: true })
  assert.equal(seven.isEnabled('country'), true)
  assert.equal(seven.isEnabled('child'), true)
  const six = await flags.view({ userId: '6' })
  assert.deepEqual(six.getVariant('canary'), { name: 'b', enabled: true, payload: { type: 'string', value: 'x' }, feature_enabled: true, featureEnabled: true })
  assert.equal(six.isEnabled('child'), false)
  assert.equal((await flags.view({ userId: '3' })).isEnabled('canary'), false)
  assert.equal((await flags.view()).isEnabled('canary'), false)
})

test('what a target does not publish is in no list, and under no name', async () => {
  const flags = createFlags({ source: fixedSource(rulesText()) })
  const view = await flags.view({ userId: '7' })
  assert.equal(view.isEnabled('parent'), false)
  assert.deepEqual(view.all().map(t => t.name), ['canary', 'child', 'country', 'dated', 'drawn', 'off', 'office', 'plain', 'production'])
  assert.equal((await server()('/api/frontend/features/parent?userId=7')).status, 404)
})

test('a draw is one for each view', async () => {
  const flags = createFlags({ source: fixedSource(rulesText()) })
  const seen = new Set()
  for (let i = 0; i < 100; i++) {
    const view = await flags.view({})
    seen.add(view.isEnabled('drawn'))
    assert.equal(view.isEnabled('drawn'), view.isEnabled('drawn'))
  }
  assert.equal(seen.size, 2) // that all 100 agree happens once in 2^99
})

test('the context is that of the query', async () => {
  const ask = server()
  for (const [query, names] of [
    ['', ['plain', 'production']],
    ['?userId=7', ['canary', 'child', 'plain', 'production']],
    ['?userId=6', ['canary', 'plain', 'production']],
    ['?userId=7&userId=6', ['canary', 'child', 'plain', 'production']],
    ['?properties[country]=cn', ['country', 'plain', 'production']],
    ['?properties%5Bcountry%5D=cn', ['country', 'plain', 'production']],
    ['?country=cn', ['country', 'plain', 'production']],
    ['?country=de&properties[country]=cn', ['plain', 'production']],
    ['?properties[userId]=7', ['canary', 'child', 'plain', 'production']],
    ['?country[]=cn&x[country]=cn', ['plain', 'production']],
    ['?environment=staging', ['plain']],
    ['?remoteAddress=10.1.2.3', ['office', 'plain', 'production']],
    ['?currentTime=2030-06-01T00:00:00Z', ['dated', 'plain', 'production']],
    ['?__proto__=1&properties[__proto__]=2&constructor=3&properties=4', ['plain', 'production']]
  ]) {
    assert.deepEqual(await on(await ask('/api/frontend' + query)), names, query)
  }
})

test('the context is that of a body', async () => {
  const ask = server()
  for (const [body, names] of [
    ['', ['plain', 'production']],
    ['{}', ['plain', 'production']],
    [{ context: { userId: 7 } }, ['canary', 'child', 'plain', 'production']],
    [{ userId: '7' }, ['canary', 'child', 'plain', 'production']],
    [{ context: { properties: { country: 'cn' } } }, ['country', 'plain', 'production']],
    [{ context: { environment: null, country: ['cn'] } }, ['plain', 'production']],
    ['{"__proto__":{"country":"cn"},"properties":7}', ['plain', 'production']]
  ]) {
    for (const path of ['/api/frontend', '/api/proxy/all']) {
      assert.deepEqual(await on(await ask(path, post(body))), names, JSON.stringify(body))
    }
  }
})

test('a context that is none is 400, and says why', async () => {
  const ask = server()
  for (const [body, why] of [
    ['{', 'the context is not a JSON object'],
    ['[]', 'the context is not a JSON object'],
    ['7', 'the context is not a JSON object'],
    ['null', 'the context is not a JSON object'],
    [{ userId: 'x'.repeat(70000) }, 'the body has more than 65536 bytes']
  ]) {
    const response = await ask('/api/frontend', post(body))
    assert.equal(response.status, 400)
    assert.deepEqual(JSON.parse(await response.text()), { error: why })
    assert.equal(response.headers.get('access-control-allow-origin'), '*')
  }
})

test('the platform tells the address of a client that names none', async () => {
  const headers = { 'cf-connecting-ip': '10.1.2.3' }
  assert.deepEqual(await on(await server({ clientIP: 'cf-connecting-ip' })('/api/frontend', { headers })), ['office', 'plain', 'production'])
  assert.deepEqual(await on(await server({ clientIP: 'cf-connecting-ip' })('/api/frontend?remoteAddress=11.0.0.1', { headers })), ['plain', 'production'])
  assert.deepEqual(await on(await server({ clientIP: 'cf-connecting-ip' })('/api/frontend')), ['plain', 'production'])
  // A header that nobody has named is anybody's claim.
  assert.deepEqual(await on(await server()('/api/frontend', { headers })), ['plain', 'production'])
})

test('the entity tag is that of the answer', async () => {
  const ask = server()
  const tag = async (path, init) => (await ask(path, init)).headers.get('etag')
  const seven = await tag('/api/frontend/features/canary?userId=7')
  assert.match(seven, /^"[0-9a-f]{16}"$/)
  assert.equal(await tag('/api/frontend/features/canary?userId=1'), seven) // the same variant
  assert.notEqual(await tag('/api/frontend/features/canary?userId=6'), seven) // another
  assert.notEqual(await tag('/api/frontend/features/canary?userId=3'), seven) // off
  assert.equal(await tag('/api/frontend/features/canary', post({ userId: 7 })), seven)
  const known = { headers: { 'if-none-match': seven } }
  assert.equal((await ask('/api/frontend/features/canary?userId=7', known)).status, 304)
  assert.equal((await ask('/api/frontend/features/canary?userId=6', known)).status, 200)
  const next = server({ source: fixedSource(rulesText({ digest: 'digest-2' })) })
  assert.equal((await next('/api/frontend/features/canary?userId=7', known)).status, 200)
})

test('impression data is told', async () => {
  const { toggles } = JSON.parse(await (await server()('/api/frontend/all')).text())
  assert.deepEqual(toggles.filter(t => t.impressionData).map(t => t.name), ['plain'])
})

test('an answer is that of the view, byte for byte, however often it is asked', async t => {
  t.mock.method(Math, 'random', () => 0.25)
  const flags = createFlags({ source: fixedSource(rulesText()) })
  const tags = new Map()
  for (let i = 0; i < 300; i++) {
    const userId = String(i % 100)
    const country = ['cn', 'größe'][i % 2]
    const path = ['', '/all'][i % 3 % 2]
    const toggles = (await flags.view({ userId, country, environment: 'production' })).all()
    const want = JSON.stringify({ toggles: path ? toggles : toggles.filter(toggle => toggle.enabled) })
    const response = await flags.handler(new Request('https://pop.example/api/frontend' + path + '?' + new URLSearchParams({ userId, country })))
    assert.equal(await response.text(), want)
    const tag = path + response.headers.get('etag')
    assert.ok(!tags.has(tag) || tags.get(tag) === want, 'one tag, one answer')
    tags.set(tag, want)
  }
  assert.ok(new Set(tags.values()).size > 8 && tags.size === new Set(tags.values()).size)
})

test('no flag at all', async () => {
  for (const text of [handmade({}), handmade({ names: 'f', flags: [0] })]) {
    const flags = createFlags({ source: fixedSource(text) })
    for (let i = 0; i < 3; i++) {
      const response = await flags.handler(new Request('https://pop.example/api/frontend'))
      assert.equal(await response.text(), '{"toggles":[]}')
    }
  }
})

test('two payloads of variants with one name are two answers', async () => {
  // The first strategy is for user 7, the second for everybody.
  const flags = createFlags({
    source: fixedSource(handmade({
      names: 'f', flags: [[[[1, 0], 1], 0, [[0, 'p'], [0, 'q']]]], fields: ['userId'], values: ['\x7f7\x80$\x7f'], stickies: [[0]],
      conditions: [[0, 0]], shapes: [[0, 0, ['v'], [1]]]
    }))
  })
  const ask = async userId => {
    const response = await flags.handler(new Request('https://pop.example/api/frontend?userId=' + userId))
    return { etag: response.headers.get('etag'), payload: JSON.parse(await response.text()).toggles[0].variant.payload.value }
  }
  for (let i = 0; i < 3; i++) {
    const [seven, eight] = [await ask('7'), await ask('8')]
    assert.deepEqual([seven.payload, eight.payload], ['p', 'q'])
    assert.notEqual(seven.etag, eight.etag)
  }
})
