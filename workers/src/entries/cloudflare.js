// Cloudflare Workers: bind a KV namespace as FLAGS. The variable FLAGCAST_KEY
// names the key of the target, "unleash-flags" by default; FLAGCAST_MAX_AGE is
// how long a snapshot is kept before KV is read again, in ms, 30000 by default.
import { createFlags } from '../flags.js'
import { kv } from '../sources.js'

let flags

export default {
  fetch(request, env, ctx) {
    // The first request makes them; env exists only within one.
    flags = flags || createFlags({
      source: kv(env.FLAGS, env.FLAGCAST_KEY || 'unleash-flags'),
      clientIP: 'cf-connecting-ip',
      maxAge: env.FLAGCAST_MAX_AGE >= 0 ? Number(env.FLAGCAST_MAX_AGE) : undefined
    })
    return flags.handler(request, ctx)
  }
}
