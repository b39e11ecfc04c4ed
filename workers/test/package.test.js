// The package as npm would install it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../', import.meta.url))

test('it has no dependencies, its types, and nothing of the tests', t => {
  const manifest = JSON.parse(readFileSync(FOLDER + 'package.json', 'utf8'))
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies', 'scripts']) assert.equal(manifest[kind], undefined)
  const folder = mkdtempSync(join(tmpdir(), 'flagcast-package-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const npm = (...args) => execFileSync('npm', [...args, '--offline', '--loglevel=error'], { cwd: folder, encoding: 'utf8' })
  const [{ filename, files }] = JSON.parse(npm('pack', FOLDER, '--json'))
  const paths = files.map(file => file.path)
  for (const path of ['package.json', 'README.md', 'src/index.js', 'src/index.d.ts', 'src/entries/esa.js']) assert.ok(paths.includes(path), path)
  assert.deepEqual(paths.filter(path => !path.startsWith('src/')).sort(), ['README.md', 'package.json'])

  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  npm('install', './' + filename)
  writeFileSync(join(folder, 'run.js'), `import { testFlags } from 'flagcast'
const view = await testFlags({ checkout: 'blue' }).view()
console.log(view.getVariant('checkout').name)`)
  assert.equal(execFileSync(process.execPath, ['run.js'], { cwd: folder, encoding: 'utf8' }), 'blue\n')
})
