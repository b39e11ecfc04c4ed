// A/B test with a sticky cookie: DCDN EdgeRoutine. The flag "checkout-test" has
// variants, with the stickiness sessionId; the origin learns the variant from a
// header. EdgeKV is read first, then the flags that the script was built with.
import { bundle, chain, createViews, edgekv } from 'flagcast'
import constant from 'flagcast/bundle'

const flags = createViews({ source: chain(edgekv({ namespace: 'flags', key: 'unleash-rules' }), bundle(constant)) })

addEventListener('fetch', event => event.respondWith(handle(event)))

async function handle(event) {
  const { request } = event
  const cookie = /(?:^|; )visitor=([0-9a-z]{8,32})(?:;|$)/.exec(request.headers.get('cookie') || '')
  const visitor = cookie ? cookie[1] : Math.random().toString(36).slice(2).padEnd(8, '0')

  const view = await flags.view({ sessionId: visitor }, event)
  const headers = new Headers(request.headers)
  headers.set('x-checkout', view.isEnabled('checkout-test') ? view.getVariant('checkout-test').name : 'control')

  const answer = await fetch(new Request(request, { headers, redirect: 'manual' }))
  const response = new Response(answer.body, answer)
  if (!cookie) response.headers.append('set-cookie', 'visitor=' + visitor + '; Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Lax')
  return response
}
