/** createFlags of "flagcast", with a handler that answers OFREP too: see docs/openfeature.md. */
export { createFlags } from './index.js'
