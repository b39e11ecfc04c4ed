// Random input that can be had again: FLAGCAST_SEED, or another seed for each
// run. Tests print it.
export const SEED = Number(process.env.FLAGCAST_SEED || Date.now() % 1e9)

/** Numbers from 0 to n-1, the same for the same seed. */
export function random(seed = SEED) {
  let state = seed | 0
  return n => {
    state = state + 0x6d2b79f5 | 0
    let t = Math.imul(state ^ state >>> 15, 1 | state)
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
    return Math.floor(((t ^ t >>> 14) >>> 0) / 2 ** 32 * n)
  }
}
