// The frontend API of Unleash at the PoP: ESA functions. Flags from EdgeKV,
// else those that the script was built with.
import { bundle, chain, createFlags, edgekv } from 'flagcast'
import constant from 'flagcast/bundle'

const flags = createFlags({ source: chain(edgekv({ namespace: 'flags', key: 'unleash-rules' }), bundle(constant)) })

export default {
  fetch(request, env, ctx) {
    return flags.handler(request, ctx)
  }
}
