// The vectors of docs/evaluation.md, through rules/1 snapshots.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { before, test } from 'node:test'
import { parseSnapshot } from '../src/snapshot.js'
import { encode } from './encode.js'

const FOLDER = new URL('../../test/vectors/', import.meta.url)

let vectors
before(async () => {
  const files = readdirSync(FOLDER).filter(name => name.endsWith('.json'))
  const lists = files.map(name => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')).vectors)
  vectors = await Promise.all(lists.flat().map(async vector => ({ ...vector, snapshot: parseSnapshot(await encode(vector.state)) })))
})

test('every case of every vector', () => {
  let count = 0
  for (const { name, snapshot, cases } of vectors) {
    cases.forEach(({ context, time, seed = '', toggle, enabled, variant }, i) => {
      const got = snapshot.view(context, { time: time && Date.parse(time), seed }).toggle(toggle)
      const where = name + ', case ' + i
      assert.equal(got ? got.enabled : false, enabled, where)
      if (variant !== undefined) assert.equal(got ? got.variant.name : 'disabled', variant, where)
      count++
    })
  }
  console.log('vectors in JavaScript: ' + vectors.length + ' with ' + count + ' cases, through rules/1')
  assert.ok(count > 0)
})
