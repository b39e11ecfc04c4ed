// The frontend API of Unleash at the PoP: Cloudflare Workers. Flags from KV,
// else those that the script was built with.
import { env } from 'cloudflare:workers'
import { bundle, chain, createFlags, kv } from 'flagcast'
import constant from 'flagcast/bundle'

const flags = createFlags({
  source: chain(kv(env.FLAGS, 'unleash-rules'), bundle(constant)),
  clientIP: 'cf-connecting-ip'
})

export default {
  fetch(request, bindings, ctx) {
    return flags.handler(request, ctx)
  }
}
