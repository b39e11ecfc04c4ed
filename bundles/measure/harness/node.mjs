// Measures in Node.js where there is no workerd: a thread is a fresh isolate,
// and does nothing but its requests while the process's CPU time is read.
//
//   node node.mjs FOLDER    with stubs.mjs, script.mjs, empty.mjs and job.json
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

const ENDLESS = 'endless' // node.go knows it

const spent = before => {
  const { user, system } = process.cpuUsage(before)
  return user + system // microseconds
}

if (isMainThread) {
  const folder = process.argv[2]
  const job = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8'))
  const thread = order => new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { folder, job, ...order } })
    const end = (settle, value) => {
      worker.removeAllListeners('exit')
      clearTimeout(timer)
      worker.terminate().then(() => settle(value))
    }
    worker.once('message', message => end(resolve, message))
    worker.once('error', error => end(reject, error))
    worker.once('exit', () => end(reject, new Error('it has hung: nothing is left that could answer')))
    const timer = setTimeout(() => end(reject, new Error(ENDLESS)), 3 * job.patience)
  })
  const result = { engine: 'node ' + process.version, startup: [], emptyStartup: [], kinds: [] }
  const add = (message, of) => {
    result.startup.push(message.startup)
    result.emptyStartup.push(message.emptyStartup)
    of.first.push(message.first)
    of.emptyFirst.push(message.emptyFirst)
    if (message.warm) Object.assign(of, { warm: message.warm, emptyWarm: message.emptyWarm })
    if (message.answer.status >= 500) of.failure = message.answer.error || 'status ' + message.answer.status
  }
  try {
    for (let kind = 0; kind < job.kinds.length; kind++) {
      const of = { first: [], emptyFirst: [], warm: [], emptyWarm: [] }
      result.kinds.push(of)
      for (let i = 0; i < job.isolates; i++) add(await thread({ kind, from: Math.floor(i * job.kinds[kind].length / job.isolates), warm: i === job.isolates - 1, slowest: Math.max(0, ...of.first) }), of)
    }
  } catch (e) {
    result.failure = String(e && e.message || e)
  }
  console.log(JSON.stringify(result))
} else {
  const { folder, job, kind, from, warm, slowest } = workerData
  const at = name => pathToFileURL(join(folder, name)).href
  const { run } = await import(at('stubs.mjs'))

  // The first call loads what Node has of the web; the second one is what an
  // empty worker costs.
  const empty = await import(at('empty.mjs'))
  await run(empty, job, kind, from, 1)
  let before = process.cpuUsage()
  await import(at('empty.mjs') + '?again')
  const emptyStartup = spent(before)
  before = process.cpuUsage()
  await run(empty, job, kind, from, 1)
  const emptyFirst = spent(before)

  before = process.cpuUsage()
  const script = await import(at('script.mjs'))
  const startup = spent(before)
  before = process.cpuUsage()
  const answer = await run(script, job, kind, from, 1)
  const first = spent(before)

  const times = Math.min(Math.max(Math.floor(job.warmBatch / Math.max(first, slowest, 1)), 2), job.mostWarm)
  const batches = async module => {
    await run(module, job, kind, 0, job.coldBatches * times)
    const costs = []
    for (let i = 0; i < job.batches; i++) {
      before = process.cpuUsage()
      await run(module, job, kind, i * times, times)
      costs.push(spent(before) / times)
    }
    return costs
  }
  parentPort.postMessage({
    startup, emptyStartup, first, emptyFirst, answer,
    warm: warm && await batches(script), emptyWarm: warm && await batches(empty)
  })
}
