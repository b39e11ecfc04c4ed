// Bodies without an end, and how much of them was taken.
import { createServer } from 'node:http'

const CHUNK = Buffer.alloc(65536, ' ')
// Who reads it all is let go in the end, so that a test fails and does not hang.
const MOST = 256 << 20

/**
 * A server on loopback whose answers do not end.
 *
 * @param {Record<string, string>} [headers] of its answers
 * @returns {Promise<{ url: string, sent(): number, closed: Promise<void>, stop(): Promise<void> }>}
 *   sent: bytes that were handed to the network, for all answers; closed: the
 *   client has let go of the first one
 */
export async function startEndless(headers) {
  let sent = 0
  let release
  const closed = new Promise(resolve => { release = resolve })
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(200, headers)
    response.on('close', release)
    const more = () => {
      while (!response.destroyed && sent < MOST) {
        sent += CHUNK.length
        if (!response.write(CHUNK)) return
      }
      response.end()
    }
    response.on('drain', more)
    more()
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: 'http://127.0.0.1:' + server.address().port,
    sent: () => sent,
    closed,
    stop: () => new Promise(resolve => {
      server.close(resolve)
      server.closeAllConnections()
    })
  }
}

/**
 * The body of a request, made only as it is read.
 *
 * @returns {{ stream: ReadableStream, read(): number, cancelled(): boolean }} read: bytes
 */
export function endlessBody() {
  let read = 0
  let cancelled = false
  const stream = new ReadableStream({
    pull(controller) {
      if (read >= MOST) return controller.close()
      const chunk = new Uint8Array(1024).fill(32)
      read += chunk.length
      controller.enqueue(chunk)
    },
    cancel() { cancelled = true }
  }, { highWaterMark: 0 })
  return { stream, read: () => read, cancelled: () => cancelled }
}
