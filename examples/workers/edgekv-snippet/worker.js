// One flag from EdgeKV, without any runtime: DCDN EdgeRoutine. The target has
// format: evaluated/1, so that its answers are the same for everybody.
addEventListener('fetch', event => event.respondWith(handle(event.request)))

async function handle(request) {
  const path = (await isOn('new-feature', false)) ? '/new' : '/old'
  return fetch(new URL(path, request.url).href, { redirect: 'follow' })
}

async function isOn(name, otherwise) {
  try {
    // Without a type it would be a stream; a missing key is undefined.
    const text = await new EdgeKV({ namespace: 'flags' }).get('unleash-flags', { type: 'text' })
    if (text === undefined) return otherwise
    const toggle = JSON.parse(text).toggles.find(t => t.name === name)
    return toggle !== undefined && toggle.enabled
  } catch (e) {
    return otherwise // EdgeKV failed, or holds something else
  }
}
