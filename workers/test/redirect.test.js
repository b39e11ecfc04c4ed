// A redirect is a failure: headers, tokens and contexts go to no other host.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { chain, core, createFlags, http } from '../src/index.js'
import { bundle, need } from './parts.js'
import { startReceiver } from './receiver.js'
import { Platform, fixedSource, oneFlag } from './samples.js'
import { eventually, startWorker } from './workerd.js'

const { skip } = need('miniflare', 'esbuild')

const REDIRECTS = [301, 302, 303, 307, 308]
const PATHS = ['/snapshot', '/api/frontend', '/api/frontend/client/metrics', '/api/frontend/client/register']

let first, other, reached
before(async () => { [first, other] = await Promise.all([startReceiver(), startReceiver()]) })
after(() => Promise.all([first.stop(), other.stop()]))
beforeEach(() => {
  reached = []
  for (const path of PATHS) {
    other.answer(path, asked => {
      reached.push(asked)
      return { body: oneFlag(1, true) }
    })
  }
})

function redirecting(status) {
  for (const path of PATHS) first.answer(path, () => ({ status, headers: { location: other.url + path } }))
}

for (const status of REDIRECTS) {
  test(status + ' fails, says so, and is not followed', async () => {
    redirecting(status)
    await assert.rejects(http(first.url + '/snapshot', { headers: { 'x-key': 'secret' } }).get(),
      new RegExp('^Error: the address of the snapshot answers ' + status + ': redirects are not followed$'))
    await assert.rejects(core(first.url, 'token').get({ userId: '7' }), new RegExp('^Error: the core answers ' + status + ': redirects are not followed$'))
    const flags = createFlags({ source: fixedSource(oneFlag(1, true)), usage: { url: first.url, token: 'token', interval: 0 } })
    for (const [kind, body] of [['metrics', { appName: 'shop', bucket: { toggles: { a: { yes: 1 } } } }], ['register', { appName: 'shop' }]]) {
      const platform = new Platform()
      await flags.handler(new Request('https://pop.example/api/frontend/client/' + kind, { method: 'POST', body: JSON.stringify(body) }), platform)
      await platform.settled()
      assert.equal(flags.status().usageError, 'the receiver of metrics answers ' + status + ': redirects are not followed')
    }
    assert.deepEqual(reached, [])
  })
}

test('an answer of another kind is not called a redirect', async () => {
  for (const status of [300, 304, 403, 404, 500]) {
    redirecting(status)
    await assert.rejects(core(first.url, 'token').get(), e => !/redirect/.test(e.message))
  }
})

test('a chain goes on to what is stored', async () => {
  redirecting(307)
  const flags = createFlags({ source: chain(core(first.url, 'token'), fixedSource(oneFlag(1, true))) })
  assert.equal((await flags.view({ userId: '7' })).isEnabled('new-feature'), true)
  assert.equal(flags.status().lastError, 'core: the core answers 307: redirects are not followed')
  assert.deepEqual(reached, [])
})

describe('in workerd', { skip }, () => {
  test('no subrequest goes to another host', async t => {
    redirecting(307)
    const contents = `
import { chain, core, createFlags, http } from './index.js'
const flags = createFlags({
  source: chain(core('${first.url}', 'token'), http('${first.url}/snapshot', { headers: { 'x-key': 'secret' } })),
  usage: { url: '${first.url}', token: 'token', interval: 0 }
})
addEventListener('fetch', event => event.respondWith(flags.handler(event.request, event)))`
    const worker = await startWorker((await bundle({ contents, format: 'iife' })).text, { serviceWorker: true, date: '2021-11-02' })
    t.after(() => worker.stop())
    assert.equal((await worker.fetch('/api/frontend?userId=7')).status, 503)
    await worker.fetch('/api/frontend/client/metrics', { method: 'POST', body: JSON.stringify({ appName: 'shop', bucket: { toggles: { a: { yes: 1 } } } }) })
    const status = await eventually(() => worker.get('/flagcast/status'), one => one.usageError, 'the error of metrics')
    assert.equal(status.usageError, 'the receiver of metrics answers 307: redirects are not followed')
    assert.equal(status.lastError, 'core: the core answers 307: redirects are not followed; http: the address of the snapshot answers 307: redirects are not followed')
    assert.deepEqual(reached, [])
  })
})
