// Kill switch: ESA functions. While the flag "stop-checkout" is on, nothing
// reaches the origin below /checkout. Without any flags the shop stays open.
import { createViews, edgekv } from 'flagcast'

const flags = createViews({ source: edgekv({ namespace: 'flags', key: 'unleash-rules' }) })

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url)
    if (pathname.startsWith('/checkout') && (await isStopped(ctx))) {
      return new Response('The checkout is closed for a moment.', { status: 503, headers: { 'retry-after': '60' } })
    }
    return fetch(request)
  }
}

async function isStopped(ctx) {
  try {
    return (await flags.view({}, ctx)).isEnabled('stop-checkout')
  } catch (e) {
    return false // no flags yet
  }
}
