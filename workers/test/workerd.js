// Runs a worker script in workerd, through miniflare.
import { readFileSync } from 'node:fs'
import { need } from './parts.js'

const CONTROL = read('control.js')
const EDGEKV = read('edgekvshim.js')

/**
 * The script runs as it is, with no compatibility flags; control.js takes the
 * test's own requests off before it sees them. EdgeKV comes into being after
 * the top level of the script has run: some builds have none there.
 *
 * @param {string} script
 * @param {{ serviceWorker?: boolean, edgekv?: boolean, kv?: string[], vars?: object, date?: string, outbound?: (request: Request) => Promise<Answer> | Answer }} [options]
 *   serviceWorker: the form with addEventListener, else it is a module;
 *   kv: names of KV namespaces; date: the compatibility date; outbound: what
 *   answers its subrequests, instead of the network
 * @typedef {{ status?: number, headers?: Record<string, string>, body?: string }} Answer
 */
export async function startWorker(script, { serviceWorker, edgekv, kv, vars, date = '2024-01-01', outbound } = {}) {
  const { Miniflare, Response } = need('miniflare').load('miniflare')
  const shim = edgekv ? EDGEKV : ''
  const miniflare = new Miniflare({
    host: '127.0.0.1',
    cf: false, // else it asks the network where it is
    telemetry: { enabled: false },
    compatibilityDate: date,
    kvNamespaces: kv,
    bindings: vars,
    ...(outbound && {
      async outboundService(request) {
        const { body, ...init } = await outbound(request)
        return new Response(body, init)
      }
    }),
    ...(serviceWorker ? { script: CONTROL + LISTENER + script + '\n' + shim } : modules(script, shim))
  })
  const url = await miniflare.ready.catch(async e => {
    await miniflare.dispose() // else it keeps the process alive
    throw e
  })

  async function command(name, body) {
    const response = await fetch(new URL('/control/' + name, url), { method: 'POST', body })
    if (response.status !== 200) throw new Error(name + ': ' + (await response.text()))
    const text = await response.text()
    return text === '' ? undefined : JSON.parse(text)
  }

  return {
    url: url.href,
    stop: () => miniflare.dispose(),
    fetch: (path, init) => fetch(new URL(path, url), init),
    get: async path => (await fetch(new URL(path, url))).json(),
    /** The KV namespace that the worker reads. */
    kv: name => miniflare.getKVNamespace(name),
    tick: ms => command('tick', String(ms)),
    /** From now on timers go so many times as fast. */
    hurry: times => command('hurry', String(times)),
    plantEdgeKV: (namespace, key, text) => command('plant?' + new URLSearchParams({ namespace, key }), text),
    putEdgeKV: (namespace, key, value) => command('put', JSON.stringify({ namespace, key, value })),
    behave: changes => command('behave', JSON.stringify(changes)),
    reads: () => command('reads')
  }
}

const LISTENER = `
addEventListener('fetch', event => {
  const answer = control(event.request)
  if (answer) {
    event.stopImmediatePropagation()
    event.respondWith(answer)
  }
});
`

function modules(script, shim) {
  const main = `import worker from './worker.mjs'
${CONTROL}
${shim}
export default { fetch: (request, env, ctx) => control(request) || worker.fetch(request, env, ctx) }`
  return {
    modulesRoot: '/',
    modules: [
      { type: 'ESModule', path: '/main.mjs', contents: main },
      { type: 'ESModule', path: '/worker.mjs', contents: script }
    ]
  }
}

function read(name) {
  return readFileSync(new URL('./' + name, import.meta.url), 'utf8')
}

/**
 * Asks until the answer is good: what a request leaves to waitUntil is done
 * some time after its response.
 *
 * @template T
 * @param {() => Promise<T>} ask
 * @param {(answer: T) => boolean} good
 * @param {string} what
 */
export async function eventually(ask, good, what) {
  const deadline = performance.now() + 10000
  for (;;) {
    const answer = await ask()
    if (good(answer)) return answer
    await new Promise(setImmediate) // what is asked may stand in this process
    if (performance.now() > deadline) throw new Error(what + ': not within 10 s; the last answer was ' + JSON.stringify(answer))
  }
}
