import { createFlags } from './flags.js'
import { digest } from './hash.js'
import { bundle } from './sources.js'

/**
 * Flags for a test of your worker, with values that the test says, whatever
 * the context.
 *
 * @param {Record<string, boolean | string | { name: string, payload?: { type: string, value: string } }>} values
 *   on or off, or the variant of a flag that is on
 * @param {object} [options] of createFlags
 */
export function testFlags(values, options) {
  const toggles = Object.entries(values).map(([name, value]) => {
    const enabled = value !== false
    const variant = typeof value === 'string' ? { name: value } : value
    const named = typeof value === 'boolean' ? { name: 'disabled', enabled: false } : { ...variant, enabled: true }
    return { name, enabled, variant: { ...named, feature_enabled: enabled, featureEnabled: enabled }, impressionData: false }
  })
  const flagcast = { format: 'evaluated/1', environment: 'test', target: 'test', seq: 0, digest: digest('', JSON.stringify(toggles)) }
  return createFlags({ ...options, source: bundle({ toggles, flagcast }) })
}
