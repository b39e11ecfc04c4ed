/**
 * The text of a body, which is cancelled where it has more bytes than it may:
 * by its content-length before anything is read, else as it arrives.
 *
 * @param {Request | Response} message
 * @param {number} [most] bytes, as they are once a content encoding is undone;
 *   by default more than any context or metrics have
 * @returns {Promise<string>}
 */
export const textOf = (async function ({ body, headers }, most = 65536) {
  if (!body) return ''
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  let left = headers.get('content-length') > most ? -1 : most
  while (left >= 0) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    left -= value.length
    text += decoder.decode(value, { stream: true })
  }
  reader.cancel().catch(() => {})
  throw new Error('the body has more than ' + most + ' bytes')
})
