// Alibaba Cloud DCDN EdgeRoutine, with the flags in the script.
import { openHandler } from 'flagcast/flags.js'
import { bundle } from 'flagcast/sources.js'
import constant from 'flagcast/bundle'

const flags = openHandler({ source: bundle(constant), maxAgeMs: Infinity })

addEventListener('fetch', event => {
  event.respondWith(flags.handler(event.request, event))
})
