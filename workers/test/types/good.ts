// It has to compile: see types.test.js.
import { bundle, chain, core, createFlags, createViews, edgekv, http, kv, testFlags, whenStale } from 'flagcast'
import { createFlags as createWithOFREP } from 'flagcast/ofrep'
import type { Flags, Source, Status, Toggle, Variant } from 'flagcast'

interface MyFlags {
  checkout: {}
  price: { high: 'json'; low: 'string'; none: null }
}

createWithOFREP({ source: kv(() => undefined, 'k') }).handler(new Request('https://worker.example'))
const anything = createFlags({ source: edgekv({ namespace: 'flags', key: 'k' }) })
const typed = createFlags<MyFlags>({
  source: chain(kv(() => undefined, 'k', { cacheTtl: 60 }), http('https://cdn.example/flags', { headers: {} }), core('https://flagcast.example', 't'), bundle('{}')),
  maxAgeMs: 1000,
  timeout: 1000,
  tokens: ['t'],
  statusPath: '',
  clientIP: 'x',
  usage: { url: 'https://flagcast.example', token: 't', sample: 0.1, interval: 1000 },
  onStale: whenStale<MyFlags>({ after: 1000, flags: { checkout: 'off' } })
})
const tested: Flags<MyFlags> = testFlags<MyFlags>({ checkout: true, price: { name: 'high', payload: { type: 'json', value: '{}' } } }, { tokens: [] })
const own: Source = { name: 'mine', get: async () => null }

export async function use(request: Request): Promise<Response> {
  const loose = await anything.view({ userId: 7, properties: { country: 'cn' } }, { waitUntil() {} })
  const whatever: boolean = loose.isEnabled('whatever')
  const variant: Variant = loose.getVariant('whatever')
  const view = await typed.view()
  const on: boolean = view.isEnabled('checkout')
  const price = view.getVariant('price')
  const list: Toggle[] = view.all()
  if (price.name === 'high') {
    const type: 'json' = price.payload.type
    return new Response(type)
  }
  if (price.name === 'disabled' && price.feature_enabled) return tested.handler(request)
  const status: Status = createViews<MyFlags>({ source: own }).status()
  return new Response([whatever, variant.name, on, list.length, status.seq].join())
}
