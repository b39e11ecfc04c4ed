// The package as npm would install it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { need } from './parts.js'

const FOLDER = fileURLToPath(new URL('../', import.meta.url))

test('it has no dependencies, its types, its licence, its entries, and nothing of the tests', t => {
  const manifest = JSON.parse(readFileSync(FOLDER + 'package.json', 'utf8'))
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies', 'scripts']) assert.equal(manifest[kind], undefined)
  const folder = mkdtempSync(join(tmpdir(), 'flagcast-package-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const npm = (...args) => execFileSync('npm', [...args, '--offline', '--loglevel=error'], { cwd: folder, encoding: 'utf8' })
  const [{ filename, files }] = JSON.parse(npm('pack', FOLDER, '--json'))
  const paths = files.map(file => file.path)
  for (const path of ['package.json', 'README.md', 'src/index.js', 'src/index.d.ts', 'src/entries/esa.js']) assert.ok(paths.includes(path), path)
  assert.deepEqual(paths.filter(path => !path.startsWith('src/')).sort(), ['LICENSE', 'README.md', 'package.json'])
  assert.equal(readFileSync(FOLDER + 'LICENSE', 'utf8'), readFileSync(FOLDER + '../LICENSE', 'utf8'))

  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  npm('install', './' + filename)
  writeFileSync(join(folder, 'run.js'), `import { testFlags } from 'flagcast'
const view = await testFlags({ checkout: 'blue' }).view()
console.log(view.getVariant('checkout').name)`)
  assert.equal(execFileSync(process.execPath, ['run.js'], { cwd: folder, encoding: 'utf8' }), 'blue\n')

  // Each entry is a module of the package, and runs as it stands.
  const entries = readdirSync(FOLDER + 'src/entries').map(name => name.replace(/\.js$/, ''))
  assert.ok(entries.length >= 3)
  writeFileSync(join(folder, 'entries.js'), `globalThis.addEventListener = (type, listen) => console.log(type)
for (const entry of ${JSON.stringify(entries)}) {
  const { default: worker } = await import('flagcast/entries/' + entry)
  if (worker) console.log(typeof worker.fetch)
}`)
  const said = execFileSync(process.execPath, ['entries.js'], { cwd: folder, encoding: 'utf8' })
  assert.equal(said, entries.map(entry => entry === 'edgeroutine' ? 'fetch\n' : 'function\n').join(''))
})

const bundler = need('esbuild')

test('a bundler keeps an entry that is imported for its effect, and drops what is not used', { skip: bundler.skip }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'flagcast-bundled-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const npm = (...args) => execFileSync('npm', [...args, '--offline', '--loglevel=error'], { cwd: folder, encoding: 'utf8' })
  const [{ filename }] = JSON.parse(npm('pack', FOLDER, '--json'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  npm('install', './' + filename)
  const { build } = await bundler.load('esbuild')
  const bundle = async contents => {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: folder }, bundle: true, format: 'esm', write: false, logLevel: 'silent'
    })
    return outputFiles[0].text
  }
  assert.match(await bundle(`import 'flagcast/entries/edgeroutine'`), /addEventListener\(["']fetch["']/)
  assert.equal((await bundle(`import 'flagcast'`)).trim(), '')
})

const { skip, load } = need('publint', '@arethetypeswrong/cli/package.json', 'typescript')

test('publint and arethetypeswrong have nothing against it', { skip }, t => {
  const folder = mkdtempSync(join(tmpdir(), 'flagcast-publint-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', FOLDER, '--json', '--offline', '--loglevel=error'], { cwd: folder, encoding: 'utf8' }))
  const run = (name, ...args) => execFileSync(FOLDER + '../test/node_modules/.bin/' + name, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  assert.match(run('publint', '--strict', filename), /All good!/)
  // It is of modules alone: Node.js 20 or newer, and every bundler of workers.
  run('attw', filename, '--profile', 'esm-only', '--no-color')
})

test('it compiles in a fresh strict project of TypeScript', { skip }, t => {
  const folder = mkdtempSync(join(tmpdir(), 'flagcast-typescript-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const npm = (...args) => execFileSync('npm', [...args, '--offline', '--loglevel=error'], { cwd: folder, encoding: 'utf8' })
  const [{ filename }] = JSON.parse(npm('pack', FOLDER, '--json'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  npm('install', './' + filename)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { strict: true, skipLibCheck: false, noEmit: true, target: 'es2022', module: 'nodenext', lib: ['es2022', 'webworker'], types: [] }, files: ['worker.ts']
  }))
  writeFileSync(join(folder, 'worker.ts'), `import { createFlags, kv, NotReadyError } from 'flagcast'
import stock from 'flagcast/entries/cloudflare'
const flags = createFlags({ source: kv(() => undefined, 'unleash-rules') })
export default {
  async fetch(request: Request, env: unknown, ctx: { waitUntil(promise: Promise<unknown>): void }): Promise<Response> {
    try {
      const view = await flags.view({ userId: '7' }, ctx)
      return new Response(view.isEnabled('new-checkout', true) ? 'new' : view.getVariant('x', { name: 'y', enabled: false }).name)
    } catch (e) {
      if (e instanceof NotReadyError) return stock.fetch(request, env, ctx)
      throw e
    }
  }
}
`)
  const tsc = join(dirname(load.resolve('typescript/package.json')), 'bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', '.'], { cwd: folder, encoding: 'utf8' })
})
