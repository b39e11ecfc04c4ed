/** A stock worker in the form of a module; that of EdgeRoutine exports nothing and calls addEventListener. */
declare const worker: {
  fetch(request: Request, env: any, ctx: any): Promise<Response>
}
export default worker
