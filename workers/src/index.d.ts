/** Where a worker reads its snapshot: the stored text, null when nothing is stored; a failure rejects. */
export interface Source {
  readonly name: string
  get(): Promise<string | null>
}

/** It may be shared with other requests. */
export interface Variant {
  readonly name: string
  readonly enabled: boolean
  readonly payload?: { readonly type: string; readonly value: string }
  readonly feature_enabled: boolean
  readonly featureEnabled: boolean
}

/** It may be shared with other requests. */
export interface Toggle {
  readonly name: string
  readonly enabled: boolean
  readonly variant: Variant
  readonly impressionData: boolean
}

/** As in Unleash's SDKs, or flat: the top level counts before properties. Numbers and booleans count as they are written. */
export interface Context {
  userId?: string | number
  sessionId?: string | number
  remoteAddress?: string
  environment?: string
  appName?: string
  /** Instead of now. */
  currentTime?: string | Date
  properties?: Record<string, string | number | boolean | null | undefined>
  [field: string]: unknown
}

/** What a platform gives with a request: Cloudflare's ctx, EdgeRoutine's event. */
export interface Platform {
  waitUntil?(promise: Promise<unknown>): void
}

/** By flag and variant the type of the payload, null for none: what flagcast types writes, or any. */
export type AnyFlags = Record<string, Record<string, string | null>>

interface NamedVariant<Name, Type> {
  readonly name: Name
  readonly enabled: true
  readonly payload: Type extends string ? { readonly type: Type; readonly value: string } : undefined
  readonly feature_enabled: true
  readonly featureEnabled: true
}

interface NoVariant {
  readonly name: 'disabled'
  readonly enabled: false
  readonly payload?: undefined
  readonly feature_enabled: boolean
  readonly featureEnabled: boolean
}

/** The variants that a flag can have; without types any. */
export type VariantOf<Variants> = string extends keyof Variants
  ? Variant
  : { [Name in keyof Variants & string]: NamedVariant<Name, Variants[Name]> }[keyof Variants & string] | NoVariant

/** The flags for one request: one snapshot, one time, one seed for draws. */
export interface View<F = AnyFlags> {
  isEnabled(name: keyof F & string): boolean
  getVariant<Name extends keyof F & string>(name: Name): VariantOf<F[Name]>
  all(): Toggle[]
}

export interface Status {
  source: string
  ready: boolean
  format: string | null
  environment: string | null
  target: string | null
  seq: number | null
  digest: string | null
  publishedAt: string | null
  ageMs: number | null
  lastError: string | null
}

export interface Flags<F = AnyFlags> {
  /** Rejects with NotReadyError while there has been no snapshot. */
  view(context?: Context, platform?: Platform): Promise<View<F>>
  /** The frontend API at the PoP. */
  handler(request: Request, platform?: Platform): Promise<Response>
  status(): Status
}

export interface Options {
  source: Source
  /** Milliseconds before the source is read again; 30,000 by default. */
  maxAge?: number
  /** Authorization values that the handler accepts; left out: no token is needed. */
  tokens?: string[]
  /** '/flagcast/status' by default; '' for none. */
  statusPath?: string
  /** The header in which the platform tells the client's address: the handler's remoteAddress where a request names none. */
  clientIP?: string
}

/** Call it at module scope: it does no I/O. With the Flags of flagcast types a flag that is misspelt does not compile. */
export function createFlags<F = AnyFlags>(options: Options): Flags<F>

export class NotReadyError extends Error {}

/** Cloudflare KV: the namespace, or a function that returns it within a request. */
export function kv(binding: object | (() => object), key: string, options?: { cacheTtl?: number }): Source

/** EdgeKV of Alibaba Cloud DCDN and ESA. */
export function edgekv(options: { namespace: string; key: string }): Source

/** A snapshot in the script: what flagcast/bundle, or a module of flagcast export, exports; or its text. */
export function bundle(constant: string | { readonly text: string }): Source
