// The frontend API of Unleash at the PoP: DCDN EdgeRoutine. Flags from EdgeKV,
// else those that the script was built with.
import { bundle, chain, createFlags, edgekv } from 'flagcast'
import constant from 'flagcast/bundle'

const flags = createFlags({ source: chain(edgekv({ namespace: 'flags', key: 'unleash-rules' }), bundle(constant)) })

addEventListener('fetch', event => {
  event.respondWith(flags.handler(event.request, event))
})
