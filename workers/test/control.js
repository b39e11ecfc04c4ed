// Stands before a worker under test: a clock that nothing but the test moves,
// timers that a test may hurry, and the way to the EdgeKV shim. A plain script,
// like the shim. control() gives the answer to a request of the test itself,
// else undefined.
const control = (() => {
  let now = Date.UTC(2026, 0, 2)
  Date.now = () => now
  const timer = setTimeout
  let hurry = 1
  globalThis.setTimeout = (fn, ms) => timer(fn, ms / hurry)

  const commands = {
    async tick(request) {
      now += Number(await request.text())
    },
    async hurry(request) {
      hurry = Number(await request.text())
    },
    async put(request) {
      const { namespace, key, value } = await request.json()
      await new EdgeKV({ namespace }).put(key, value)
    },
    async plant(request) {
      const { namespace, key } = Object.fromEntries(new URL(request.url).searchParams)
      edgekvShim.plant(namespace, key, await request.text())
    },
    async behave(request) {
      edgekvShim.behave(await request.json())
    },
    reads: () => edgekvShim.reads
  }

  return request => {
    const [, name] = /^\/control\/(\w+)$/.exec(new URL(request.url).pathname) || []
    if (!name && globalThis.edgekvShim) edgekvShim.begin()
    return name && (async () => new Response(JSON.stringify(await commands[name](request))))()
  }
})();
