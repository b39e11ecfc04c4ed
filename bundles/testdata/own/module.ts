import { createHash } from 'node:crypto'
import { bundle, createFlags } from 'flagcast'
import constant, { digest } from 'flagcast/bundle'
import { text } from 'package'
import { answer, type Answer } from './lib/answer'

const flags = createFlags({ source: bundle(constant), maxAgeMs: Infinity })

export default {
  async fetch(request: Request): Promise<Response> {
    const view = await flags.view({ userId: new URL(request.url).searchParams.get('user') ?? undefined })
    const body: Answer = answer(view.isEnabled('checkout'), text)
    return new Response(JSON.stringify(body), { headers: { etag: createHash('sha256').update(digest).digest('hex') } })
  }
}
