/**
 * A promise that rejects when another has not ended in time. What that one
 * does goes on; the platform ends it with its request.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms Infinity for no end
 * @returns {Promise<T>}
 */
export const within = (function (promise, ms) {
  // Not every platform says that it has timers.
  if (ms === Infinity || typeof setTimeout !== 'function') return promise
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer within ' + ms + ' ms')), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
})
