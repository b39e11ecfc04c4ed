// Cloudflare Workers: bind a KV namespace as FLAGS. Variables, all optional:
// FLAGCAST_KEY, the key of the target ("unleash-rules"); FLAGCAST_MAX_AGE_MS, ms
// before KV is read again (30000); FLAGCAST_TOKENS, tokens that are let in,
// with commas between; FLAGCAST_USAGE_URL and FLAGCAST_USAGE_TOKEN, the
// core or Unleash, and a frontend token of it.
import { openHandler } from '../flags.js'
import { kv } from '../sources.js'

let flags

export default {
  fetch(request, env, ctx) {
    // The first request makes them; env exists only within one.
    flags = flags || openHandler({
      source: kv(env.FLAGS, env.FLAGCAST_KEY || 'unleash-rules'),
      clientIP: 'cf-connecting-ip',
      maxAgeMs: env.FLAGCAST_MAX_AGE_MS >= 0 ? Number(env.FLAGCAST_MAX_AGE_MS) : undefined,
      tokens: env.FLAGCAST_TOKENS === undefined ? undefined : env.FLAGCAST_TOKENS.split(','),
      usage: env.FLAGCAST_USAGE_URL && { url: env.FLAGCAST_USAGE_URL, token: env.FLAGCAST_USAGE_TOKEN }
    })
    return flags.handler(request, ctx)
  }
}
