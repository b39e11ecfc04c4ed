/**
 * @typedef {{ name: string, enabled: boolean, payload?: { type: string, value: string }, feature_enabled: boolean, featureEnabled: boolean }} Variant
 * @typedef {{ name: string, enabled: boolean, variant: Variant, impressionData: boolean }} Toggle
 * @typedef {{ seq: number, digest: string, format: string, publishedAt?: string, environment?: string, target?: string, toggles: Toggle[], byName: Map<string, Toggle> }} Snapshot
 */

const FORMAT = 'evaluated/1'

/**
 * Reads a published snapshot. It throws an Error that says what is wrong with
 * a text that is cut off, is something else, or has a format of the future.
 *
 * @param {string} text
 * @returns {Snapshot}
 */
export function parseSnapshot(text) {
  let document
  try {
    document = JSON.parse(text)
  } catch (e) {
    throw new Error('the stored snapshot is not JSON, or cut off: ' + text.length + ' characters')
  }
  const meta = document && document.flagcast
  // The digest is the entity tag: without one every snapshot would be the same.
  if (!meta || typeof meta.seq !== 'number' || typeof meta.digest !== 'string' || meta.digest === '') {
    throw new Error('what is stored was not published by flagcast')
  }
  if (meta.format !== FORMAT) {
    throw new Error('the stored snapshot has the format ' + meta.format + ', this worker reads ' + FORMAT + ': deploy a newer worker, or publish ' + FORMAT)
  }
  if (!Array.isArray(document.toggles)) {
    throw new Error('the stored snapshot has no list of toggles')
  }
  // A Map: flags may be called __proto__ or constructor.
  const byName = new Map()
  for (const toggle of document.toggles) byName.set(toggle.name, toggle)
  return {
    seq: meta.seq,
    digest: meta.digest,
    format: meta.format,
    publishedAt: meta.publishedAt,
    environment: meta.environment,
    target: meta.target,
    toggles: document.toggles,
    byName
  }
}
