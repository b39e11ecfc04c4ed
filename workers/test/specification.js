// Unleash's client specification, from npm.
import { need } from './parts.js'

const { skip, load } = need('@unleash/client-specification/package.json')

/** Why it cannot be had, or false. */
export { skip }

/** How many cases version 6.1.0 has. */
export const CASES = 279

/**
 * Its files.
 *
 * @returns {{ state: object, tests: { name: string, flag: string, context: object, want: { enabled: boolean, variant?: object } }[] }[]}
 */
export function specification() {
  const folder = '@unleash/client-specification/specifications/'
  return load(folder + 'index.json').map(file => {
    const { state, tests = [], variantTests = [] } = load(folder + file)
    const one = ({ description, toggleName, context }, want) => ({ name: file + ': ' + description, flag: toggleName, context, want })
    return {
      state,
      tests: [
        ...tests.map(each => one(each, { enabled: each.expectedResult })),
        ...variantTests.map(each => one(each, { enabled: each.expectedResult.feature_enabled, variant: both(each.expectedResult) }))
      ]
    }
  })
}

const both = variant => ({ ...variant, featureEnabled: variant.feature_enabled })
