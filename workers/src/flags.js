import { createHandler } from './handler.js'
import { createUsage } from './usage.js'
import { openViews } from './views.js'

/**
 * Flags for the requests of one isolate, and the frontend API. Call it at
 * module scope: it does no I/O. Who needs no handler takes createViews, and
 * leaves its code out of the script.
 *
 * @param {object} options those of createViews and of createHandler; usage: those of
 *   createUsage, left out: usage is dropped
 */
export function createFlags(options) {
  const { answer, view, status } = openViews(options)
  const usage = options.usage && createUsage(options.usage)
  const full = () => ({ ...status(), usageError: usage ? usage.error() : null })
  return { view, handler: createHandler(answer, full, options, usage), status: full }
}
