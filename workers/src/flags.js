import { createHandler } from './handler.js'
import { openViews } from './views.js'

/**
 * Flags for the requests of one isolate, and the frontend API. Call it at
 * module scope: it does no I/O. Who needs no handler takes createViews, and
 * leaves its code out of the script.
 *
 * @param {object} options those of createViews and of createHandler
 */
export function createFlags(options) {
  const { answer, view, status } = openViews(options)
  const { handler, metricsError } = createHandler(answer, () => full(), options)
  const full = () => ({ ...status(), metricsError: metricsError() })
  return { view, handler, status: full }
}
