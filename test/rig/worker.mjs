// Runs one worker in workerd, with KV namespaces and miniflare's local
// explorer, which serves Cloudflare's REST API of them. The only argument is
// the JSON that worker.go writes. It prints the address of the worker as one
// line, and ends with its standard input, so that it never outlives a test.
import { createRequire } from 'node:module'

const options = JSON.parse(process.argv[2])
const require = createRequire(options.modules + '/')
const { Miniflare } = require('miniflare')

let script = options.script
if (options.entry) {
  const built = await require('esbuild').build({
    entryPoints: [options.entry],
    bundle: true,
    write: false,
    target: 'es2020',
    format: options.serviceWorker ? 'iife' : 'esm'
  })
  script = built.outputFiles[0].text
}

const miniflare = new Miniflare({
  script: (options.prelude || '') + script,
  modules: !options.serviceWorker,
  host: '127.0.0.1',
  compatibilityDate: '2026-07-01',
  kvNamespaces: options.kv,
  bindings: options.vars,
  unsafeLocalExplorer: true,
  telemetry: { enabled: false }
})
console.log('worker at ' + (await miniflare.ready))

process.stdin.resume()
process.stdin.on('end', async () => {
  await miniflare.dispose()
  process.exit(0)
})
