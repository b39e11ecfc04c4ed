// What flagcast export makes of 'flagcast/bundle': the flags of the script. Only
// its --entry knows the module; elsewhere export --as esm writes one.

export const digest: string
export const environment: string
/** The snapshot as JSON. */
export const text: string
/** The snapshot, parsed at the first call. */
export function snapshot(): { readonly flagcast: { readonly format: string; readonly environment: string; readonly digest: string; readonly revision: number } }
declare const constant: typeof snapshot & { readonly digest: string; readonly environment: string; readonly text: string }
/** What bundle() takes: snapshot(), with the others as its members. */
export default constant
