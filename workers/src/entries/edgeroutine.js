// Alibaba Cloud DCDN EdgeRoutine: set namespace and key as in the target. For
// tokens and metrics see docs/workers.md.
import { openHandler } from '../flags.js'
import { edgekv } from '../sources.js'

const flags = openHandler({ source: edgekv({ namespace: 'flags', key: 'unleash-rules' }) })

addEventListener('fetch', event => {
  event.respondWith(flags.handler(event.request, event))
})
