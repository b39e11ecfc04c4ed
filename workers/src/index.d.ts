/** Where a worker reads its snapshot: the stored text, null when nothing is stored; a failure rejects. */
export interface Source {
  readonly name: string
  get(): Promise<string | null>
}

export interface Variant {
  name: string
  enabled: boolean
  payload?: { type: string; value: string }
  feature_enabled: boolean
  featureEnabled: boolean
}

export interface Toggle {
  name: string
  enabled: boolean
  variant: Variant
  impressionData: boolean
}

/** What a platform gives with a request: Cloudflare's ctx, EdgeRoutine's event. */
export interface Platform {
  waitUntil?(promise: Promise<unknown>): void
}

/** The flags for one request, all from one snapshot. */
export interface View {
  isEnabled(name: string): boolean
  getVariant(name: string): Variant
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

export interface Flags {
  /** Rejects with NotReadyError while there has been no snapshot. */
  view(context?: Record<string, unknown>, platform?: Platform): Promise<View>
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
}

/** Call it at module scope: it does no I/O. */
export function createFlags(options: Options): Flags

export class NotReadyError extends Error {}

/** Cloudflare KV: the namespace, or a function that returns it within a request. */
export function kv(binding: object | (() => object), key: string, options?: { cacheTtl?: number }): Source

/** EdgeKV of Alibaba Cloud DCDN and ESA. */
export function edgekv(options: { namespace: string; key: string }): Source
