// A server on loopback for what workers fetch.
import { createServer } from 'node:http'

/**
 * @typedef {{ method: string, path: string, search: string, headers: Record<string, string>, body: string }} Asked
 * @typedef {{ status?: number, headers?: Record<string, string>, body?: string }} Answer
 * @returns {Promise<{ url: string, texts: Record<string, string>, answer(path: string, how: (asked: Asked) => Answer | Promise<Answer>): void, stop(): Promise<void> }>}
 *   answer says what a path answers, 404 without it; texts is a place for what tests put there
 */
export async function startReceiver() {
  const answers = new Map()
  const server = createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url, 'http://receiver')
    let body = ''
    request.setEncoding('utf8')
    for await (const chunk of request) body += chunk
    const how = answers.get(pathname)
    const { status = 200, headers, body: text } = how ? await how({ method: request.method, path: pathname, search, headers: request.headers, body }) : { status: 404 }
    response.writeHead(status, headers).end(text)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: 'http://127.0.0.1:' + server.address().port,
    texts: {},
    answer: (path, how) => answers.set(path, how),
    stop: () => new Promise(resolve => {
      server.close(resolve)
      server.closeAllConnections()
    })
  }
}
