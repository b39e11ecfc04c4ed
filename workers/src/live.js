import { within } from './deadline.js'
import { RETRY_PAUSE, shown, tell } from './reader.js'
import { parseToggles } from './snapshot.js'

/**
 * Answers from a source that is asked for each request. Nothing is kept: where
 * it fails there are no answers, unless a chain has other sources, which are
 * read in the background as long as it answers.
 *
 * @param {import('./sources.js').Source} source
 * @param {import('./sources.js').Settings} settings
 */
export function createLive(source, { timeout, named }) {
  let answeredAt = 0
  let failedAt = 0
  let error = null // of the last request
  let behind = [] // steps of a chain

  // One that is away is not to cost every request its time.
  async function view(context, platform) {
    if (error && Date.now() - failedAt < RETRY_PAUSE) throw error
    try {
      const text = await within(source.get(context), timeout)
      if (text === null) throw new Error('the server has none itself')
      const answers = parseToggles(text)
      answeredAt = Date.now()
      error = null
      if (platform && platform.waitUntil) behind.forEach(step => platform.waitUntil(step.current(platform).catch(() => {})))
      return answers
    } catch (e) {
      error = tell(e, named && source)
      // A context that it does not like is no reason to leave it alone.
      if (!(e && e.status === 400)) failedAt = Date.now()
      throw error
    }
  }

  return {
    current: async platform => ({ open: true, view: context => view(context, platform) }),
    /** @param {import('./sources.js').Step[]} steps what answers where this one does not */
    before(steps) { behind = steps },
    status: () => ({
      source: source.name,
      ready: answeredAt > 0,
      ...shown(null),
      ageMs: answeredAt ? Date.now() - answeredAt : null,
      lastError: error && error.message
    })
  }
}
