import { createHandler } from './handler.js'
import { checkOptions } from './options.js'
import { createUsage } from './usage.js'
import { openAnswers, viewsOf } from './views.js'

/**
 * Flags for the requests of one isolate, and the frontend API. Call it at
 * module scope: it does no I/O. Who needs no handler takes createViews, and
 * leaves its code out of the script.
 *
 * @param {object} options those of createViews and of createHandler; usage: those of
 *   createUsage, left out: usage is dropped
 */
export function createFlags(options) {
  return createWith(openHandler, options)
}

/** What createFlags makes, with a handler of this or another module. */
export function createWith(open, options) {
  checkOptions(options, ['source', 'maxAgeMs', 'timeout', 'onStale', 'tokens', 'statusPath', 'clientIP', 'usage'])
  const { answer, handler, status } = open(options)
  return { view: viewsOf(answer), handler, status }
}

/** The frontend API without views and without a check of the options, for the stock workers. */
export function openHandler(options) {
  const { answer, status } = openAnswers(options)
  const usage = options.usage && createUsage(options.usage)
  const full = () => ({ ...status(), usageError: usage ? usage.error() : null })
  return { answer, handler: createHandler(answer, full, options, usage), status: full, usage }
}
