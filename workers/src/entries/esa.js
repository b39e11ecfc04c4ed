// Alibaba Cloud ESA functions: set namespace and key as in the target. With the
// managed transform that adds it, clientIP is 'ali-real-client-ip'. For that,
// tokens and metrics see docs/workers.md.
import { openHandler } from '../flags.js'
import { edgekv } from '../sources.js'

const flags = openHandler({ source: edgekv({ namespace: 'flags', key: 'unleash-rules' }) })

export default {
  fetch(request, env, ctx) {
    return flags.handler(request, ctx)
  }
}
