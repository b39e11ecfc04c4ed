// Snapshots as the publisher writes them (edgecore/snapshot), and a clock.

const OFF = { name: 'disabled', enabled: false }

/** One flag of an evaluated snapshot. */
export function toggle(name, enabled = true, variant = OFF) {
  return {
    name,
    enabled,
    variant: { ...variant, feature_enabled: enabled, featureEnabled: enabled },
    impressionData: false
  }
}

export const BLUE = { name: 'blue', enabled: true, payload: { type: 'json', value: '{"price":1.5}' } }

/** On, off, with a variant, and names that are hard to carry. */
export const TOGGLES = [
  toggle('new-feature'),
  toggle('old-checkout', false),
  toggle('price', true, BLUE),
  toggle('__proto__', false),
  toggle('constructor'),
  toggle('größe/名前 100%')
]

/**
 * The text of an evaluated snapshot.
 *
 * @param {object} [meta] members of "flagcast" that differ
 * @param {object[]} [toggles]
 */
export function snapshotText(meta, toggles = TOGGLES) {
  const seq = (meta && meta.seq) || 1
  return JSON.stringify({
    toggles,
    flagcast: {
      format: 'evaluated/1',
      environment: 'production',
      target: 'cn-simple',
      revision: 7,
      digest: 'digest-' + seq,
      seq,
      publishedAt: '2026-01-02T03:04:05.678Z',
      ...meta
    }
  })
}

/** A snapshot with the flag new-feature alone. */
export function oneFlag(seq, enabled) {
  return snapshotText({ seq }, [toggle('new-feature', enabled)])
}

/**
 * Replaces Date.now until the test ends.
 *
 * @param {import('node:test').TestContext} t
 */
export function fakeClock(t) {
  let now = Date.UTC(2026, 0, 2)
  t.mock.method(Date, 'now', () => now)
  return { tick: ms => { now += ms } }
}

/**
 * A source whose reads the test ends.
 *
 * @returns {{ name: string, get(): Promise<string | null>, reads: { resolve(text: string | null): void, reject(e: unknown): void }[] }}
 */
export function manualSource() {
  const reads = []
  return {
    name: 'manual',
    reads,
    get: () => new Promise((resolve, reject) => reads.push({ resolve, reject }))
  }
}

/** A source that answers with what `answer` is now; an Error rejects. */
export function fixedSource(answer = null) {
  const source = {
    name: 'fixed',
    answer,
    count: 0,
    async get() {
      source.count++
      if (source.answer instanceof Error) throw source.answer
      return source.answer
    }
  }
  return source
}

/** A platform that notes what it is to wait for. Like the real ones, its method fails when it is taken out of it. */
export class Platform {
  #waiting = []

  waitUntil(promise) {
    this.#waiting.push(promise)
  }

  get count() {
    return this.#waiting.length
  }

  settled() {
    return Promise.all(this.#waiting)
  }
}
