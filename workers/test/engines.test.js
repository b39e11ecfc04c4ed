// Engines that have the language and nothing of the web: no TextEncoder, URL,
// Response or timers, as QuickJS and Akamai's.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import vm from 'node:vm'
import { bundle as bundleSource, createViews } from '../src/index.js'
import { murmur } from '../src/hash.js'
import { bundle, need } from './parts.js'
import { rulesText } from './samples.js'

const { skip } = need('esbuild')

let bare
before(async () => {
  if (skip) return
  const contents = `import { createViews, bundle } from './index.js'
import { murmur } from './hash.js'
Object.assign(globalThis, { createViews, bundle, murmur })`
  bare = vm.createContext({})
  vm.runInContext((await bundle({ contents, format: 'iife' })).text, bare)
})

test('an engine without TextEncoder evaluates rules alike', { skip }, async () => {
  assert.equal(vm.runInContext('typeof TextEncoder + typeof URL + typeof setTimeout', bare), 'undefined'.repeat(3))
  bare.text = rulesText()
  vm.runInContext('views = createViews({ source: bundle(text), maxAgeMs: Infinity })', bare)
  const here = createViews({ source: bundleSource(rulesText()), maxAgeMs: Infinity })
  let on = 0
  for (let i = 0; i < 500; i++) {
    const context = { userId: 'größe-名前-😀-' + i, sessionId: 's' + i, currentTime: '2026-01-01T00:00:00Z' }
    bare.context = JSON.stringify(context)
    const there = JSON.parse(await vm.runInContext('views.view(JSON.parse(context)).then(view => JSON.stringify(view.all()))', bare))
    const drawn = toggles => toggles.filter(({ name }) => name !== 'drawn') // by chance
    const want = drawn((await here.view(context)).all())
    assert.deepEqual(drawn(there), want)
    on += want.filter(({ name, enabled }) => name === 'canary' && enabled).length
  }
  assert.ok(on > 150 && on < 350, on + ' of 500 are on')
})

test('the hash of any text is that of its UTF-8', { skip }, () => {
  const texts = ['', 'a', 'ä', '名', '😀', '\ud800', 'x\udc00y', '\ud83d\ud83d\ude00', '\0\x7f\x80\u07ff\u0800\uffff', '%41%', 'a+b c']
  for (const text of texts) {
    for (const around of ['', 'a', 'ab', 'abc']) {
      for (const seed of [0, 86028157]) assert.equal(bare.murmur(seed, around + text), murmur(seed, around + text), JSON.stringify(around + text))
    }
  }
})
