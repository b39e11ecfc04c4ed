// Authentication gate: DCDN EdgeRoutine. Everybody has to log in, unless the
// flag "open-house" is on. What fails keeps the gate shut: no flags, another
// format, a login service that is away. The context has nothing in it that a
// visitor can claim.
import { createViews, edgekv } from 'flagcast'

const CHECK = 'https://login.example.com/check'
const LOGIN = 'https://login.example.com/?back='
const flags = createViews({ source: edgekv({ namespace: 'flags', key: 'unleash-rules' }) })

addEventListener('fetch', event => event.respondWith(handle(event)))

async function handle(event) {
  const { request } = event
  if ((await isOpen(event)) || (await isKnown(request))) return fetch(request)
  return new Response(null, { status: 302, headers: { location: LOGIN + encodeURIComponent(request.url), 'cache-control': 'no-store' } })
}

async function isOpen(event) {
  try {
    return (await flags.view({}, event)).isEnabled('open-house')
  } catch (e) {
    return false
  }
}

async function isKnown(request) {
  const cookie = request.headers.get('cookie')
  if (!cookie) return false
  try {
    return (await fetch(CHECK, { headers: { cookie }, redirect: 'manual' })).status === 200
  } catch (e) {
    return false
  }
}
