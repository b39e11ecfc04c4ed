// Each line with "wrong" has to be refused: see types.test.js.
import { createFlags, createViews, edgekv, testFlags, whenStale } from 'flagcast'

interface MyFlags {
  checkout: {}
  price: { high: 'json' }
}

const source = edgekv({ namespace: 'flags', key: 'k' })
const view = await createFlags<MyFlags>({ source }).view()
view.isEnabled('chekout') // wrong
view.getVariant('prise') // wrong
if (view.getVariant('price').name === 'hihg') view.all() // wrong
if (view.getVariant('checkout').name === 'high') view.all() // wrong
testFlags<MyFlags>({ chekout: true }) // wrong
whenStale<MyFlags>({ flags: { chekout: 'off' } }) // wrong
whenStale<MyFlags>({ flags: { checkout: 'of' } }) // wrong
createFlags({ maxAgeMs: 1 }) // wrong
createFlags({ source, maxage: 1 }) // wrong
createFlags({ source, usage: { url: 'u' } }) // wrong
createViews({ source, tokens: [] }) // wrong
createViews({ source }).handler(new Request('x')) // wrong
edgekv({ key: 'k' }) // wrong
createFlags({ source }).view({ userID: '7' }) // wrong
view.isEnabled('checkout', 'yes') // wrong
view.getVariant('checkout', 'blue') // wrong
