/**
 * Throws for options that are none, where they would be ignored, or fail in each
 * request.
 *
 * @param {Record<string, any>} options
 * @param {string[]} names those that there are
 */
export function checkOptions(options, names) {
  const { source } = options || {}
  if (!source || !source.get) throw new TypeError('invalid source: want kv(), bundle(constant), or such')
  for (const name in options) {
    if (!names.includes(name)) throw new TypeError('unknown option ' + name + ': want ' + names)
  }
}
