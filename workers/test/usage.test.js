// Metrics and registrations of SDKs: counted, and handed on.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { countViews, createFlags, createViews } from '../src/index.js'
import { startReceiver } from './receiver.js'
import { Platform, fakeClock, fixedSource, snapshotText } from './samples.js'

const TOKEN = '*:production.frontend'

let receiver, got
before(async () => { receiver = await startReceiver() })
beforeEach(() => {
  got = []
  answering(() => ({ status: 202 }))
})
after(() => receiver.stop())

function answering(how) {
  for (const kind of ['metrics', 'register']) {
    receiver.answer('/api/frontend/client/' + kind, asked => {
      got.push({ kind, ...asked, body: JSON.parse(asked.body) })
      return how(asked)
    })
  }
}

/** Sends one request to a worker, and waits for what it leaves to the platform. */
function worker(metrics, options) {
  const flags = createFlags({ source: fixedSource(snapshotText()), usage: { url: receiver.url, token: TOKEN, ...metrics }, ...options })
  return {
    flags,
    async send(body, kind = 'metrics', platform = new Platform()) {
      const request = new Request('https://pop.example/api/frontend/client/' + kind, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })
      const response = await flags.handler(request, platform)
      assert.equal(response.status, 202)
      if (platform && platform.settled) await platform.settled()
      return platform
    }
  }
}

const counts = (toggles, appName = 'shop') => ({ appName, instanceId: 'browser', bucket: { start: '2026-01-01T00:00:00.000Z', stop: '2026-01-01T00:01:00.000Z', toggles } })

test('counts are added up by application, and sent after the interval', async t => {
  const clock = fakeClock(t)
  const { send } = worker()
  await send(counts({ a: { yes: 1, no: 2, variants: { x: 1 } } }))
  await send(counts({ a: { yes: 10, no: 0, variants: { x: 4, y: 6 } }, ['__proto__']: { yes: 1, no: 0 } }))
  clock.tick(9999)
  await send(counts({ b: { yes: 0, no: 3 } }))
  assert.equal(got.length, 0)
  clock.tick(1)
  const platform = await send(counts({ a: { yes: 5 } }))
  assert.equal(platform.count, 1)
  assert.equal(got.length, 1)
  const [{ method, headers, body }] = got
  assert.equal(method, 'POST')
  assert.equal(headers.authorization, TOKEN)
  assert.equal(headers['content-type'], 'application/json')
  assert.deepEqual(body, {
    appName: 'shop',
    instanceId: 'flagcast',
    bucket: {
      start: '2026-01-02T00:00:00.000Z',
      stop: '2026-01-02T00:00:10.000Z',
      toggles: JSON.parse('{"a":{"yes":16,"no":2,"variants":{"x":5,"y":6}},"__proto__":{"yes":1,"no":0,"variants":{}},"b":{"yes":0,"no":3,"variants":{}}}')
    }
  })
  // What has been sent is not sent again.
  clock.tick(10000)
  await send(counts({ a: { yes: 7 } }))
  assert.equal(got.length, 1)
  clock.tick(10000)
  await send('')
  assert.deepEqual(got[1].body.bucket.toggles, { a: { yes: 7, no: 0, variants: {} } })
})

test('one subrequest for each request, the oldest first', async t => {
  const clock = fakeClock(t)
  const { send } = worker()
  for (const app of ['one', 'two', 'one', 'three']) await send(counts({ a: { yes: 1 } }, app))
  await send({ appName: 'one', sdkVersion: 'x', started: '2026-01-01T00:00:00Z' }, 'register')
  clock.tick(10000)
  for (let i = 1; i <= 5; i++) {
    await send('')
    assert.equal(got.length, Math.min(i, 4))
  }
  assert.deepEqual(got.map(({ kind, body }) => [kind, body.appName]), [['metrics', 'one'], ['metrics', 'two'], ['metrics', 'three'], ['register', 'one']])
  assert.equal(got[0].body.bucket.toggles.a.yes, 2)
  assert.deepEqual(got[3].body, { appName: 'one', sdkVersion: 'x', started: '2026-01-01T00:00:00Z' })
})

test('registrations of an application go once in an interval', async t => {
  const clock = fakeClock(t)
  const { send } = worker({ interval: 1000 })
  for (let i = 0; i < 3; i++) await send({ appName: 'shop', instanceId: String(i) }, 'register')
  clock.tick(1000)
  await send({ appName: 'shop', instanceId: '3' }, 'register')
  assert.deepEqual(got.map(({ body }) => body.instanceId), ['3'])
})

test('a sample stands for all', async t => {
  fakeClock(t)
  const draws = [0.05, 0.1, 0.5, 0.99]
  t.mock.method(Math, 'random', () => draws.shift() ?? 0.99)
  const { send } = worker({ sample: 0.1, interval: 0 })
  await send(counts({ a: { yes: 3, no: 1, variants: { x: 3 } } }))
  for (let i = 0; i < 3; i++) await send(counts({ a: { yes: 3 } }))
  assert.deepEqual(got.map(({ body }) => body.bucket.toggles), [{ a: { yes: 30, no: 10, variants: { x: 30 } } }])
  await send({ appName: 'shop' }, 'register')
  assert.equal(got.length, 2, 'registrations are no sample')
})

test('a receiver that is down loses metrics, and never an answer', async t => {
  const clock = fakeClock(t)
  for (const [how, why] of [
    [() => ({ status: 500 }), /^the receiver of metrics answers 500$/],
    [() => ({ status: 401 }), /^the receiver of metrics answers 401: is the token/]
  ]) {
    const { flags, send } = worker({ interval: 0 })
    answering(how)
    await send(counts({ a: { yes: 1 } }))
    assert.match(flags.status().usageError, why)
    assert.equal((await flags.handler(new Request('https://pop.example/api/frontend'))).status, 200)
    answering(() => ({ status: 200 }))
    got.length = 0
    await send(counts({ a: { yes: 2 } }))
    assert.equal(got[0].body.bucket.toggles.a.yes, 2)
    assert.equal(flags.status().usageError, null)
  }
  const gone = worker({ interval: 0, url: 'http://127.0.0.1:9' })
  await gone.send(counts({ a: { yes: 1 } }))
  assert.ok(gone.flags.status().usageError)
  clock.tick(1)
})

test('a receiver that hangs has an end', async t => {
  const { flags, send } = worker({ interval: 0 })
  let asked
  const arrived = new Promise(resolve => { asked = resolve })
  answering(() => {
    asked()
    return new Promise(() => {})
  })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const sent = send(counts({ a: { yes: 1 } }))
  await arrived
  t.mock.timers.tick(4000)
  await sent
  assert.equal(flags.status().usageError, 'no answer within 4000 ms')
})

test('without waitUntil the request sends by itself', async t => {
  fakeClock(t)
  const { send } = worker({ interval: 0 })
  for (const platform of [undefined, null, {}]) await send(counts({ a: { yes: 1 } }), 'metrics', platform ?? undefined)
  await worker({ interval: 0 }).flags.handler(new Request('https://pop.example/api/proxy/all/client/metrics', { method: 'POST', body: JSON.stringify(counts({ a: { yes: 1 } })) }))
  assert.equal(got.length, 4)
})

test('what is no usage is dropped, and what is wrong in it', async t => {
  fakeClock(t)
  const { send } = worker({ interval: 0 })
  for (const body of ['', '{', 'null', '[]', '7', '{}', { appName: '' }, { appName: 7, bucket: {} }, JSON.stringify(counts({ a: { yes: 1 } })) + ' '.repeat(65536)]) {
    for (const kind of ['metrics', 'register']) await send(body, kind)
  }
  assert.equal(got.length, 0)
  await send(counts({ a: { yes: -1, no: 'x', variants: { v: 1e12, w: 1.7 } }, b: { yes: null } }))
  assert.deepEqual(got[0].body.bucket.toggles, { a: { yes: 0, no: 0, variants: { v: 0, w: 1 } }, b: { yes: 0, no: 0, variants: {} } })
  for (const bucket of [undefined, null, {}, { toggles: null }, { toggles: {} }]) await send({ appName: 'shop', bucket })
  assert.equal(got.length, 1)
  await send({ appName: 'shop', bucket: { toggles: { a: null } } })
  assert.deepEqual(got[1].body.bucket.toggles, { a: { yes: 0, no: 0, variants: {} } })
})

test('an isolate keeps no more than its bounds', async t => {
  const clock = fakeClock(t)
  const { send } = worker()
  const many = (n, prefix) => Object.fromEntries(Array.from({ length: n }, (_, i) => [prefix + i, { yes: 1 }]))
  await send(counts(many(900, 'a')))
  await send(counts({ ...many(900, 'b'), a0: { yes: 1 } }))
  await send(counts({ a0: { yes: 1 } }))
  for (let i = 0; i < 100; i++) await send(counts({ a: { yes: 1 } }, 'app' + i))
  clock.tick(10000)
  for (let i = 0; i < 100; i++) await send('')
  assert.equal(got.length, 20)
  const { toggles } = got[0].body.bucket
  assert.equal(Object.keys(toggles).length, 1000)
  assert.equal(toggles.a0.yes, 3)

  await send(counts({ a: { yes: 1, variants: Object.fromEntries(Array.from({ length: 150 }, (_, i) => ['v' + i, 1])) } }))
  await send(counts({ a: { yes: 1, variants: { v0: 1, v149: 1 } } }))
  clock.tick(10000)
  await send('')
  const { variants } = got.at(-1).body.bucket.toggles.a
  assert.deepEqual([Object.keys(variants).length, variants.v0, variants.v149], [100, 2, undefined])
})

test('without the option nothing is sent', async () => {
  const flags = createFlags({ source: fixedSource(snapshotText()) })
  const platform = new Platform()
  const request = new Request('https://pop.example/api/frontend/client/metrics', { method: 'POST', body: JSON.stringify(counts({ a: { yes: 1 } })) })
  assert.equal((await flags.handler(request, platform)).status, 202)
  assert.equal(platform.count, 0)
  assert.equal(flags.status().usageError, null)
})

/** Flags whose views count, and what they leave to the platform. */
function counting(metrics, create = createFlags, options) {
  const flags = countViews(create({ source: fixedSource(snapshotText()), ...options }), { url: receiver.url, token: TOKEN, ...metrics })
  return {
    flags,
    async view(use = () => {}, platform = new Platform()) {
      const view = await flags.view({}, platform)
      const got = use(view)
      if (platform.settled) await platform.settled()
      return got
    }
  }
}

test('the decisions of a worker are counted as an SDK counts them', async t => {
  const clock = fakeClock(t)
  for (const create of [createFlags, createViews]) {
    got.length = 0
    const { view } = counting({}, create)
    for (let i = 0; i < 1000; i++) {
      await view(view => {
        assert.equal(view.isEnabled('new-feature'), true)
        assert.equal(view.isEnabled('old-checkout'), false)
        assert.equal(view.isEnabled('no-such-flag'), false)
        assert.equal(view.all().length, 6)
      })
    }
    for (let i = 0; i < 3; i++) {
      await view(view => {
        assert.equal(view.getVariant('price').name, 'blue')
        assert.equal(view.getVariant('constructor').name, 'disabled')
        assert.equal(view.getVariant('__proto__').feature_enabled, false)
      })
    }
    assert.equal(got.length, 0)
    clock.tick(10000)
    await view()
    assert.equal(got.length, 1)
    const { appName, bucket } = got[0].body
    assert.equal(appName, 'flagcast-worker')
    assert.equal(got[0].headers.authorization, TOKEN)
    assert.deepEqual(bucket.toggles, JSON.parse(`{
      "new-feature": {"yes":1000,"no":0,"variants":{}},
      "old-checkout": {"yes":0,"no":1000,"variants":{}},
      "no-such-flag": {"yes":0,"no":1000,"variants":{}},
      "price": {"yes":3,"no":0,"variants":{"blue":3}},
      "constructor": {"yes":3,"no":0,"variants":{"disabled":3}},
      "__proto__": {"yes":0,"no":3,"variants":{"disabled":3}}
    }`))
    assert.deepEqual([bucket.start, bucket.stop].map(at => Date.parse(at)), [Date.now() - 10000, Date.now()])
    clock.tick(10000)
    await view()
    assert.equal(got.length, 1, 'what was sent is not sent again')
  }
})

test('counts of views stay within bounds, and a sample stands for all', async t => {
  const clock = fakeClock(t)
  const { view } = counting()
  await view(view => { for (let i = 0; i < 5000; i++) view.isEnabled('flag-' + i) })
  clock.tick(10000)
  await view()
  assert.equal(Object.keys(got[0].body.bucket.toggles).length, 1000)

  const draws = [0.05, 0.1, 0.5, 0.99]
  t.mock.method(Math, 'random', () => draws.shift() ?? 0.99)
  const sampled = counting({ sample: 0.1, interval: 1000, appName: 'shop' })
  for (let i = 0; i < 4; i++) await sampled.view(view => view.isEnabled('price'))
  clock.tick(1000)
  await sampled.view()
  assert.equal(got[1].body.appName, 'shop')
  assert.deepEqual(got[1].body.bucket.toggles, { price: { yes: 10, no: 0, variants: {} } })
})

test('a receiver that is down harms no view, and waits for none', async t => {
  fakeClock(t)
  const { flags, view } = counting({ interval: 0 })
  answering(() => ({ status: 500 }))
  assert.equal(flags.status().viewsError, null)
  await view(view => view.isEnabled('price'))
  assert.equal(await view(view => view.isEnabled('price')), true)
  assert.equal(flags.status().viewsError, 'the receiver of metrics answers 500')
  assert.equal(await (await flags.handler(new Request('https://pop.example/flagcast/status'))).json().then(status => status.ready), true)

  answering(() => new Promise(() => {}))
  await (await flags.view({}, new Platform())).isEnabled('price')
  const platform = new Platform()
  assert.equal((await flags.view({}, platform)).isEnabled('price'), true, 'it does not wait for the receiver')
  assert.equal(platform.count, 1)
  assert.equal((await flags.view({})).isEnabled('price'), true, 'also without waitUntil')
})

test('views that are not counted send nothing, also with metrics set', async t => {
  const clock = fakeClock(t)
  const { flags } = worker()
  for (let i = 0; i < 10; i++) (await flags.view({}, new Platform())).isEnabled('price')
  clock.tick(10000)
  await flags.view({}, new Platform())
  assert.equal(got.length, 0)
})
