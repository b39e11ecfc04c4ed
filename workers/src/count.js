import { createUsage } from './usage.js'

/**
 * The same flags, whose views count what they decide, as an SDK does: each
 * isEnabled and getVariant is a yes or a no of its flag, getVariant counts its
 * variant too. Counts are added up in the isolate, within the bounds of
 * createUsage, and sent through waitUntil by a later view. Scripts that do not
 * import this have nothing of it.
 *
 * @template {{ view: Function, status(): object }} F
 * @param {F} flags of createFlags or createViews
 * @param {{ url: string, token: string, appName?: string, sample?: number, interval?: number }} usage
 *   those of createUsage; appName: under which Unleash lists the worker
 * @returns {F}
 */
export function countViews(flags, usage) {
  const { keep, forward, error } = createUsage(usage)
  const { appName = 'flagcast-worker', sample = 1 } = usage

  async function view(context, platform) {
    const view = await flags.view(context, platform)
    const sent = forward()
    if (platform && platform.waitUntil) platform.waitUntil(sent)
    if (Math.random() >= sample) return view
    const count = (name, yes, variants) =>
      keep('metrics', { appName, bucket: { toggles: { [name]: { yes: +yes, no: +!yes, variants } } } })
    return {
      ...view,
      isEnabled(name, fallback) {
        const on = view.isEnabled(name, fallback)
        count(name, on)
        return on
      },
      getVariant(name, fallback) {
        const variant = view.getVariant(name, fallback)
        count(name, variant.feature_enabled, { [variant.name]: 1 })
        return variant
      }
    }
  }

  return { ...flags, view, status: () => ({ ...flags.status(), viewsError: error() }) }
}
