import { OFF, ON } from './rules.js'

const CHOICES = ['keep', 'off', 'on']

/**
 * What becomes of flags when their publisher has been away for long, for the
 * option onStale. It can be told only where the target has a heartbeat; what is
 * pinned has none.
 *
 * @param {{ after?: number, flags: Record<string, 'keep' | 'off' | 'on'> }} options
 *   after: age in milliseconds, counted from publishedAt, or from when this
 *   isolate first read the snapshot where that was earlier; three heartbeats at
 *   least
 * @returns {(snapshot: import('./snapshot.js').Snapshot) => import('./snapshot.js').Snapshot}
 *   what to answer from: the same one while it is not stale
 */
export function whenStale({ after = 0, flags }) {
  const choices = new Map()
  for (const [name, choice] of Object.entries(flags)) {
    if (!CHOICES.includes(choice)) throw new TypeError('whenStale: ' + name + ' is one of ' + CHOICES.join(', '))
    if (choice !== 'keep') choices.set(name, choice === 'on')
  }
  let made = null // { from, snapshot }
  return function (snapshot) {
    const { heartbeat, pinned, publishedAt, seen } = snapshot
    // A publishedAt in the future says nothing about age: seen does.
    const age = Date.now() - Math.min(Date.parse(publishedAt), seen)
    if (!heartbeat || pinned || !(age > Math.max(after, 3000 * heartbeat))) return snapshot
    if (!made || made.from !== snapshot) made = { from: snapshot, snapshot: replaced(snapshot, choices) }
    return made.snapshot
  }
}

// Another digest, since it is the entity tag.
function replaced(snapshot, choices) {
  return {
    ...snapshot,
    stale: true,
    digest: snapshot.digest + '-stale',
    lists: {},
    view(context, options) {
      const answers = snapshot.view(context, options)
      const toggle = name => decide(name, answers.toggle(name), choices.get(name))
      return {
        toggle,
        all() {
          const listed = answers.all()
          const names = new Set(listed.map(t => t.name))
          const added = [...choices.keys()].filter(name => !names.has(name)).map(toggle).filter(Boolean)
          return listed.map(t => decide(t.name, t, choices.get(t.name))).concat(added)
        }
      }
    }
  }
}

function decide(name, toggle, on) {
  // A flag that is on anyway keeps its variant; one that is not listed is off anyway.
  if (on === undefined || (toggle ? toggle.enabled === on : !on)) return toggle
  return { name, enabled: on, variant: on ? ON : OFF, impressionData: toggle !== undefined && toggle.impressionData }
}
