/**
 * A promise that rejects when another has not ended in time. What that one
 * does goes on; the platform ends it with its request. Without a timer there is
 * no end: not every platform has them, and DCDN and ESA refuse one for longer
 * than the request may take, and the 17th of a request.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms Infinity for no end
 * @returns {Promise<T>}
 */
export const within = (function (promise, ms) {
  let timer
  const late = new Promise((_, reject) => {
    try {
      if (ms < Infinity) timer = setTimeout(() => reject(new Error('no answer within ' + ms + ' ms')), ms)
    } catch (e) {
      // The read is better without a deadline than not made.
    }
  })
  return Promise.race([promise, late]).finally(() => timer && clearTimeout(timer))
})
