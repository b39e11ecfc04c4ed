// A worker in workerd with one KV namespace, and miniflare's local explorer,
// which serves Cloudflare's REST API of that namespace. Arguments: the folder
// of miniflare, the id of the namespace. Writes the address to standard output
// as one line and ends with standard input.
import { createRequire } from 'node:module'

const [folder, namespace] = process.argv.slice(2)
const { Miniflare } = createRequire(import.meta.url)(folder)

const script = `export default {
  async fetch(request, env) {
    const key = new URL(request.url).pathname.slice(1)
    return Response.json(await env.FLAGS.getWithMetadata(key, 'text'))
  }
}`

const miniflare = new Miniflare({
  modules: true,
  script,
  host: '127.0.0.1',
  compatibilityDate: '2026-07-01',
  kvNamespaces: { FLAGS: namespace },
  unsafeLocalExplorer: true,
  telemetry: { enabled: false }
})
console.log(String(await miniflare.ready))
process.stdin.resume()
process.stdin.on('end', async () => {
  await miniflare.dispose()
  process.exit(0)
})
