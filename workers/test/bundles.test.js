// What a deployment of the runtime may rely on: no dependencies, nothing that
// edge platforms refuse, and a size.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { SRC, bundle, need } from './parts.js'

const { skip } = need('esbuild')

// Bytes of each script, linked and minified: what docs/workers.md says.
const BUDGETS = {
  'entries/cloudflare.js': 19000,
  'entries/edgeroutine.js': 19000,
  'entries/esa.js': 19000,
  'index.js': 22500, // with the fallbacks and the checks of options
  'ofrep.js': 20500
}

// Bytes after gzip of what a script takes from the runtime.
const GZIPPED = {
  'the stock script of EdgeRoutine: handler, metrics, evaluator': [{ entry: 'entries/edgeroutine.js', format: 'iife' }, 8192],
  'views over EdgeKV': [{ contents: "export { createViews, edgekv } from './index.js'" }, 5632],
  'views over Cloudflare KV': [{ contents: "export { createViews, kv } from './index.js'" }, 5632]
}

const REFUSED = [
  /\beval\b/, /\bFunction\s*\(/, /\bimport\s*\(/, /\brequire\b/, /node:/, /\bprocess\b/, /\bBuffer\b/, /\bwindow\b/, /\bperformance\b/
]

const FILES = readdirSync(SRC, { recursive: true }).filter(name => name.endsWith('.js')).map(name => name.replaceAll('\\', '/'))
const ENTRIES = FILES.filter(name => name.startsWith('entries/') || ['index.js', 'ofrep.js'].includes(name))

const link = entry => bundle({ entry, format: entry === 'entries/edgeroutine.js' ? 'iife' : 'esm' })

test('every entry has a budget', () => {
  assert.deepEqual(ENTRIES.sort(), Object.keys(BUDGETS).sort())
})

test('src imports nothing but itself, statically, and has no file that nothing uses', { skip }, async () => {
  const used = new Set()
  for (const entry of ENTRIES) {
    for (const [name, { imports }] of Object.entries((await link(entry)).inputs)) {
      used.add(name)
      for (const { path, kind } of imports) {
        assert.ok(FILES.includes(path), name + ' imports ' + path)
        assert.equal(kind, 'import-statement', name)
      }
    }
  }
  assert.deepEqual([...used].sort(), FILES.sort())
})

for (const entry of Object.keys(BUDGETS)) {
  test(entry + ' links to plain ES2020 within its budget', { skip }, async () => {
    const { text } = await link(entry)
    // Code from text, modules at run time, and globals that are not everywhere.
    for (const refused of REFUSED) assert.doesNotMatch(text, refused)
    const bytes = Buffer.byteLength(text)
    const budget = BUDGETS[entry]
    assert.ok(bytes <= budget, entry + ' has ' + bytes + ' bytes, its budget is ' + budget)
  })
}

for (const [what, [entry, budget]] of Object.entries(GZIPPED)) {
  test(what + ' is within its budget', { skip }, async () => {
    const bytes = gzipSync((await bundle(entry)).text, { level: 9 }).length
    console.log(what + ': ' + bytes + ' bytes after gzip')
    assert.ok(bytes <= budget, bytes + ' bytes, the budget is ' + budget)
  })
}

test('counting views costs who imports it at most 300 bytes after gzip, and others nothing', { skip }, async () => {
  const size = async contents => gzipSync((await bundle({ contents })).text, { level: 9 }).length
  const flags = "createFlags({ source: edgekv({ namespace: 'a', key: 'b' }), usage })"
  const metrics = "const usage = { url: 'https://flagcast.example', token: 'token' }\n"
  const without = await size("import { createFlags, edgekv } from './index.js'\n" + metrics + 'export default ' + flags)
  const more = await size("import { countViews, createFlags, edgekv } from './index.js'\n" + metrics + 'export default countViews(' + flags + ', usage)') - without
  console.log('counting views: ' + more + ' bytes more after gzip')
  assert.ok(more <= 300, more + ' bytes')
  for (const others of [{ entry: 'entries/edgeroutine.js', format: 'iife' }, { entry: 'entries/cloudflare.js' }, { contents: "export { createViews, kv } from './index.js'" }]) {
    assert.ok(!(await bundle(others)).text.includes('viewsError'))
  }
})

test('OFREP costs who imports it at most 800 bytes after gzip, and others nothing', { skip }, async () => {
  const size = async from => gzipSync((await bundle({ contents: `import { kv } from './index.js'
import { createFlags } from './${from}.js'
export default createFlags({ source: kv({}, 'k') })` })).text, { level: 9 }).length
  const more = await size('ofrep') - await size('index')
  console.log('OFREP: ' + more + ' bytes more after gzip')
  assert.ok(more <= 800, more + ' bytes')
  for (const entry of ENTRIES.filter(name => name !== 'ofrep.js')) assert.ok(!(await link(entry)).text.includes('ofrep'), entry)
})

test('views leave out the handler, and each source the others', { skip }, async () => {
  const { inputs, text } = await bundle({ contents: "import { createViews, kv } from './index.js'; export default createViews({ source: kv({}, 'k') })" })
  assert.ok(inputs['sources.js'])
  for (const left of ['api/frontend', 'EdgeKV', 'metrics', 'if-none-match', 'a chain', 'whenStale']) assert.ok(!text.includes(left), left)
})

test('the same sources give the same script', { skip }, async () => {
  for (const entry of Object.keys(BUDGETS)) {
    assert.equal((await link(entry)).text, (await link(entry)).text)
  }
})
