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

/**
 * A rules snapshot, as flagcast export wrote it: canary is on for half of all
 * users, with the variant a or b; the others are on for the country cn, in the
 * year 2030, by a draw of one half, for addresses in 10.0.0.0/8, and in
 * production. The hidden parent is on for user 7, child follows it.
 *
 * @param {object} [meta] members of "flagcast" that differ
 */
export function rulesText(meta) {
  return JSON.stringify({
    rules: {
      names: ['canary', 'child', 'country', 'dated', 'drawn', 'off', 'office', 'parent', 'plain', 'production'].join('\x7f'),
      flags: [[[52], [0, 0, 'x']], [[1], 0, 0, [[7, 1]]], [1, 0], [1, 1], 254, 0, [1, 2], [1, 3], 1, [1, 4]],
      fields: ['userId', 'sessionId', 'remoteAddress', 'country', 'environment'],
      values: ["\x7f7\x80'\x7f", '', '', '\x7fcn\x80$\x7f', '\x7fproduction\x80(\x7f'],
      stickies: [[0], [0, 1, 2, -1], [-1]],
      shares: [],
      conditions: [[0, 3], [8, 4, 1893456000000], [11, 2, [8, 167772160]], [0, 0], [0, 4]],
      shapes: [[1, 0, ['a', 'b'], [500, 500]]],
      impressions: [8],
      hidden: [7]
    },
    flagcast: { format: 'rules/1', environment: 'production', target: 'web', revision: 7, digest: 'digest-1', seq: 1, ...meta }
  })
}
