// What the peers' workers have in common: the request of the frontend API, and
// its answer.

/** @param {Request} request */
export function contextOf(request) {
  const { pathname, searchParams } = new URL(request.url)
  const context = { properties: {} }
  for (const [key, value] of searchParams) {
    const property = /^properties\[(.*)\]$/.exec(key)
    if (property) context.properties[property[1]] = value
    else context[key] = value
  }
  const name = pathname.split('/features/')[1]
  return { context, name: name && decodeURIComponent(name) }
}

export const json = value => new Response(JSON.stringify(value), { headers: { 'content-type': 'application/json' } })
