// Runs a worker in Node.js: job.json says how, and script.mjs or script.js is the
// worker. It writes {"event":"listen","port":N} when it answers.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'

const job = JSON.parse(readFileSync(new URL('job.json', import.meta.url), 'utf8'))

// Standard output is for the port.
for (const name of ['log', 'info', 'debug']) console[name] = (...args) => console.error(...args)

// A binding of Workers KV.
const namespace = {
  async get(key, options) {
    const type = typeof options === 'string' ? options : options && options.type || 'text'
    const response = await fetch(job.store + encodeURIComponent(key))
    if (response.status === 404) return null
    if (type === 'stream') return response.body
    return response[type]()
  },
  async put(key, value) {
    const response = await fetch(job.store + encodeURIComponent(key), { method: 'PUT', body: await new Response(value).arrayBuffer() })
    if (!response.ok) throw new Error(await response.text())
  },
  async delete(key) {
    await fetch(job.store + encodeURIComponent(key), { method: 'DELETE' })
  }
}

let answer
if (job.listener) {
  globalThis.addEventListener = (type, listener) => {
    if (type !== 'fetch') return
    answer = (request, waitUntil) => new Promise((resolve, reject) => {
      let responded = false
      listener({ request, waitUntil, respondWith: response => { responded = true; Promise.resolve(response).then(resolve, reject) } })
      if (!responded) reject(new Error('the listener has not called respondWith'))
    })
  }
  for (const [name, value] of Object.entries(job.vars || {})) globalThis[name] = value
  await import('./script.js')
} else {
  await import('./edgekv.mjs')
  const worker = (await import('./script.mjs')).default
  const env = { ...job.vars }
  for (const name of job.bindings || []) env[name] = namespace
  answer = (request, waitUntil) => worker.fetch(request, env, { waitUntil, passThroughOnException() {} })
}

const server = createServer(async (incoming, outgoing) => {
  try {
    const hasBody = incoming.method !== 'GET' && incoming.method !== 'HEAD'
    const headers = new Headers()
    for (let i = 0; i < incoming.rawHeaders.length; i += 2) headers.append(incoming.rawHeaders[i], incoming.rawHeaders[i + 1])
    const request = new Request('http://' + (incoming.headers.host || 'localhost') + incoming.url, {
      method: incoming.method, headers, body: hasBody ? Readable.toWeb(incoming) : undefined, duplex: 'half'
    })
    const response = await answer(request, promise => { Promise.resolve(promise).catch(e => console.error(e)) })
    outgoing.writeHead(response.status, [...response.headers].flat())
    if (response.body) Readable.fromWeb(response.body).pipe(outgoing)
    else outgoing.end()
  } catch (e) {
    console.error(e)
    if (!outgoing.headersSent) outgoing.writeHead(500, { 'Content-Type': 'text/plain' })
    outgoing.end('the worker has failed: ' + (e && e.message || e) + '\n')
  }
})
server.listen(0, '127.0.0.1', () => process.stdout.write(JSON.stringify({ event: 'listen', port: server.address().port }) + '\n'))
