// The worker that workerd runs: the script under measurement, called from
// within, so that many requests are one of workerd's.
import { run } from './stubs.mjs'
import job from './job.json'
import * as script from './script.mjs'

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url)
    const number = name => Number(searchParams.get(name))
    return Response.json(await run(script, job, number('kind'), number('from'), number('times')))
  }
}
