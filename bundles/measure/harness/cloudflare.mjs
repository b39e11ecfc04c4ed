// Stands for cloudflare:workers, which has the bindings of a deployment.
export { env } from './stubs.mjs'

export const waitUntil = () => {}

export class WorkerEntrypoint {
  constructor(ctx, env) {
    this.ctx = ctx
    this.env = env
  }
}

export class DurableObject extends WorkerEntrypoint {}
