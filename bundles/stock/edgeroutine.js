// Alibaba Cloud DCDN EdgeRoutine, with the flags in the script.
import { bundle, createFlags } from 'flagcast'
import constant from 'flagcast/bundle'

const flags = createFlags({ source: bundle(constant), maxAgeMs: Infinity })

addEventListener('fetch', event => {
  event.respondWith(flags.handler(event.request, event))
})
