import { bundle, createFlags } from 'flagcast'
import constant from 'flagcast/bundle'
import { text } from 'package'
import { answer } from './lib/answer'

const flags = createFlags({ source: bundle(constant), maxAgeMs: Infinity })

addEventListener('fetch', event => event.respondWith(handle(event)))

async function handle(event) {
  const view = await flags.view({ userId: new URL(event.request.url).searchParams.get('user') }, event)
  return new Response(JSON.stringify(answer(view.isEnabled('checkout'), text)))
}
