// CPU time of workerd that flagcast's runtime and unleash-client take to read
// flags and to answer. workerd's own clock stands still within a request, so
// the kernel's accounting of its threads counts.
//
//   node test/bench/worker.mjs [--rounds N] [--json]
//
// Cold: a new process, and so a new isolate, for every figure; what the same
// requests cost a worker that does nothing is subtracted, request by request.
// Peers take turns. Linux only.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { encode } from '../../workers/test/encode.js'
import { contexts, definitions, samples } from './generate.mjs'

const require = createRequire(new URL('../package.json', import.meta.url))
const esbuild = require('esbuild')
const workerd = require('workerd').default

const option = (name, usual) => {
  const at = process.argv.indexOf('--' + name)
  return at < 0 ? usual : Number(process.argv[at + 1])
}
const ROUNDS = option('rounds', 5)
const BATCH = 200 // passes of one warm request
const MOST_BYTES = 5632

/** What a worker under measurement is, beside its subject (workers below). */
const HARNESS = `
import text from 'data'
import { open } from 'subject'
const contexts = ${JSON.stringify(contexts)}
let answer // of an isolate that is warm
let turn = 0
const told = variant => [variant.name, variant.feature_enabled, variant.payload && variant.payload.value].join(' ')
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url)
    let result = 0
    if (pathname === '/one') result = open(text).one(contexts[0], searchParams.get('name'))
    if (pathname === '/all') result = open(text).all(contexts[0]).length
    if (pathname === '/check') {
      answer = open(text)
      result = contexts.map(context => answer.all(context).map(toggle => toggle.variant || toggle).map(told).sort().join()).join(';')
    }
    if (pathname === '/warm') {
      answer = answer || open(text)
      for (let i = 0; i < ${BATCH}; i++) result += answer.all(contexts[turn++ % contexts.length]).length
    }
    return new Response(String(result))
  }
}`

// Peers have to agree about all variants.
const SUBJECTS = {
  empty: 'export const open = () => ({ one: () => 0, all: () => [] })',
  flagcast: `
    import { parseSnapshot } from ${JSON.stringify(source('snapshot.js'))}
    export const open = text => {
      const snapshot = parseSnapshot(text)
      return {
        one: (context, name) => snapshot.view(context).toggle(name).variant.name.length,
        all: context => snapshot.view(context).all()
      }
    }`,
  'unleash-client': `
    import Client from 'unleash-client/lib/client.js'
    import { defaultStrategies } from 'unleash-client/lib/strategy'
    const fallback = { name: 'disabled', enabled: false }
    export const open = text => {
      const { features, segments } = JSON.parse(text)
      const byName = new Map(features.map(feature => [feature.name, feature]))
      const byId = new Map(segments.map(segment => [segment.id, segment]))
      const client = new Client({ getToggle: name => byName.get(name), getSegment: id => byId.get(id) }, defaultStrategies)
      return {
        one: (context, name) => client.getVariant(name, context, fallback).name.length,
        all(context) {
          const toggles = []
          for (const { name } of features) toggles.push(client.getVariant(name, context, fallback))
          return toggles
        }
      }
    }`
}

function source(name) {
  return fileURLToPath(new URL('../../workers/src/' + name, import.meta.url))
}

/** Links a worker; the snapshot stays a module of its own, as text. */
async function link(subject) {
  const built = await esbuild.build({
    stdin: { contents: HARNESS, resolveDir: fileURLToPath(new URL('..', import.meta.url)) },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2020',
    logLevel: 'error',
    external: ['data'],
    ...(subject === 'unleash-client' && { target: 'es2022', platform: 'node', mainFields: ['module', 'main'] }),
    plugins: [{
      name: 'subject',
      setup(build) {
        build.onResolve({ filter: /^subject$/ }, () => ({ path: 'subject', namespace: 'subject' }))
        build.onLoad({ filter: /^subject$/, namespace: 'subject' }, () => ({
          contents: SUBJECTS[subject], resolveDir: fileURLToPath(new URL('..', import.meta.url))
        }))
        // CommonJS asks for node's modules by require, which workerd does not have.
        build.onResolve({ filter: /^[\w:/]+$/ }, ({ path, kind }) => {
          if (!isBuiltin(path)) return
          return kind === 'require-call' ? { path: 'node:' + path.replace('node:', ''), namespace: 'builtin' } : { path, external: true }
        })
        build.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
          contents: 'import * as all from ' + JSON.stringify(path) + '; module.exports = all.default || all'
        }))
      }
    }]
  })
  return built.outputFiles[0].text
}

/** One workerd with one worker. */
class Process {
  static async start(folder) {
    const self = new Process()
    self.child = spawn(workerd, ['serve', join(folder, 'config.capnp'), '--socket-addr', 'http=127.0.0.1:0', '--control-fd', '3'], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe']
    })
    const events = self.child.stdio[3]
    events.setEncoding('utf8')
    let seen = ''
    for await (const chunk of events) {
      seen += chunk
      const found = /"port":(\d+)/.exec(seen)
      if (found) {
        self.url = 'http://127.0.0.1:' + found[1]
        return self
      }
    }
    throw new Error('workerd did not start')
  }

  async ask(path) {
    const response = await fetch(this.url + path)
    const text = await response.text()
    if (response.status !== 200) throw new Error(path + ': ' + response.status + ' ' + text)
    return text
  }

  /** CPU time of a request in microseconds, with what it leaves to other threads. */
  async cost(path) {
    const before = await this.settled()
    this.last = await this.ask(path)
    return (await this.settled()) - before
  }

  async settled() {
    let now = this.cpu()
    for (;;) {
      await new Promise(resolve => setTimeout(resolve, 15))
      const later = this.cpu()
      if (later - now < 20) return later
      now = later
    }
  }

  cpu() {
    let sum = 0
    const tasks = '/proc/' + this.child.pid + '/task/'
    for (const task of readdirSync(tasks)) sum += cpuOf(tasks + task)
    return sum
  }

  stop() {
    return new Promise(resolve => {
      this.child.once('exit', resolve)
      this.child.kill('SIGKILL')
    })
  }
}

// CPU time of a thread in microseconds. Kernels have one of these files.
function cpuOf(task) {
  try {
    return Number(readFileSync(task + '/schedstat', 'utf8').split(' ')[0]) / 1000
  } catch (e) {
    return Number(/se\.sum_exec_runtime\s*:\s*([\d.]+)/.exec(readFileSync(task + '/sched', 'utf8'))[1]) * 1000
  }
}

async function sizeOf(contents) {
  const built = await esbuild.build({ stdin: { contents, resolveDir: source('') }, bundle: true, minify: true, write: false, format: 'esm', target: 'es2020' })
  return gzipSync(built.outputFiles[0].contents, { level: 9 }).length
}

const stat = values => {
  const sorted = [...values].sort((a, b) => a - b)
  return { min: round(sorted[0]), median: round(sorted[sorted.length >> 1]) }
}

const round = value => Math.round(value * 10) / 10

const text = JSON.stringify(definitions(1000))
const data = { 'empty': '', 'flagcast': await encode(text), 'unleash-client': text }
const root = mkdtempSync(join(tmpdir(), 'flagcast-bench-'))
const folders = {}

for (const subject of Object.keys(SUBJECTS)) {
  const folder = folders[subject] = mkdtempSync(join(root, subject))
  const script = await link(subject)
  writeFileSync(join(folder, 'worker.mjs'), script)
  writeFileSync(join(folder, 'data'), data[subject])
  writeFileSync(join(folder, 'config.capnp'), `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const main :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs"), (name = "data", text = embed "data")],
  compatibilityDate = "2026-07-01",
  compatibilityFlags = [${subject === 'unleash-client' ? '"nodejs_compat"' : ''}]
);
`)
}

/** Costs of paths in a new process. */
async function cold(subject, ...paths) {
  const process = await Process.start(folders[subject])
  try {
    const costs = []
    for (const path of paths) costs.push(await process.cost(path))
    return { costs, answer: process.last }
  } finally {
    await process.stop()
  }
}

const names = Object.keys(SUBJECTS)
const agree = {}

/** By subject: the costs of the last of some paths over the rounds. */
async function compare(paths, label) {
  const costs = Object.fromEntries(names.map(name => [name, []]))
  for (let i = 0; i < ROUNDS; i++) {
    for (const name of names) {
      const result = await cold(name, ...paths)
      costs[name].push(result.costs[result.costs.length - 1])
      agree[name + label] = result.answer
    }
  }
  if (agree['flagcast' + label] !== agree['unleash-client' + label]) {
    throw new Error(label + ': flagcast says ' + agree['flagcast' + label] + ', unleash-client ' + agree['unleash-client' + label])
  }
  return costs
}

/** A figure of costs from which those of the empty worker are subtracted, as `go run .` prints them. */
function figure(what, ours, peer, bar) {
  const ratio = round(peer.min / ours.min)
  return { what, unit: 'us', ours, peer, named: 'unleash-client', ratio, bar: 'at least ' + bar + ' times', met: ratio >= bar }
}

const over = (costs, empty) => ({ min: round(costs.min - empty.min), median: round(costs.median - empty.median) })

const figures = []
try {
  const one = { flagcast: [], 'unleash-client': [] }
  for (const name of samples) {
    const costs = await compare(['/nothing', '/one?name=' + name], 'one ' + name)
    const empty = stat(costs.empty)
    for (const subject of Object.keys(one)) one[subject].push(over(stat(costs[subject]), empty))
  }
  // The median over the flags of each flag's minimum, and of its median.
  const middle = list => ({ min: stat(list.map(x => x.min)).median, median: stat(list.map(x => x.median)).median })
  figures.push(figure('cold: parse and one flag (median over 20 flags)', middle(one.flagcast), middle(one['unleash-client']), 10))

  const costs = await compare(['/nothing', '/all'], 'all')
  const empty = stat(costs.empty)
  figures.push(figure('cold: parse and all 1,000 flags', over(stat(costs.flagcast), empty), over(stat(costs['unleash-client']), empty), 4))

  // Warm: the same processes in turns, after as many passes to get warm.
  const running = {}
  for (const name of names) running[name] = await Process.start(folders[name])
  if (await running.flagcast.ask('/check') !== await running['unleash-client'].ask('/check')) throw new Error('the answers differ')
  const warm = Object.fromEntries(names.map(name => [name, []]))
  for (let i = -5; i < 3 * ROUNDS; i++) {
    for (const name of names) {
      const cost = await running[name].cost('/warm')
      if (i >= 0) warm[name].push(cost / BATCH)
    }
  }
  for (const name of names) await running[name].stop()
  figures.push(figure('warm: all 1,000 flags with variants', over(stat(warm.flagcast), stat(warm.empty)), over(stat(warm['unleash-client']), stat(warm.empty)), 4))
} finally {
  rmSync(root, { recursive: true, force: true })
}

const bytes = await sizeOf("export { createViews } from './views.js'; export { kv } from './sources.js'")
figures.push({ what: 'createViews, a source and the evaluator, gzipped', unit: 'bytes', ours: { min: bytes, median: bytes }, bar: 'at most ' + MOST_BYTES, met: bytes <= MOST_BYTES })

if (process.argv.includes('--json')) console.log(JSON.stringify(figures, null, 2))
else {
  for (const { what, unit, ours, peer, named, ratio, bar, met } of figures) {
    console.log(what.padEnd(50) + ' ' + ours.min + ' ' + unit + ' (median ' + ours.median + ')' +
      (peer ? '  ' + named + ' ' + peer.min + ' (median ' + peer.median + ')  ratio ' + ratio : '') + '  bar: ' + bar + ', ' + (met ? 'met' : 'MISSED'))
  }
}
