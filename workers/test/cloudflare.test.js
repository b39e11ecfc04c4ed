// The Cloudflare entry, linked as for a deployment, in workerd with its KV.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { bundle, need } from './parts.js'
import { TOGGLES, oneFlag, snapshotText } from './samples.js'
import { eventually, startWorker } from './workerd.js'

const { skip } = need('miniflare', 'esbuild')

describe('cloudflare.js in workerd', { skip }, () => {
  let script
  before(async () => { script = (await bundle({ entry: 'entries/cloudflare.js' })).text })

  async function start(t, options) {
    const worker = await startWorker(script, { kv: ['FLAGS'], ...options })
    t.after(() => worker.stop())
    return { worker, namespace: await worker.kv('FLAGS') }
  }

  test('503 until something is stored, then the flags, then their change', async t => {
    const { worker, namespace } = await start(t)
    const empty = await worker.fetch('/api/frontend')
    assert.equal(empty.status, 503)
    assert.equal(empty.headers.get('retry-after'), '1')
    assert.match((await empty.json()).error, /nothing is stored under the key/)

    await namespace.put('unleash-rules', snapshotText())
    await worker.tick(1000)
    assert.deepEqual(await worker.get('/api/frontend'), { toggles: TOGGLES.filter(f => f.enabled) })
    assert.deepEqual(await worker.get('/api/proxy/all'), { toggles: TOGGLES })

    await namespace.put('unleash-rules', oneFlag(2, false))
    await worker.tick(29999)
    assert.deepEqual(await worker.get('/api/frontend/all'), { toggles: TOGGLES })
    assert.equal((await worker.get('/flagcast/status')).ageMs, 29999)
    await worker.tick(1)
    const changed = await eventually(() => worker.get('/api/frontend/all'), answer => answer.toggles.length === 1, 'the change')
    assert.equal(changed.toggles[0].enabled, false)
    const status = await worker.get('/flagcast/status')
    assert.equal(status.source, 'kv')
    assert.equal(status.seq, 2)
    assert.equal(status.lastError, null)
  })

  test('HTTP over the wire', async t => {
    const { worker, namespace } = await start(t)
    await namespace.put('unleash-rules', snapshotText())
    for (const toggle of TOGGLES) {
      assert.deepEqual(await worker.get('/api/frontend/features/' + encodeURIComponent(toggle.name)), toggle)
    }
    const head = await worker.fetch('/api/frontend', { method: 'HEAD' })
    assert.equal(head.status, 200)
    assert.equal(head.headers.get('etag'), '"digest-1"')
    assert.equal(await head.text(), '')
    const known = await worker.fetch('/api/frontend', { headers: { 'if-none-match': 'W/"digest-1"' } })
    assert.equal(known.status, 304)
    const sent = await worker.fetch('/api/frontend/client/metrics', { method: 'POST', body: '{"bucket":{}}' })
    assert.equal(sent.status, 202)
    assert.equal((await worker.fetch('/api/frontend', { method: 'OPTIONS' })).status, 204)
    assert.equal((await worker.fetch('/api/frontend', { method: 'DELETE' })).status, 405)
    assert.equal((await worker.fetch('/else')).status, 404)
  })

  test('what is stored wrongly does not replace what was good', async t => {
    const { worker, namespace } = await start(t)
    await namespace.put('unleash-rules', oneFlag(5, true))
    await worker.get('/api/frontend')
    for (const wrong of [oneFlag(6, false).slice(0, 100), oneFlag(4, false), '', '[]']) {
      await namespace.put('unleash-rules', wrong)
      await worker.tick(30000)
      await worker.get('/api/frontend')
      await eventually(() => worker.get('/flagcast/status'), status => status.lastError !== null, 'the error')
      assert.equal((await worker.get('/api/frontend')).toggles.length, 1)
      await namespace.put('unleash-rules', oneFlag(5, true))
      await worker.tick(30000)
      await worker.get('/api/frontend')
      await eventually(() => worker.get('/flagcast/status'), status => status.lastError === null, 'the recovery')
    }
    await namespace.delete('unleash-rules')
    await worker.tick(30000)
    await worker.get('/api/frontend')
    await eventually(() => worker.get('/flagcast/status'), status => status.lastError !== null, 'the error')
    assert.equal((await worker.get('/api/frontend')).toggles.length, 1)
  })

  test('first requests that come together are all answered', async t => {
    const { worker, namespace } = await start(t)
    await namespace.put('unleash-rules', snapshotText())
    const answers = await Promise.all(Array.from({ length: 30 }, () => worker.fetch('/api/frontend')))
    assert.deepEqual([...new Set(answers.map(a => a.status))], [200])
  })

  test('a variable names the key; a missing binding is told', async t => {
    const { worker, namespace } = await start(t, { vars: { FLAGCAST_KEY: 'other' } })
    await namespace.put('other', oneFlag(1, true))
    assert.equal((await worker.get('/api/frontend')).toggles.length, 1)

    const alone = await startWorker(script)
    t.after(() => alone.stop())
    const response = await alone.fetch('/api/frontend')
    assert.equal(response.status, 503)
    assert.match((await response.json()).error, /the KV namespace is not bound/)
  })

  test('it needs nothing that is new in workerd', async t => {
    const { worker, namespace } = await start(t, { date: '2021-11-02' })
    await namespace.put('unleash-rules', snapshotText())
    assert.deepEqual(await worker.get('/api/frontend/all'), { toggles: TOGGLES })
  })
})

describe('the library in workerd', { skip }, () => {
  test('a view takes the ctx of the platform, and kv a function', async t => {
    const { text } = await bundle({
      contents: `
        import { createFlags, kv } from './index.js'
        let env
        const flags = createFlags({ source: kv(() => env.FLAGS, 'unleash-rules') })
        export default {
          async fetch(request, bindings, ctx) {
            env = bindings
            const view = await flags.view({ userId: '7' }, ctx)
            return new Response(JSON.stringify({ on: view.isEnabled('new-feature'), seq: flags.status().seq }))
          }
        }`
    })
    const worker = await startWorker(text, { kv: ['FLAGS'] })
    t.after(() => worker.stop())
    const namespace = await worker.kv('FLAGS')
    await namespace.put('unleash-rules', oneFlag(1, false))
    assert.deepEqual(await worker.get('/'), { on: false, seq: 1 })
    await namespace.put('unleash-rules', oneFlag(2, true))
    await worker.tick(30000)
    await eventually(() => worker.get('/'), answer => answer.on && answer.seq === 2, 'the change')
  })
})
