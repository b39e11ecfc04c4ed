export { createFlags, NotReadyError } from './flags.js'
export { edgekv, kv } from './sources.js'
