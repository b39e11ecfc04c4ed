// What every source has to do. A source that passes this can be given to
// createFlags.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFlags, NotReadyError } from '../src/index.js'
import { oneFlag } from './samples.js'

/**
 * @param {string} name of the source
 * @param {{ skip?: string | false, open(): Promise<{ source: import('../src/sources.js').Source, put(text: string): Promise<void>, failing: import('../src/sources.js').Source }> }} options
 *   open gives a source over an empty store, the way to store something there,
 *   and the same kind of source over a store that fails
 */
export function sourceSuite(name, { skip, open }) {
  const it = (what, fn) => test(name + ': ' + what, { skip }, async () => fn(await open()))

  it('has its name', ({ source }) => {
    assert.equal(source.name, name)
  })

  it('what is absent is null', async ({ source }) => {
    assert.equal(await source.get(), null)
  })

  it('a failure rejects with an Error, and is not null', async ({ failing }) => {
    await assert.rejects(() => failing.get(), Error)
  })

  for (const [what, text] of [
    ['of a snapshot', '{"toggles":[],"flagcast":{}}\n'],
    ['that is empty, which is not absent', ''],
    ['null, which is not absent', 'null'],
    ['in many scripts', 'größe 名前 \u{1F680} \u2028 \u0000 "\\u00e9"'],
    ['of a megabyte', '{"x":"' + 'é'.repeat(500000) + '"}']
  ]) {
    it('text ' + what + ' is exact', async ({ source, put }) => {
      await put(text)
      assert.ok((await source.get()) === text)
    })
  }

  it('what fails or is absent is no answer of flags, and what comes then is one', async ({ source, put, failing }) => {
    for (const none of [source, failing]) {
      const flags = createFlags({ source: none, maxAgeMs: 0 })
      await assert.rejects(flags.view(), NotReadyError)
      const { ready, lastError } = flags.status()
      assert.equal(ready, false)
      assert.ok(lastError)
    }
    const flags = createFlags({ source, maxAgeMs: 0 })
    for (const [seq, enabled] of [[1, true], [2, false]]) {
      await put(oneFlag(seq, enabled))
      assert.equal((await flags.view({ userId: '7' })).isEnabled('new-feature'), enabled)
      const response = await flags.handler(new Request('https://pop.example/api/frontend/all?userId=7'))
      assert.deepEqual((await response.json()).toggles, JSON.parse(oneFlag(seq, enabled)).toggles)
    }
    assert.equal(flags.status().ready, true)
    if (!source.sources) assert.equal(flags.status().lastError, null)
  })

  it('reads at the same time', async ({ source, put }) => {
    await put('one')
    assert.deepEqual(await Promise.all([source.get(), source.get(), source.get()]), ['one', 'one', 'one'])
  })

  it('the newest text is read', async ({ source, put }) => {
    await put('one')
    assert.equal(await source.get(), 'one')
    await put('two')
    assert.equal(await source.get(), 'two')
  })
}
