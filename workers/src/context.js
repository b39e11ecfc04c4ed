const own = {}.hasOwnProperty

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
  return text(context, name) ?? text(member(context, 'properties'), name)
})

const text = (function (from, name) {
  const value = member(from, name)
  if (typeof value !== 'string') return /^[bn]/.test(typeof value) ? String(value) : null
  // A surrogate without its other half cannot be UTF-8: it counts as U+FFFD,
  // as wherever JSON is read.
  return value.replace(/[\ud800-\udfff]/gu, '\ufffd')
})

const member = (function (from, name) {
  return Object(from) === from && own.call(from, name) ? from[name] : null
})

/**
 * The time of a context in milliseconds: its currentTime, at the top level or
 * among the properties, as a Date, its text, the
 * digits of those milliseconds, or RFC 3339, also without an offset or a time: UTC
 * then. A blank stands for T, and for the plus that a query turns into one. Else
 * now.
 *
 * @param {any} context
 */
export const timeOf = (function (context) {
  const given = member(context, 'currentTime') ?? member(member(context, 'properties'), 'currentTime')
  const text = valueOf(context, 'currentTime')
  const [, date, time = '00:00', zone = 'Z'] = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+ -][0-2]\d:?\d\d)?)?$/.exec(text) || []
  const at = new Date(given instanceof Date ? given : /^\d{12,14}$/.test(text) ? +text
    : /^\w{3} \w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT[+-]\d{4}/.test(text) ? text : date + 'T' + time + zone.replace(' ', '+')).getTime()
  return isNaN(at) ? Date.now() : at
})
