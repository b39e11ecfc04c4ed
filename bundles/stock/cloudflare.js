// Cloudflare Workers, with the flags in the script.
import { bundle, createFlags } from 'flagcast'
import constant from 'flagcast/bundle'

const flags = createFlags({ source: bundle(constant), maxAgeMs: Infinity, clientIP: 'cf-connecting-ip' })

export default {
  fetch(request, env, ctx) {
    return flags.handler(request, ctx)
  }
}
