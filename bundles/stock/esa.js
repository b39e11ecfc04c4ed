// Alibaba Cloud ESA functions, with the flags in the script.
import { openHandler } from 'flagcast/flags.js'
import { bundle } from 'flagcast/sources.js'
import constant from 'flagcast/bundle'

const flags = openHandler({ source: bundle(constant), maxAgeMs: Infinity })

export default {
  fetch(request, env, ctx) {
    return flags.handler(request, ctx)
  }
}
