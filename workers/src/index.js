export { createFlags, NotReadyError } from './flags.js'
export { bundle, edgekv, kv } from './sources.js'
