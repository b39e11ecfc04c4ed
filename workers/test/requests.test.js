// The vectors of requests, which the core's tests read, too.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { timeOf, valueOf } from '../src/context.js'
import { contextOf } from '../src/request.js'

const { times, queries } = JSON.parse(readFileSync(new URL('../../test/vectors/requests.json', import.meta.url), 'utf8'))

const ask = (query, init) => contextOf(new Request('https://pop.example/api/frontend?' + query, init))

test('a time counts wherever a context may have it; what is not a time counts as not given', async () => {
  for (const { text, at } of times) {
    const currentTime = encodeURIComponent(text)
    for (const context of [
      { currentTime: text },
      { properties: { currentTime: text } },
      await ask('currentTime=' + currentTime),
      await ask('properties[currentTime]=' + currentTime),
      await ask('', { method: 'POST', body: JSON.stringify({ context: { currentTime: text } }) }),
      await ask('', { method: 'POST', body: JSON.stringify({ properties: { currentTime: text } }) })
    ]) {
      const before = Date.now()
      const got = timeOf(context)
      if (at === null) assert.ok(got >= before && got <= Date.now(), JSON.stringify(text) + ' is ' + got)
      else assert.equal(got, at, text)
    }
  }
})

test('Dates and numbers are times', () => {
  assert.equal(timeOf({ currentTime: new Date(7) }), 7)
  assert.equal(timeOf({ currentTime: 1796040000000 }), 1796040000000)
  assert.equal(timeOf({ currentTime: String(new Date(1796040000000)) }), 1796040000000)
  for (const currentTime of [new Date(NaN), 7, null, true, ['2026-11-30'], {}]) assert.ok(timeOf({ currentTime }) > 1e12, String(currentTime))
})

test('no field of a query is dropped', async () => {
  for (const { query, fields } of queries) {
    const context = await ask(query)
    const names = new Set([...Object.keys(context), ...Object.keys(context.properties)])
    names.delete('properties')
    assert.deepEqual(Object.fromEntries([...names].map(name => [name, valueOf(context, name)])), fields, query)
  }
})
