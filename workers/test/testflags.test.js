import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testFlags } from '../src/index.js'

const VALUES = {
  on: true,
  off: false,
  blue: 'blue',
  price: { name: 'high', payload: { type: 'number', value: '9' } },
  ['__proto__']: true
}

test('flags are what the test says, whatever the context', async () => {
  const flags = testFlags(VALUES)
  for (const context of [undefined, {}, { userId: '7' }]) {
    const view = await flags.view(context)
    assert.deepEqual(view.all().map(t => [t.name, t.enabled]), [['on', true], ['off', false], ['blue', true], ['price', true], ['__proto__', true]])
    assert.equal(view.isEnabled('on'), true)
    assert.deepEqual(view.getVariant('on'), { name: 'disabled', enabled: false, feature_enabled: true, featureEnabled: true })
    assert.equal(view.isEnabled('off'), false)
    assert.deepEqual(view.getVariant('blue'), { name: 'blue', enabled: true, feature_enabled: true, featureEnabled: true })
    assert.deepEqual(view.getVariant('price').payload, { type: 'number', value: '9' })
    assert.equal(view.isEnabled('unknown'), false)
  }
})

test('the handler answers from them, with options', async () => {
  const flags = testFlags(VALUES, { tokens: ['t'] })
  const ask = headers => flags.handler(new Request('https://pop.example/api/frontend', { headers }))
  assert.equal((await ask()).status, 401)
  const response = await ask({ authorization: 't' })
  assert.deepEqual((await response.json()).toggles.map(t => t.name), ['on', 'blue', 'price', '__proto__'])
  const other = await testFlags({ on: true }).handler(new Request('https://pop.example/api/frontend'))
  assert.notEqual(other.headers.get('etag'), response.headers.get('etag'))
  assert.equal(flags.status().ready, true)
  assert.equal(flags.status().environment, 'test')
})
