// The entries for Alibaba Cloud, linked as for a deployment, in workerd with
// the EdgeKV shim; and the worker without any runtime that users write.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bundle, need } from './parts.js'
import { TOGGLES, oneFlag, snapshotText, toggle } from './samples.js'
import { eventually, startWorker } from './workerd.js'

const { skip } = need('miniflare', 'esbuild')

// The oldest behaviour that workerd has: the version of Alibaba's V8 is not known.
const OLD = { edgekv: true, date: '2021-11-02' }

const PLATFORMS = {
  'edgeroutine.js': async () => startWorker((await bundle({ entry: 'entries/edgeroutine.js', format: 'iife' })).text, { ...OLD, serviceWorker: true }),
  'esa.js': async () => startWorker((await bundle({ entry: 'entries/esa.js' })).text, OLD)
}

for (const [name, open] of Object.entries(PLATFORMS)) {
  describe(name + ' in workerd', { skip }, () => {
    async function start(t) {
      const worker = await open()
      t.after(() => worker.stop())
      await worker.behave({ subrequests: 4, timers: 16, responseTime: 5000 })
      return { worker, put: text => worker.putEdgeKV('flags', 'unleash-rules', text) }
    }

    test('503 until something is stored, then the flags, then their change', async t => {
      const { worker, put } = await start(t)
      const empty = await worker.fetch('/api/frontend')
      assert.equal(empty.status, 503)
      assert.match((await empty.json()).error, /nothing is stored under the key/)
      await put(snapshotText())
      await worker.tick(1000)
      assert.deepEqual(await worker.get('/api/frontend'), { toggles: TOGGLES.filter(f => f.enabled) })
      assert.deepEqual(await worker.get('/api/frontend/all'), { toggles: TOGGLES })
      assert.deepEqual(await worker.get('/api/proxy/features/price'), TOGGLES[2])

      await put(oneFlag(2, false))
      await worker.tick(30000)
      await eventually(() => worker.get('/api/frontend/all'), answer => answer.toggles.length === 1, 'the change')
      const status = await worker.get('/flagcast/status')
      assert.equal(status.source, 'edgekv')
      assert.equal(status.seq, 2)
    })

    test('one read as text serves many requests', async t => {
      const { worker, put } = await start(t)
      await put(snapshotText())
      for (let i = 0; i < 20; i++) await worker.get('/api/frontend')
      await worker.tick(29999)
      await worker.get('/api/frontend')
      assert.deepEqual(await worker.reads(), [{ key: 'flags/unleash-rules', type: 'text' }])
    })

    test('a failing EdgeKV is 503 before the first snapshot, and harmless after it', async t => {
      const { worker, put } = await start(t)
      await put(oneFlag(1, true))
      await worker.behave({ failure: 'kv is away' })
      const response = await worker.fetch('/api/frontend')
      assert.equal(response.status, 503)
      assert.match((await response.json()).error, /kv is away/)

      await worker.behave({ failure: '' })
      await worker.tick(1000)
      assert.equal((await worker.get('/api/frontend')).toggles.length, 1)
      await worker.behave({ failure: 'kv is away' })
      await worker.tick(3600000)
      assert.equal((await worker.get('/api/frontend')).toggles.length, 1)
      await eventually(() => worker.get('/flagcast/status'), status => status.lastError === 'kv is away', 'the error')
    })

    test('a change is served when this PoP sees it', async t => {
      const { worker, put } = await start(t)
      await put(oneFlag(1, false))
      await worker.behave({ propagation: 300000 })
      await put(oneFlag(2, true))
      const on = async () => (await worker.get('/api/frontend')).toggles.length === 1
      for (let seconds = 0; seconds < 300; seconds += 30) {
        assert.equal(await on(), false)
        await worker.tick(30000)
      }
      await eventually(on, Boolean, 'the change')
    })

    test('a miss that the PoP remembers ends', async t => {
      const { worker, put } = await start(t)
      await worker.behave({ missTtl: 120000 })
      assert.equal((await worker.fetch('/api/frontend')).status, 503)
      await put(oneFlag(1, true))
      await worker.tick(60000)
      assert.equal((await worker.fetch('/api/frontend')).status, 503)
      await worker.tick(60000)
      assert.equal((await worker.fetch('/api/frontend')).status, 200)
    })

    test('a platform that refuses timers harms no read', async t => {
      const { worker, put } = await start(t)
      await put(oneFlag(1, true))
      for (const budget of [{ responseTime: 3000 }, { timers: 0 }]) {
        await worker.behave({ timers: 16, responseTime: 5000, ...budget })
        const response = await worker.fetch('/api/frontend')
        assert.deepEqual([response.status, (await response.json()).toggles?.length], [200, 1], JSON.stringify(budget))
        await worker.tick(30000)
      }
      await worker.tick(3600000)
      assert.equal((await worker.get('/flagcast/status')).lastError, null, 'the read of its own, too')
    })

    test('a read that never ends harms its own request alone', async t => {
      const { worker, put } = await start(t)
      await put(oneFlag(1, false))
      await worker.behave({ hang: true })
      await worker.hurry(50)
      const response = await worker.fetch('/api/frontend')
      assert.equal(response.status, 503)
      assert.match((await response.json()).error, /no answer within 4000 ms/)
      await worker.behave({ hang: false })
      await worker.hurry(1)
      await worker.tick(1000)
      assert.equal((await worker.fetch('/api/frontend')).status, 200, 'the next one reads for itself')

      await put(oneFlag(2, true))
      await worker.behave({ hang: true })
      await worker.tick(30000)
      assert.equal((await worker.fetch('/api/frontend')).status, 200, 'what there is, is served')
      await worker.behave({ hang: false })
      await worker.tick(5000)
      await eventually(() => worker.get('/api/frontend'), answer => answer.toggles.length === 1, 'another read')
    })
  })
}

// What the documents promise: an evaluated snapshot needs no runtime at all.
const SEED = `
addEventListener('fetch', event => event.respondWith(handle()))

async function handle() {
  const edgeKV = new EdgeKV({ namespace: 'flags' })
  const flags = JSON.parse(await edgeKV.get('unleash-flags', {type:'text'}))
  const on = flags.toggles.find(t => t.name === 'new-feature')?.enabled
  return new Response(String(on))
}
`

describe('the line without a runtime', { skip }, () => {
  test('reads an evaluated snapshot', async t => {
    const worker = await startWorker(SEED, { ...OLD, serviceWorker: true })
    t.after(() => worker.stop())
    for (const [toggles, want] of [
      [TOGGLES, 'true'],
      [[toggle('other'), toggle('new-feature', false)], 'false'],
      [[], 'undefined']
    ]) {
      await worker.putEdgeKV('flags', 'unleash-flags', snapshotText({}, toggles))
      assert.equal(await (await worker.fetch('/')).text(), want)
    }
  })
})
