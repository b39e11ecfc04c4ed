import { textOf } from './body.js'
import { createLive } from './live.js'
import { LONGEST } from './snapshot.js'

/**
 * A snapshot behind an address: an object of OSS, or what a CDN has cached.
 * What has not changed is not sent again.
 *
 * @param {string} url
 * @param {{ headers?: Record<string, string> }} [options] headers of the request
 * @returns {import('./sources.js').Source}
 */
export function http(url, options) {
  const headers = (options && options.headers) || {}
  let known = null // { etag, text }: the last answer
  return {
    name: 'http',
    // A signed address has its signature behind the question mark.
    at: url.replace(/[?#].*/s, ''),
    async get() {
      const condition = known && known.etag ? { 'if-none-match': known.etag } : {}
      const response = await fetch(url, { redirect: 'manual', headers: { ...headers, ...condition } })
      if (response.status === 304 && known) return known.text
      if (response.status === 404) return null
      if (response.status !== 200) throw refusal('the address of the snapshot', response)
      const text = await textOf(response, LONGEST)
      known = { etag: response.headers.get('etag'), text }
      return text
    }
  }
}

/**
 * The answers of the core (or of Unleash, or Unleash Edge) for the context of
 * each request.
 *
 * @param {string} url of the server; /api at its end is dropped
 * @param {string} token a frontend token
 * @returns {import('./sources.js').Source}
 */
export function core(url, token) {
  const address = endpoint(url, '')
  const source = {
    name: 'core',
    open: settings => [createLive(source, settings)],
    async get(context) {
      const response = await post(address, token, { context: context || {} })
      // It has no flags itself yet.
      if (response.status === 503) return null
      if (response.status !== 200) throw refusal('the core', response)
      return textOf(response, LONGEST)
    }
  }
  return source
}

/**
 * @param {string} url of a server; /api at its end is dropped
 * @param {string} path below /api/frontend
 */
export const endpoint = (url, path) => url.replace(/(\/api)?\/*$/, '') + '/api/frontend' + path

/**
 * @param {string} address
 * @param {string} token
 * @param {object} body
 */
export const post = (address, token, body) =>
  fetch(address, { method: 'POST', redirect: 'manual', headers: { authorization: token, 'content-type': 'application/json' }, body: JSON.stringify(body) })

/**
 * @param {string} who
 * @param {Response} response
 * @returns {Error & { status?: number }}
 */
export function refusal(who, { status }) {
  const why = /40[13]/.test(status) ? ': is the token, or the address, still good?' : /30[^04]/.test(status) ? ': redirects are not followed' : ''
  return Object.assign(new Error(who + ' answers ' + status + why), { status })
}
