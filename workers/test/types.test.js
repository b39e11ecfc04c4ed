// index.d.ts against TypeScript itself: what is right compiles, what is wrong
// does not; and it declares what index.js exports.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as index from '../src/index.js'
import { SRC, need } from './parts.js'

const { skip, load } = need('typescript')

const path = name => fileURLToPath(new URL('./types/' + name, import.meta.url))

/** The lines of a file that TypeScript has something against. */
function faults(file) {
  const ts = load('typescript')
  const program = ts.createProgram([file], {
    strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es2022.d.ts', 'lib.webworker.d.ts'], types: [], paths: { flagcast: [SRC + 'index.d.ts'] }
  })
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) =>
    ({ line: file ? file.getLineAndCharacterOfPosition(start).line : -1, text: ts.flattenDiagnosticMessageText(messageText, ' ') }))
}

test('what is right compiles', { skip }, () => {
  assert.deepEqual(faults(path('good.ts')), [])
})

test('what is wrong does not: a misspelt flag is a fault', { skip }, () => {
  const lines = readFileSync(path('bad.ts'), 'utf8').split('\n')
  const wrong = lines.flatMap((line, i) => line.endsWith('// wrong') ? [i] : [])
  assert.deepEqual([...new Set(faults(path('bad.ts')).map(fault => fault.line))], wrong)
})

test('every export is declared, and nothing else', () => {
  const declared = [...readFileSync(SRC + 'index.d.ts', 'utf8').matchAll(/^export (?:function|class) (\w+)/gm)].map(match => match[1])
  assert.deepEqual(declared.sort(), Object.keys(index).sort())
})
