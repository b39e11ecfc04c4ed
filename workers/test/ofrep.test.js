// OFREP in the worker: the handler alone, and OpenFeature's own providers against workerd.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFlags } from '../src/ofrep.js'
import { bundle as constantSource, kv } from '../src/sources.js'
import { bundle, need } from './parts.js'
import { startWorker } from './workerd.js'

const variant = (name, type, value) => ({ name, enabled: true, payload: type && { type, value }, feature_enabled: true, featureEnabled: true })
const flag = (name, enabled, of) => ({
  name, enabled, impressionData: name === 'text', variant: of || { name: 'disabled', enabled: false, feature_enabled: enabled, featureEnabled: enabled }
})
const TOGGLES = [
  flag('plain', true), flag('off', false), flag('named', true, variant('blue')), flag('text', true, variant('t', 'string', '"<a> & ü"')),
  flag('number', true, variant('n', 'number', ' 1.50 ')), flag('no-number', true, variant('n', 'number', '"1"')),
  flag('json', true, variant('j', 'json', '{"a":[1]}')), flag('null', true, variant('j', 'json', 'null')),
  flag('no-json', true, variant('j', 'json', '{')), flag('csv', true, variant('c', 'csv', 'a,b'))
]
const SNAPSHOT = { flagcast: { seq: 1, digest: 'd', format: 'evaluated/1' }, toggles: TOGGLES }
const PATH = 'https://worker.example/ofrep/v1/evaluate/flags'

const worker = options => createFlags({ source: constantSource(SNAPSHOT), maxAgeMs: Infinity, ...options }).handler
async function post(handler, path = '', { body = '{"context":{"targetingKey":"7"}}', method = 'POST', headers } = {}) {
  const response = await handler(new Request(PATH + path, { method, body: method === 'POST' ? body : undefined, headers }))
  return [response.status, response.status === 304 || response.status === 204 ? null : await response.json(), response]
}

test('one flag: the payload by its type, else the boolean', async () => {
  for (const [key, value, reason, name] of [
    ['plain', true, 'TARGETING_MATCH', 'enabled'], ['off', false, 'DISABLED', 'disabled'], ['named', true, 'SPLIT', 'blue'],
    ['text', '"<a> & ü"', 'SPLIT', 't'], ['number', 1.5, 'SPLIT', 'n'], ['json', { a: [1] }, 'SPLIT', 'j'], ['null', null, 'SPLIT', 'j'],
    ['csv', 'a,b', 'SPLIT', 'c'], ['json:enabled', true, 'SPLIT', 'j'], ['off:enabled', false, 'DISABLED', 'disabled'],
    ['no-json:enabled', true, 'SPLIT', 'j']
  ]) {
    assert.deepEqual((await post(worker(), '/' + key)).slice(0, 2), [200, {
      key, value, reason, variant: name, metadata: { enabled: !key.startsWith('off'), impressionData: key === 'text' }
    }])
  }
})

test('errors are JSON, with codes of OpenFeature', async () => {
  for (const [path, init, status, code] of [
    ['/none', {}, 404, 'FLAG_NOT_FOUND'], ['/no-json', {}, 400, 'PARSE_ERROR'], ['/no-number', {}, 400, 'PARSE_ERROR'],
    ['/plain', { body: '{' }, 400, 'PARSE_ERROR'], ['/plain', { body: '[]' }, 400, 'INVALID_CONTEXT'], ['', { body: '{"context":7}' }, 400, 'INVALID_CONTEXT'],
    ['', { body: 'null' }, 400, 'INVALID_CONTEXT'], ['', { body: '"' + 'x'.repeat(70000) + '"' }, 400, 'INVALID_CONTEXT']
  ]) {
    const [got, body] = await post(worker(), path, init)
    assert.equal(got, status, path + JSON.stringify(init).slice(0, 50))
    assert.equal(body.errorCode, code)
    assert.ok(body.errorDetails)
  }
  const away = createFlags({ source: kv({ get: async () => { throw new Error('away') } }, 'k') }).handler
  const [status, body, { headers }] = await post(away)
  assert.deepEqual([status, headers.get('retry-after')], [503, '1'])
  assert.match(body.errorDetails, /no flags yet/)
})

test('tokens are in Authorization, with and without Bearer, or in X-API-Key', async () => {
  const handler = worker({ tokens: ['t'] })
  for (const [headers, want] of [
    [{ authorization: 't' }, 200], [{ authorization: 'Bearer t' }, 200], [{ 'x-api-key': 't' }, 200], [{ 'x-api-key': 'u' }, 401], [{}, 401]
  ]) assert.equal((await post(handler, '/plain', { headers }))[0], want)
  assert.equal((await post(handler, '', { method: 'OPTIONS' }))[0], 204)
})

test('all flags, each with its boolean, and an entity tag', async () => {
  const [status, { flags }, { headers }] = await post(worker())
  assert.equal(status, 200)
  assert.deepEqual(flags.map(f => f.key), TOGGLES.flatMap(f => [f.name, f.name + ':enabled']))
  assert.equal(flags.find(f => f.key === 'no-json').errorCode, 'PARSE_ERROR')
  assert.equal((await post(worker(), '', { headers: { 'if-none-match': headers.get('etag') } }))[0], 304)
})

test('single evaluations are counted, and other paths are those of the frontend API', async () => {
  const sent = []
  const { fetch } = globalThis
  globalThis.fetch = async (url, init) => { sent.push(JSON.parse(init.body)); return new Response() }
  try {
    const handler = worker({ usage: { url: 'https://core.example', token: 't', interval: 0 } })
    await post(handler, '/named')
    await post(handler, '/off:enabled')
    assert.deepEqual(sent.map(({ appName, bucket }) => [appName, bucket.toggles]), [
      ['ofrep', { named: { yes: 1, no: 0, variants: { blue: 1 } } }], ['ofrep', { off: { yes: 0, no: 1, variants: { disabled: 1 } } }]
    ])
    const response = await handler(new Request('https://worker.example/api/frontend'))
    assert.equal((await response.json()).toggles.length, TOGGLES.length - 1)
  } finally {
    globalThis.fetch = fetch
  }
})

const PROVIDERS = ['@openfeature/server-sdk', '@openfeature/ofrep-provider', '@openfeature/web-sdk', '@openfeature/ofrep-web-provider']
const parts = need('miniflare', 'esbuild', ...PROVIDERS)

describe("OpenFeature's providers against a worker in workerd", { skip: parts.skip }, () => {
  test('values of each type, for servers and for browsers', async t => {
    const { text } = await bundle({ contents: `import { createFlags } from './ofrep.js'
import { bundle } from './sources.js'
const flags = createFlags({ source: bundle(${JSON.stringify(SNAPSHOT)}), maxAgeMs: Infinity, tokens: ['t'] })
export default { fetch: (request, env, ctx) => flags.handler(request, ctx) }` })
    const running = await startWorker(text)
    t.after(() => running.stop())
    const options = { baseUrl: running.url.replace(/\/$/, ''), headers: [['Authorization', 't']] }
    const { OpenFeature } = await parts.load('@openfeature/server-sdk')
    const { OFREPProvider } = await parts.load('@openfeature/ofrep-provider')
    const { OpenFeature: Web } = await parts.load('@openfeature/web-sdk')
    const { OFREPWebProvider } = await parts.load('@openfeature/ofrep-web-provider')
    await OpenFeature.setProviderAndWait(new OFREPProvider(options))
    await Web.setContext({ targetingKey: '7' })
    await Web.setProviderAndWait(new OFREPWebProvider({ ...options, pollInterval: 0 }))
    t.after(() => Promise.all([OpenFeature.close(), Web.close()]))
    for (const [name, client] of [['server', OpenFeature.getClient()], ['web', Web.getClient()]]) {
      for (const [kind, key, fallback, value, code] of [
        ['Boolean', 'plain', false, true], ['Boolean', 'off', true, false], ['Boolean', 'json:enabled', false, true], ['String', 'text', '', '"<a> & ü"'],
        ['Number', 'number', 0, 1.5], ['Object', 'json', {}, { a: [1] }], ['Boolean', 'none', true, true, 'FLAG_NOT_FOUND'],
        ['Object', 'no-json', { d: 1 }, { d: 1 }, 'PARSE_ERROR'], ['String', 'number', 'd', 'd', 'TYPE_MISMATCH']
      ]) {
        const details = await client['get' + kind + 'Details'](key, fallback)
        assert.deepEqual([details.value, details.errorCode], [value, code], name + ' ' + key)
      }
    }
  })
})
