const own = Object.prototype.hasOwnProperty

/**
 * The value of a field in a context: at the top level, else among the
 * properties. Numbers and booleans count as they are written; null, lists and
 * objects are no values.
 *
 * @param {any} context flat, or in Unleash's shape
 * @param {string} name
 * @returns {string | null}
 */
export const valueOf = (function (context, name) {
  const value = text(context, name)
  return value === null ? text(member(context, 'properties'), name) : value
})

const text = (function (from, name) {
  const value = member(from, name)
  if (typeof value !== 'string') return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
  // A surrogate without its other half cannot be UTF-8: it counts as U+FFFD,
  // as wherever JSON is read. Engines that can tell it faster do.
  return value.isWellFormed && value.isWellFormed() ? value : value.replace(/[\ud800-\udfff]/gu, '\ufffd')
})

const member = (function (from, name) {
  return typeof from === 'object' && from !== null && own.call(from, name) ? from[name] : null
})

/**
 * The time of a context in milliseconds: its currentTime, at the top level or
 * among the properties, if that is a time, else now.
 *
 * @param {any} context
 */
export const timeOf = (function (context) {
  const given = member(context, 'currentTime') ?? member(member(context, 'properties'), 'currentTime')
  const time = typeof given === 'string' || given instanceof Date ? +new Date(given) : NaN
  return time === time ? time : Date.now()
})
