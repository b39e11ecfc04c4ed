// Canary: Cloudflare Workers. A share of the sessions, by the rollout of the
// flag "canary-origin" with the stickiness sessionId, goes to a second origin;
// when that one fails, the usual one answers. KV is bound as FLAGS.
import { createViews, kv } from 'flagcast'

const CANARY = 'https://canary.example.com'
let flags

export default {
  async fetch(request, env, ctx) {
    flags = flags || createViews({ source: kv(env.FLAGS, 'unleash-rules') })
    if (!(await isCanary(request, ctx))) return fetch(request)
    const { pathname, search } = new URL(request.url)
    const response = await fetch(new Request(CANARY + pathname + search, request)).catch(() => null)
    if (response && response.status < 500) return response
    // What has a body, or changes something, is not sent twice.
    const again = request.method === 'GET' || request.method === 'HEAD'
    return again ? fetch(request) : response || new Response('The origin does not answer.', { status: 502 })
  }
}

async function isCanary(request, ctx) {
  try {
    const cookie = /(?:^|; )session=([^;]+)/.exec(request.headers.get('cookie') || '')
    const view = await flags.view({ sessionId: cookie ? cookie[1] : undefined }, ctx)
    return view.isEnabled('canary-origin')
  } catch (e) {
    return false // no flags yet
  }
}
