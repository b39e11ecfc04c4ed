/** Where a worker reads its snapshot: the stored text, null when nothing is stored; a failure rejects. */
export interface Source {
  readonly name: string
  /** The place, for messages: nothing secret. */
  readonly at?: string
  /** An object is a snapshot that has been parsed already. */
  get(context?: Context): Promise<string | object | null>
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
  /** The field is userId. */
  userID?: never
  userid?: never
  /** The field is sessionId. */
  sessionID?: never
  sessionid?: never
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

interface Named {
  readonly name: string
  readonly enabled: boolean
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
  /** fallback is for a flag that the rules do not have. A snapshot or a server that lists the flags that are on gives false. */
  isEnabled(name: keyof F & string, fallback?: boolean): boolean
  getVariant<Name extends keyof F & string, Fallback extends Named = never>(name: Name, fallback?: Fallback): VariantOf<F[Name]> | Fallback
  all(): Toggle[]
}

export interface Status {
  /** Name of the source that the last answer came from. */
  source: string
  ready: boolean
  format: string | null
  environment: string | null
  target: string | null
  seq: number | null
  digest: string | null
  publishedAt: string | null
  heartbeat: number | null
  pinned: string | null
  /** How many flags of an evaluated snapshot need a user to be decided; null for none. */
  contextual: number | null
  stale: boolean
  ageMs: number | null
  lastError: string | null
  /** Not in the status of views. */
  usageError?: string | null
  /** With countViews: what counts of views were last lost for. */
  viewsError?: string | null
}

export interface Views<F = AnyFlags> {
  /** Rejects with NotReadyError while there has been no snapshot. */
  view(context?: Context, platform?: Platform): Promise<View<F>>
  status(): Status
}

export interface Flags<F = AnyFlags> extends Views<F> {
  /** The frontend API at the PoP. */
  handler(request: Request, platform?: Platform): Promise<Response>
}

export interface ViewOptions {
  source: Source
  /** Milliseconds before the source is read again; 30,000 by default. */
  maxAgeMs?: number
  /** Milliseconds that a request waits for a read of its own; 4,000 by default. */
  timeout?: number
  /** What whenStale gives. */
  onStale?: Stale
}

export interface Options extends ViewOptions {
  /** Authorization values that the handler accepts; left out: no token is needed. */
  tokens?: string[]
  /** '/flagcast/status' by default; '' for none. */
  statusPath?: string
  /** The header in which the platform tells the client's address: the handler's remoteAddress where a request names none. */
  clientIP?: string
  /** Where the evaluations and registrations of SDKs go; left out: they are dropped. */
  usage?: Usage
}

export interface Usage {
  /** Of the core or of Unleash. */
  url: string
  /** A frontend token. */
  token: string
  /** The part of the requests that is counted, for all of them; 1 by default. */
  sample?: number
  /** Milliseconds that an isolate keeps counts; 10,000 by default. */
  interval?: number
}

/** Of countViews. */
export interface ViewUsage extends Usage {
  /** Under which Unleash lists the worker; 'flagcast-worker' by default. */
  appName?: string
}

/** The same flags, whose views count what they decide, as an SDK does; see docs/workers.md, "Usage". */
export function countViews<T extends Views<any>>(flags: T, usage: ViewUsage): T

export type Stale = (snapshot: any) => any

/** Call it at module scope: it does no I/O. With the Flags of flagcast types a flag that is misspelt does not compile. */
export function createFlags<F = AnyFlags>(options: Options): Flags<F>

/** Flags without the frontend API, whose code then stays out of the script. */
export function createViews<F = AnyFlags>(options: ViewOptions): Views<F>

export class NotReadyError extends Error {
  readonly name: 'NotReadyError'
}

/** Cloudflare KV: the namespace, or a function that returns it within a request. */
export function kv(binding: object | (() => object | undefined), key: string, options?: { cacheTtl?: number }): Source

/** EdgeKV of Alibaba Cloud DCDN and ESA. */
export function edgekv(options: { namespace: string; key: string }): Source

/** What flagcast export has written: the module, its text, its snapshot, or a function that gives one of these. */
export function bundle(constant: unknown): Source

/** A snapshot behind an address: an object of OSS, or what a CDN has cached. */
export function http(url: string, options?: { headers?: Record<string, string> }): Source

/** The core, Unleash or Unleash Edge, asked for each request with its context. url is that of the server, token a frontend token. */
export function core(url: string, token: string): Source

/** The first of several sources that has one; absent and failed ones are passed over. */
export function chain(...sources: Source[]): Source

/** For onStale: what becomes of flags when a publisher with a heartbeat has been away for `after` milliseconds. */
export function whenStale<F = AnyFlags>(options: { after?: number; flags: Partial<Record<keyof F & string, 'keep' | 'off' | 'on'>> }): Stale

/** Flags for a test of your worker: on, off, or the variant of a flag that is on. */
export function testFlags<F = AnyFlags>(
  values: Partial<Record<keyof F & string, boolean | string | { name: string; payload?: { type: string; value: string } }>>,
  options?: Partial<Options>
): Flags<F>
