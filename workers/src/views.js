import { createReader } from './reader.js'
import { checkOptions } from './options.js'
import { OFF } from './rules.js'

/** There has been no snapshot to read since this isolate started. */
export class NotReadyError extends Error {
  get name() { return 'NotReadyError' }
}

/**
 * Flags for the requests of one isolate, without the frontend API. Call it at
 * module scope: it does no I/O.
 *
 * @param {{ source: import('./sources.js').Source, maxAgeMs?: number, timeout?: number, onStale?: Function }} options
 *   maxAgeMs: milliseconds before the source is read again, 30,000 by default.
 *   timeout: milliseconds that a request waits for a read of its own, 4,000 by
 *   default, less than the shortest time-out of a route (ESA: 5 s); the sources of a chain have equal parts of it. onStale: see whenStale
 */
export function createViews(options) {
  checkOptions(options, ['source', 'maxAgeMs', 'timeout', 'onStale'])
  const { answer, status } = openAnswers(options)
  return { view: viewsOf(answer), status }
}

/** What views and the handler answer from. */
export function openAnswers({ source, maxAgeMs = 30000, timeout = 4000, onStale }) {
  const settings = { maxAgeMs, timeout, onStale }
  const steps = source.open ? source.open(settings) : [createReader([source], settings)]
  let serving = steps[0]

  /**
   * The answers for one request, from the first step that has some.
   *
   * @param {(environment?: string) => any} contextOf called at most once
   * @param {object} [platform]
   */
  const answer = (async function (contextOf, platform) {
    const failures = []
    let context
    for (const step of steps) {
      let snapshot
      try {
        snapshot = await step.current(platform)
      } catch (e) {
        failures.push(e.message)
        continue
      }
      // What a context is wrong with is no failure of a source.
      if (snapshot.open && context === undefined) context = await contextOf(snapshot.environment)
      try {
        const answers = await snapshot.view(context)
        serving = step
        return { snapshot, answers }
      } catch (e) {
        failures.push(e.message)
      }
    }
    throw new NotReadyError('no flags yet: ' + failures.join('; '))
  })

  /** How this isolate is doing: what it serves, how old it is, what failed. */
  function status() {
    const errors = steps.map(step => step.status().lastError).filter(Boolean)
    return { ...serving.status(), lastError: errors.join('; ') || null }
  }

  return { answer, status }
}

/**
 * The flags for one request: from one snapshot, for one time and one seed.
 * The context of an evaluated snapshot was fixed when it was published; this
 * one is ignored then.
 *
 * @param {object} [context] flat, or in Unleash's shape
 * @param {{ waitUntil?: (promise: Promise<unknown>) => void }} [platform]
 */
export const viewsOf = answer => async function (context, platform) {
  const { answers } = await answer(() => context || {}, platform)
  return {
    /**
     * @param {string} name
     * @param {boolean} [fallback] for a flag that does not exist; only rules say which do
     */
    isEnabled(name, fallback) {
      const toggle = answers.toggle(name)
      return toggle ? toggle.enabled : !!(answers.complete && fallback)
    },
    /**
     * @param {string} name
     * @param {object} [fallback] the same, a variant
     */
    getVariant(name, fallback) {
      const toggle = answers.toggle(name)
      return toggle ? toggle.variant : answers.complete && fallback || OFF
    },
    all: answers.all
  }
}
