// The Unleash server with the engine of its delta protocol, and routes to it, which the
// open-source server does not have: /api/client/delta and /api/client/streaming, as SDKs
// ask for them. Authentication and filters are the server's.
import { pathToFileURL } from 'node:url'

const { start } = await import(pathToFileURL(`${process.argv[2]}/dist/lib/server-impl.js`))

const scopeOf = (user) => ({
  project: user.projects.includes('*') ? undefined : user.projects, environment: user.environment
})

await start({
  experimental: { flags: { deltaApi: true } },
  preRouterHook(app, _config, { clientFeatureToggleService: service }) {
    const since = async (user, id) => {
      const body = await service.getClientDelta(id, scopeOf(user))
      return body && { id: body.events.at(-1).eventId, data: JSON.stringify(body) }
    }
    app.get('/api/client/delta', async (req, res, next) => {
      try {
        const found = await since(req.user, Number(/\d+/.exec(req.headers['if-none-match'] ?? '')?.[0]) || undefined)
        if (!found) return res.status(304).end()
        res.set('ETag', `"${found.id}"`).type('json').send(found.data)
      } catch (error) { next(error) }
    })
    app.get('/api/client/streaming', async (req, res, next) => {
      try {
        res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
        let id = Number(req.headers['last-event-id']) || undefined
        const send = (event, found) => {
          id = found.id
          res.write(`id: ${id}\nevent: ${event}\ndata: ${found.data}\n\n`)
        }
        send('unleash-connected', await since(req.user, id) ?? { id, data: '{"events":[]}' })
        const update = async () => {
          const found = await since(req.user, id)
          if (found) send('unleash-updated', found)
        }
        service.clientFeatureToggleDelta.on('UPDATE_DELTA', update)
        res.on('close', () => service.clientFeatureToggleDelta.off('UPDATE_DELTA', update))
      } catch (error) { next(error) }
    })
  }
})
