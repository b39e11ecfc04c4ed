// Turns definitions into rules/1 snapshots, by flagcast's own command.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

let command
let running = 0
const waiting = []

/**
 * @param {object | string} definitions the body of /api/client/features, or of a delta
 * @param {{ known?: Record<string, string>, absent?: string[], as?: 'json' | 'esm' }} [options]
 *   known and absent: the static context
 * @returns {Promise<string>} the text of a snapshot, or of a module with it
 */
export async function encode(definitions, { known = {}, absent = [], as = 'json' } = {}) {
  command = command || build()
  const fields = [...Object.entries(known).map(([name, value]) => name + '=' + value), ...absent]
  const input = typeof definitions === 'string' ? definitions : JSON.stringify(definitions)
  // A few at once; the others wait.
  if (running === 4) await new Promise(resolve => waiting.push(resolve))
  else running++
  try {
    return await run(['export', '--from', '-', '--format', 'rules', '--as', as, ...fields.flatMap(field => ['--context', field])], input)
  } finally {
    if (waiting.length > 0) waiting.shift()()
    else running--
  }
}

/**
 * Runs flagcast, and gives its standard output; it has to end well.
 *
 * @param {string[]} args
 * @param {{ input?: string, env?: Record<string, string> }} [options]
 * @returns {Promise<string>}
 */
export function flagcast(args, { input = '', env } = {}) {
  command = command || build()
  return run(args, input, env)
}

function run(args, input, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env } })
    const out = { stdout: '', stderr: '' }
    for (const name of Object.keys(out)) {
      child[name].setEncoding('utf8')
      child[name].on('data', chunk => { out[name] += chunk })
    }
    child.stdin.on('error', () => {}) // it has ended, and says why
    child.on('error', reject)
    child.on('close', code => code === 0 ? resolve(out.stdout) : reject(new Error('flagcast ' + args[0] + ': ' + out.stderr)))
    child.stdin.end(input)
  })
}

function build() {
  const folder = mkdtempSync(join(tmpdir(), 'flagcast-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'flagcast')
  execFileSync('go', ['build', '-o', path, './cmd/flagcast'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] })
  return path
}
