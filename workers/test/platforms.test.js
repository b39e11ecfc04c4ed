// What has to hold on every platform, through its stock entry over HTTP: the
// client specification, a store that holds anything, reads in flight, pins.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { encode, flagcast } from './encode.js'
import { bundle, need } from './parts.js'
import { TOGGLES, oneFlag, snapshotText, toggle } from './samples.js'
import { CASES, specification, skip as noSpecification } from './specification.js'
import { eventually, startWorker } from './workerd.js'

const { skip } = need('miniflare', 'esbuild')
const sdk = need('unleash-proxy-client')

const EDGEKV = { options: { edgekv: true, date: '2021-11-02' }, put: (worker, text, key) => worker.putEdgeKV('flags', key, text), plant: (worker, text) => worker.plantEdgeKV('flags', 'unleash-rules', text) }
const put = async (worker, text, key) => (await worker.kv('FLAGS')).put(key, text)

const PLATFORMS = {
  edgeroutine: { ...EDGEKV, format: 'iife', options: { ...EDGEKV.options, serviceWorker: true } },
  esa: EDGEKV,
  // Its KV takes no more than 25 MiB.
  cloudflare: { options: { kv: ['FLAGS'] }, put, plant: (worker, text) => put(worker, text.slice(0, 25 << 20), 'unleash-rules') }
}

/** A context as a query, or null where a query cannot say it. */
function queryOf({ properties = {}, ...context }) {
  const query = new URLSearchParams()
  for (const [fields, key] of [[context, name => name], [properties, name => 'properties[' + name + ']']]) {
    for (const [name, value] of Object.entries(fields)) {
      if (typeof value !== 'string') return null
      query.append(key(name), value)
    }
  }
  return '?' + query
}

for (const [name, { options, format, put, plant }] of Object.entries(PLATFORMS)) {
  describe(name, { skip }, () => {
    let stock, finished
    before(async () => {
      stock = (await bundle({ entry: 'entries/' + name + '.js', format })).text
      const entry = fileURLToPath(new URL('../../examples/workers/' + name + '/worker.js', import.meta.url))
      finished = await flagcast(['export', '--from', '-', '--as', 'script', '--platform', name, '--entry', entry, '--budget', 'cpu=off,startup=off'], { input: '{"version":2,"features":[]}' })
    })

    async function start(t, script = stock, key = 'unleash-rules') {
      const worker = await startWorker(script, options)
      t.after(() => worker.stop())
      if (options.edgekv) await worker.behave({ subrequests: 4 })
      const status = () => worker.get('/flagcast/status')
      return {
        worker,
        status,
        put: text => put(worker, text, key),
        plant: text => plant(worker, text),
        on: async () => (await worker.get('/api/frontend')).toggles.map(one => one.name),
        /** Lets time pass until the worker reads, and says what came of it. */
        async reads(good, what) {
          await worker.tick(30000)
          await worker.get('/api/frontend')
          return eventually(status, good, what)
        }
      }
    }

    const conforms = async (t, what, ...script) => {
      const { worker, put, reads } = await start(t, ...script)
      let seq = 0
      let asked = 0
      let queries = 0
      for (const { state, tests } of specification()) {
        const document = JSON.parse(await encode(state))
        document.flagcast.seq = ++seq
        await put(JSON.stringify(document))
        await reads(status => status.seq === seq, 'the next file')
        for (const { name, flag, context: given, want } of tests) {
          asked++
          // Cloudflare tells the address of who asks; the cases have none then.
          const context = options.kv ? { remoteAddress: '', ...given } : given
          const path = '/features/' + encodeURIComponent(flag)
          const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ context }) }
          const check = async (how, response) => {
            assert.ok(response.status === 200 || (response.status === 404 && !want.enabled), how + name + ': ' + response.status)
            const got = response.status === 404 ? { enabled: false, variant: want.variant } : await response.json()
            assert.deepEqual(want.variant ? { enabled: got.enabled, variant: got.variant } : { enabled: got.enabled }, want, how + name)
          }
          await check('POST: ', await worker.fetch('/api/frontend' + path, post))
          const listed = (await (await worker.fetch('/api/proxy', post)).json()).toggles.find(one => one.name === flag)
          assert.equal(listed !== undefined, want.enabled, 'POST, list: ' + name)
          if (listed && want.variant) assert.deepEqual(listed.variant, want.variant, 'POST, list: ' + name)
          const query = queryOf(context)
          if (query === null) continue
          queries++
          await check('GET: ', await worker.fetch('/api/frontend' + path + query))
        }
      }
      assert.equal(asked, CASES)
      assert.ok(queries > 200)
      console.log(name + ': ' + asked + ' cases by POST, ' + queries + ' of them by GET, through ' + what)
    }

    test('client specification, stock entry', { skip: noSpecification }, t => conforms(t, 'the stock entry'))

    test('client specification, finished script', { skip: noSpecification }, t => conforms(t, 'the script of flagcast export', finished, 'unleash-rules'))

    test('whatever is stored, the last good snapshot is served, and the status says why', async t => {
      const { put, plant, on, reads, status } = await start(t)
      await put(oneFlag(5, true))
      assert.deepEqual(await on(), ['new-feature'])
      for (const [what, wrong, why] of [
        ['cut', snapshotText({ seq: 6 }).slice(0, -20), /not JSON, or cut off/],
        ['empty', '', /not JSON, or cut off: 0 characters/],
        ['HTML', '<!doctype html><title>502 Bad Gateway</title>', /not JSON/],
        ['a lower seq', oneFlag(4, false), /seq 4, older than 5/],
        ['a newer format', snapshotText({ seq: 6, format: 'rules/2' }, []), /has the format rules\/2, this worker reads/],
        ['of another', '{"toggles":[]}', /not published by flagcast/],
        ['30 MB', '{"toggles":[],"x":"' + 'x'.repeat(30e6) + '"}', /./]
      ]) {
        await (what === '30 MB' ? plant(wrong) : put(wrong))
        const { lastError, seq, ready } = await reads(status => status.lastError !== null, what)
        assert.match(lastError, why)
        assert.deepEqual([seq, ready], [5, true])
        assert.deepEqual(await on(), ['new-feature'], what)
        await put(oneFlag(5, true))
        await reads(status => status.lastError === null, 'what was good is back')
      }
      await put(oneFlag(6, false))
      await reads(status => status.seq === 6, 'what is newer')
      assert.equal((await status()).lastError, null)
      assert.deepEqual(await on(), [])
    })

    test('unleash-proxy-client sees a flag change', { skip: sdk.skip }, async t => {
      const { worker, put, reads } = await start(t)
      await put(oneFlag(1, false))
      const { UnleashClient } = sdk.load('unleash-proxy-client')
      const client = new UnleashClient({ url: worker.url + 'api/frontend', clientKey: 'any', appName: 'shop', disableRefresh: true, metricsInterval: 0, fetch })
      t.after(() => client.stop())
      const updates = []
      client.on('update', () => updates.push(client.isEnabled('new-feature')))
      await client.start()
      assert.equal(client.isEnabled('new-feature'), false)
      for (const [seq, enabled] of [[2, true], [3, false]]) {
        await put(oneFlag(seq, enabled))
        await reads(status => status.seq === seq, 'the change')
        await client.updateToggles()
        assert.equal(client.isEnabled('new-feature'), enabled)
      }
      assert.deepEqual(updates, [false, true, false])
    })

    test('older content under a new seq is followed: a pin', async t => {
      const { put, on, reads, status } = await start(t)
      await put(oneFlag(7, false))
      assert.deepEqual(await on(), [])
      await put(snapshotText({ seq: 8, revision: 1, publishedAt: '2025-12-01T00:00:00.000Z', pinned: 'checkout is broken' }, [toggle('new-feature')]))
      await reads(status => status.seq === 8, 'the pin')
      assert.deepEqual(await on(), ['new-feature'])
      assert.equal((await status()).pinned, 'checkout is broken')
    })

    test('requests during a read are all answered', async t => {
      const { worker, put, reads } = await start(t)
      await put(snapshotText())
      const many = async () => {
        const answers = await Promise.all(Array.from({ length: 40 }, () => worker.fetch('/api/frontend/all')))
        for (const answer of answers) {
          assert.equal(answer.status, 200)
          assert.deepEqual((await answer.json()).toggles.length, TOGGLES.length)
        }
      }
      await many()
      for (let i = 0; i < 3; i++) {
        await worker.tick(30000)
        await many()
      }
      if (options.edgekv) {
        await worker.behave({ hang: true })
        await worker.tick(30000)
        await many()
        await worker.behave({ hang: false })
        await worker.tick(5000)
        await reads(status => status.lastError === null, 'reads again')
      }
    })
  })
}
