import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFlags } from '../src/index.js'
import { Platform, TOGGLES, fakeClock, fixedSource, manualSource, oneFlag, snapshotText } from './samples.js'

const ON = TOGGLES.filter(t => t.enabled)

/** Asks the handler of flags over one snapshot. */
function server(options) {
  const flags = createFlags({ source: fixedSource(snapshotText()), ...options })
  return (path, init, platform) => flags.handler(new Request('https://pop.example' + path, init), platform)
}

const body = async response => JSON.parse(await response.text())

test('the frontend API lists the flags that are on', async () => {
  const ask = server()
  for (const path of ['/api/frontend', '/api/proxy', '/api/frontend/', '/api/frontend?userId=7&properties[plan]=pro', '//api///frontend//']) {
    const response = await ask(path)
    assert.equal(response.status, 200, path)
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.equal(response.headers.get('cache-control'), 'no-cache')
    assert.equal(response.headers.get('access-control-allow-origin'), '*')
    assert.equal(response.headers.get('access-control-expose-headers'), 'ETag')
    assert.deepEqual(await body(response), { toggles: ON })
  }
})

test('POST answers as GET does', async () => {
  const ask = server()
  const response = await ask('/api/frontend', { method: 'POST', body: '{"context":{"userId":"7"}}' })
  assert.deepEqual(await body(response), { toggles: ON })
  assert.deepEqual(await body(await ask('/api/proxy/all', { method: 'POST', body: 'not JSON' })), { toggles: TOGGLES })
})

test('all lists every flag of the snapshot', async () => {
  const ask = server()
  for (const path of ['/api/frontend/all', '/api/proxy/all', '/api/frontend/all/']) {
    assert.deepEqual(await body(await ask(path)), { toggles: TOGGLES }, path)
  }
})

test('one flag is found by its name', async () => {
  const ask = server()
  for (const toggle of TOGGLES) {
    for (const base of ['/api/frontend', '/api/proxy']) {
      for (const method of ['GET', 'POST']) {
        const response = await ask(base + '/features/' + encodeURIComponent(toggle.name), { method })
        assert.equal(response.status, 200, toggle.name)
        assert.deepEqual(await body(response), toggle)
      }
    }
  }
})

test('a name that is not encoded well is taken as it stands', async () => {
  const ask = server({ source: fixedSource(snapshotText({}, [{ ...TOGGLES[0], name: '100%' }])) })
  assert.equal((await ask('/api/frontend/features/100%')).status, 200)
  assert.equal((await ask('/api/frontend/features/100%25')).status, 200)
})

test('a flag that is not in the snapshot is 404', async () => {
  const ask = server()
  for (const name of ['unknown', 'toString', 'NEW-FEATURE']) {
    const response = await ask('/api/frontend/features/' + name)
    assert.equal(response.status, 404)
    assert.deepEqual(await body(response), { error: 'no such flag is in the snapshot' })
  }
})

test('metrics and registrations are accepted, with or without a snapshot', async () => {
  for (const options of [{}, { source: fixedSource(null) }]) {
    const ask = server(options)
    for (const base of ['/api/frontend', '/api/proxy', '/api/frontend/all', '/api/proxy/all']) {
      for (const path of ['/client/metrics', '/client/register']) {
        const response = await ask(base + path, { method: 'POST', body: '{"bucket":{}}' })
        assert.equal(response.status, 202, base + path)
        assert.equal(await response.text(), '')
        assert.equal(response.headers.get('access-control-allow-origin'), '*')
      }
    }
  }
})

test('a preflight request is answered without a token', async () => {
  const ask = server({ tokens: ['secret'] })
  for (const path of ['/api/frontend', '/api/proxy/all', '/api/frontend/features/x', '/api/frontend/client/metrics']) {
    const response = await ask(path, { method: 'OPTIONS' })
    assert.equal(response.status, 204, path)
    assert.equal(response.headers.get('access-control-allow-origin'), '*')
    assert.equal(response.headers.get('access-control-allow-methods'), 'GET, POST, OPTIONS')
    assert.equal(response.headers.get('access-control-max-age'), '86400')
    // A star is for what SDKs let their users add; it does not cover authorization.
    const allowed = response.headers.get('access-control-allow-headers').split(', ')
    for (const name of ['*', 'authorization', 'content-type', 'if-none-match']) {
      assert.ok(allowed.includes(name), name)
    }
  }
})

test('other methods are 405, and told which are good', async () => {
  const ask = server({ tokens: ['secret'] })
  for (const [path, methods, allow] of [
    ['/api/frontend', ['PUT', 'DELETE', 'PATCH'], 'GET, HEAD, POST'],
    ['/api/proxy/features/new-feature', ['PUT'], 'GET, HEAD, POST'],
    ['/api/frontend/client/metrics', ['GET', 'HEAD', 'PUT'], 'POST']
  ]) {
    for (const method of methods) {
      const response = await ask(path, { method })
      assert.equal(response.status, 405, method + ' ' + path)
      assert.equal(response.headers.get('allow'), allow)
    }
  }
})

test('other paths are 404', async () => {
  const ask = server()
  for (const path of [
    '/', '/api', '/api/frontendx', '/api/client/features', '/x/api/frontend', '/API/FRONTEND', '/api/frontend/features',
    '/api/frontend/features/', '/api/frontend/features/a/b', '/api/frontend/all/features/new-feature', '/api/frontend/client/x'
  ]) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      assert.equal((await ask(path, { method })).status, 404, path)
    }
  }
})

test('tokens are asked for where there are some', async () => {
  const ask = server({ tokens: ['*:production.secret', 'second'] })
  const status = async (authorization, path = '/api/frontend', method = 'GET') =>
    (await ask(path, { method, headers: authorization === undefined ? {} : { authorization } })).status
  for (const good of ['*:production.secret', 'second', 'Bearer second', 'bearer second', 'BEARER *:production.secret']) {
    assert.equal(await status(good), 200, good)
    assert.equal(await status(good, '/api/frontend/client/metrics', 'POST'), 202, good)
  }
  for (const bad of [undefined, '', 'Bearer', 'Bearer ', 'third', 'secon', 'Basic second', 'second, second', 'Bearer Bearer second']) {
    assert.equal(await status(bad), 401, bad)
    assert.equal(await status(bad, '/api/frontend/features/new-feature'), 401, bad)
    assert.equal(await status(bad, '/api/frontend/client/metrics', 'POST'), 401, bad)
  }
})

test('an empty token opens nothing', async () => {
  // As ''.split(',') gives it for a variable that is not set.
  for (const tokens of [[''], []]) {
    const ask = server({ tokens })
    assert.equal((await ask('/api/frontend')).status, 401)
    assert.equal((await ask('/api/frontend', { headers: { authorization: 'Bearer ' } })).status, 401)
  }
})

test('without a snapshot the answer is 503, never an empty 200', async t => {
  const clock = fakeClock(t)
  for (const answer of [null, new Error('kv is away'), '{"toggles":[]}', snapshotText({ format: 'evaluated/2' }, [])]) {
    const ask = server({ source: fixedSource(answer) })
    for (const path of ['/api/frontend', '/api/frontend/all', '/api/proxy/features/new-feature']) {
      for (const method of ['GET', 'POST', 'HEAD']) {
        // The second one falls into the pause after a failure.
        for (const headers of [{}, { 'if-none-match': '*' }]) {
          const response = await ask(path, { method, headers }, new Platform())
          assert.equal(response.status, 503)
          assert.equal(response.headers.get('retry-after'), '1')
          assert.equal(response.headers.get('etag'), null)
          assert.equal(response.headers.get('access-control-allow-origin'), '*')
          assert.match((await body(response)).error, /^no flags yet: ./)
        }
      }
    }
    clock.tick(1000)
  }
})

test('what is known is 304', async () => {
  const ask = server()
  for (const path of ['/api/frontend', '/api/proxy/all', '/api/frontend/features/price']) {
    const etag = (await ask(path)).headers.get('etag')
    assert.equal(etag, '"digest-1"')
    for (const known of [etag, 'W/' + etag, '*', '"x", ' + etag, '"x",W/' + etag + ' , "y"']) {
      for (const method of ['GET', 'HEAD', 'POST']) {
        const response = await ask(path, { method, headers: { 'if-none-match': known } })
        assert.equal(response.status, 304, known)
        assert.equal(await response.text(), '')
        assert.equal(response.headers.get('etag'), etag)
        assert.equal(response.headers.get('access-control-allow-origin'), '*')
      }
    }
    for (const other of ['"x"', 'digest-1', '"digest-10"', 'w/' + etag, '""']) {
      assert.equal((await ask(path, { headers: { 'if-none-match': other } })).status, 200, other)
    }
  }
})

test('the entity tag is that of the content, whenever it was published', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(snapshotText({ seq: 1, digest: 'same' }))
  const ask = server({ source })
  const etag = (await ask('/api/frontend')).headers.get('etag')
  source.answer = snapshotText({ seq: 2, digest: 'same', publishedAt: '2026-02-02T00:00:00Z' })
  clock.tick(30000)
  assert.equal((await ask('/api/frontend', { headers: { 'if-none-match': etag } })).status, 304)
  assert.equal((await body(await ask('/flagcast/status'))).seq, 2)
  source.answer = snapshotText({ seq: 3, digest: 'other' })
  clock.tick(30000)
  assert.equal((await ask('/api/frontend', { headers: { 'if-none-match': etag } })).status, 200)
})

test('HEAD has the headers of GET', async () => {
  const ask = server()
  for (const path of ['/api/frontend', '/api/frontend/all', '/api/frontend/features/price']) {
    const response = await ask(path, { method: 'HEAD' })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('etag'), '"digest-1"')
    assert.equal(response.headers.get('content-type'), 'application/json')
  }
  assert.equal((await ask('/api/frontend/features/unknown', { method: 'HEAD' })).status, 404)
})

test('the status has its path, needs no token, and reads as other requests do', async t => {
  const clock = fakeClock(t)
  const source = fixedSource(null)
  const ask = server({ source, tokens: ['secret'] })
  const before = await ask('/flagcast/status')
  assert.equal(before.status, 200)
  assert.equal((await body(before)).ready, false)
  source.answer = snapshotText()
  clock.tick(1000)
  const after = await body(await ask('/flagcast//status/?x'))
  assert.equal(after.ready, true)
  assert.equal(after.digest, 'digest-1')
  await ask('/flagcast/status')
  assert.equal(source.count, 2)
})

test('the status moves, or is switched off', async () => {
  const moved = server({ statusPath: '/healthz' })
  assert.equal((await moved('/healthz')).status, 200)
  assert.equal((await moved('/flagcast/status')).status, 404)
  const off = server({ statusPath: '' })
  for (const path of ['/flagcast/status', '/', '']) {
    assert.equal((await off(path)).status, 404)
  }
})

test('the handler leaves its read to the platform', async t => {
  const clock = fakeClock(t)
  const source = manualSource()
  const ask = server({ source })
  const first = ask('/api/frontend')
  source.reads[0].resolve(oneFlag(1, false))
  await first
  clock.tick(30000)
  const platform = new Platform()
  assert.deepEqual(await body(await ask('/api/frontend', {}, platform)), { toggles: [] })
  assert.equal(platform.count, 1)
  source.reads[1].resolve(oneFlag(2, true))
  await platform.settled()
  assert.equal((await body(await ask('/api/frontend', {}, platform))).toggles.length, 1)
})

test('the handler works where no platform is given', async t => {
  const clock = fakeClock(t)
  const ask = server()
  for (const platform of [undefined, null, {}]) {
    assert.equal((await ask('/api/frontend', {}, platform)).status, 200)
    clock.tick(30000)
  }
})
