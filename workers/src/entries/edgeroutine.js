// Alibaba Cloud DCDN EdgeRoutine: set namespace and key as in the target. For
// tokens and metrics see docs/workers.md.
import { createFlags } from '../flags.js'
import { edgekv } from '../sources.js'

const flags = createFlags({ source: edgekv({ namespace: 'flags', key: 'unleash-rules' }) })

addEventListener('fetch', event => {
  event.respondWith(flags.handler(event.request, event))
})
