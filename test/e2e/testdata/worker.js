// A worker of a user's own, in EdgeRoutine's form: EDGE, UNLEASH, CORE and
// TOKEN are variables; ASK is "yes" where the core is asked before EdgeKV.
import { chain, core, createFlags, edgekv } from '../../../workers/src/index.js'

const stored = edgekv({ namespace: 'flags', key: 'unleash-rules' })

const flags = createFlags({
  source: ASK === 'yes' ? chain(core(CORE, TOKEN), stored) : stored,
  maxAgeMs: 0,
  timeout: 4000,
  usage: { url: UNLEASH, token: TOKEN, interval: 0 }
})

addEventListener('fetch', event => event.respondWith(flags.handler(event.request, event)))
