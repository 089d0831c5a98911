/**
 * Verifies Logto access tokens.
 *
 * @example
 * ```ts
 * import { AuthError, createVerifier } from 'logto-authkit'
 *
 * const verifier = createVerifier({ logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' })
 *
 * try {
 *   const auth = await verifier.verify(request)
 *   console.log(auth.userId, auth.scopes)
 * } catch (error) {
 *   if (!(error instanceof AuthError)) throw error
 *   return new Response(error.message, { status: error.status, headers: error.headers })
 * }
 * ```
 *
 * @packageDocumentation
 */

/**
 * Verifies the access token of a request, or one given as a string.
 *
 * A plain options object costs the same as a kept {@link Verifier}, also when it is a fresh literal on every call.
 *
 * @param input - A request, see {@link RequestLike}, or the token itself. A string never becomes a guest.
 * @param options - What to accept, or a verifier made of it.
 * @returns Who is asking. With `allowGuest`, a {@link GuestContext} where the token is missing or fails.
 * @throws {@link AuthError} if there is no acceptable token; its `status` is 400, 401, 403 or, in an outage, 503.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or wrong; also with `allowGuest`.
 *
 * @example
 * ```ts
 * const auth = await verifyAuth(req, { logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' })
 * if (auth.isAuthenticated) console.log(auth.userId)
 * ```
 */
export function verifyAuth(input: string | RequestLike, options: VerifyAuthOptions | Verifier): Promise<AuthContext>

/**
 * Verifies one access token. The result is never a guest, whatever `allowGuest` says.
 *
 * @param token - The compact JWS (RFC 7515 section 7.1), without `Bearer`.
 * @param options - What to accept, or a verifier made of it.
 * @throws {@link AuthError} if the token is not acceptable.
 * @throws `TypeError` with `code: 'invalid_options'`, as {@link verifyAuth} does.
 *
 * @example
 * ```ts
 * const { userId, scopes } = await verifyLogtoToken(token, verifier)
 * ```
 */
export function verifyLogtoToken(token: string, options: VerifyAuthOptions | Verifier): Promise<AuthenticatedContext>

/**
 * Parses options once, for many verifications. It opens no connection: see {@link Verifier.prefetch}.
 *
 * @throws `TypeError` with `code: 'invalid_options'` that names the option, what was given and what is wanted.
 *
 * @example
 * ```ts
 * const verifier = createVerifier({ logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' })
 * await verifier.prefetch()
 * ```
 */
export function createVerifier(options: VerifyAuthOptions): Verifier

/** Parsed {@link VerifyAuthOptions}, made by {@link createVerifier}. */
export interface Verifier {
  /** {@link verifyAuth} with this verifier's options. */
  verify(input: string | RequestLike): Promise<AuthContext>

  /**
   * Fetches the key set now, unless one is at hand that serves (a fresh one, in an outage also a stale one), so that the
   * first request does not wait for it.
   *
   * @throws {@link AuthError} `jwks_unavailable` if it cannot be had. Verification works once it can.
   */
  prefetch(): Promise<void>

  /** Figures for monitoring: see {@link VerifierStats} for the units and the meaning of each. */
  stats(): VerifierStats
}

/**
 * What a verifier's caches hold and did, a snapshot. Counters start at 0 and only grow.
 *
 * @example
 * ```ts
 * const { tokens, jwks } = verifier.stats()
 * const hitRatio = tokens.hits / (tokens.hits + tokens.misses)
 * const ageInSeconds = jwks.fetchedAt === null ? null : (Date.now() - jwks.fetchedAt) / 1000
 * ```
 */
export interface VerifierStats {
  /**
   * Verified tokens remembered. Verifiers with the same key set's address and the same `tokenCacheSize` share them, in
   * all worker threads; `hits` and `misses` are of this verifier alone.
   */
  tokens: {
    /** Tokens remembered now, at most `tokenCacheSize`. One that has expired leaves when its place is needed. */
    size: number
    /**
     * Tokens looked at that were found remembered, whatever the other checks said. A request with two tokens can count
     * twice.
     */
    hits: number
    /** Tokens looked at that were not: their signature was checked, if it came to that. */
    misses: number
  }
  /**
   * The key set. All verifiers of its address share it, in all worker threads, and so they share its counters; unless
   * `skipJwksCache` is on. With the option `jwks` it is always `fresh`, and nothing is counted.
   */
  jwks: {
    /**
     * `empty`: nothing is at hand. `fresh`: within this verifier's `jwksCacheTtlMs`. `stale`: past it; the next
     * verification fetches, and in an outage it serves for `jwksMaxStaleMs`.
     */
    state: 'empty' | 'fresh' | 'stale'
    /** Usable keys at hand. */
    keys: number
    /** Requests made for the key set, those under way included. */
    fetches: number
    /** Requests that have failed. */
    failures: number
    /**
     * When the request for the key set at hand began, in milliseconds since the epoch; `null` where none is at hand,
     * and with the option `jwks`.
     */
    fetchedAt: number | null
    /** Why the last request failed, for an operator; `null` if it did not, or the keys have been forgotten since. */
    lastError: string | null
  }
}

/**
 * What came of a verification, on the channel `logto-authkit:verify` of `node:diagnostics_channel`. It names no user, no
 * key and nothing of the token.
 *
 * Every verification of this thread is told once, in whatever way it was asked for, before its caller learns of it, and in
 * the asynchronous context of its caller. One that ends in a `TypeError`, for a wrong option, or in an error of the
 * application's own functions, is not told.
 *
 * What a subscriber throws changes nothing about the verification; Node makes an `uncaughtException` of it.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 * import type { VerificationMessage } from 'logto-authkit'
 *
 * subscribe('logto-authkit:verify', (message) => {
 *   const { outcome, duration } = message as VerificationMessage
 *   if (outcome !== 'ok') console.log(`refused: ${outcome}, after ${duration} ms`)
 * })
 * ```
 */
export interface VerificationMessage {
  /** `ok`, or why not: for a guest, its `guestReason`. */
  outcome: 'ok' | AuthErrorCode
  /** Whether the request became a guest's, by `allowGuest`. */
  guest: boolean
  /** Whether the token was accepted without checking its signature again; `false` where it was not accepted. */
  remembered: boolean
  /** In milliseconds, with a fraction: from the call to the outcome, waiting for keys and `isRevoked` included. */
  duration: number
}

/**
 * A request for a key set that has ended, on the channel `logto-authkit:jwks` of `node:diagnostics_channel`.
 *
 * Fetches run outside of JavaScript. Each one is told once in the process: to the first thread that listens, with the
 * next outcome of a verification, `prefetch()` or `stats()` there. So a verification that had to wait for a fetch is told
 * right after it, and one in the background with the next call. Up to 64 that nobody has listened to are kept.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 * import type { KeyFetchMessage } from 'logto-authkit'
 *
 * subscribe('logto-authkit:jwks', (message) => {
 *   const { jwksUri, outcome, error } = message as KeyFetchMessage
 *   if (outcome === 'failed') console.warn(`no keys from ${jwksUri}: ${error}`)
 * })
 * ```
 */
export interface KeyFetchMessage {
  /** The key set's address. */
  jwksUri: string
  /**
   * What provoked it. `empty`: there were no keys at hand. `stale`: those at hand were past `jwksCacheTtlMs`. `refresh`:
   * they would soon be, so that nobody waited for it. `unknown_kid`: a token named a key that was not among them.
   */
  reason: 'empty' | 'stale' | 'refresh' | 'unknown_kid'
  /** `ok` also where the server said that its keys have not changed. */
  outcome: 'ok' | 'failed'
  /** Usable keys in the set; 0 where it failed. */
  keys: number
  /** Why it failed, for an operator, as in `stats()`; `null` if it did not. The number of different texts is not bounded. */
  error: string | null
  /** When it began, in milliseconds since the epoch. */
  startedAt: number
  /** From its beginning to its end, in milliseconds, with a fraction. */
  duration: number
}

/**
 * Anything with headers: the request of Node's `http`, Express, Fastify, Koa (`ctx.request` or `ctx.req`) or Socket.IO
 * (`socket.handshake`), a fetch `Request`, a `NextRequest`, or a plain object.
 *
 * Cookies are read from the `Cookie` header; no cookie parser is needed. Where one has run, its `cookies` serve as
 * well.
 *
 * @example
 * ```ts
 * import { cookies, headers } from 'next/headers'
 * const auth = await verifier.verify({ headers: await headers(), cookies: await cookies() })
 * ```
 */
export interface RequestLike {
  /** Header values by lower-case name, or anything that looks them up. */
  readonly headers:
    | { get(name: string): string | null }
    | { readonly [name: string]: string | readonly string[] | undefined }

  /** Parsed cookies by name, or anything that looks them up. Values that are not strings do not count. */
  readonly cookies?:
    | { get(name: string): { value: string } | undefined }
    | { readonly [name: string]: unknown }
    | undefined
}

/** What to accept, and how to get the keys. Only `logtoUrl` and `audience` are required. */
export interface VerifyAuthOptions {
  /**
   * Logto's base address, its `ENDPOINT`.
   *
   * Normalised as Logto does: trailing slashes dropped, host in lower case, default port removed, sub-path kept,
   * `/oidc` appended once. Plain `http` to a host that is not loopback works, with one warning per process.
   *
   * @throws `TypeError` `invalid_options` if it is no `http:` or `https:` address.
   *
   * @example
   * ```ts
   * logtoUrl: 'https://auth.example.com'
   * ```
   */
  logtoUrl: string

  /**
   * The resource indicator that a token's `aud` must hold (RFC 9068 section 4), byte for byte as registered in Logto:
   * `https://api.example.com` and `https://api.example.com/` are two resources. With several, any one of them will do.
   *
   * `null` turns the check off: a token for any other API of the same Logto is then accepted.
   *
   * A valid token for an audience is not a permission yet: Logto gives one to every application, if only without
   * scopes.
   *
   * @throws `TypeError` `invalid_options` if it is left out, `''` or `[]`; {@link AuthError} `invalid_audience` (401).
   *
   * @example
   * ```ts
   * audience: 'https://api.example.com'
   * ```
   */
  audience: string | readonly string[] | null

  /**
   * The accepted `iss` (RFC 9068 section 4), or several: a tenant's default and custom domains are two issuers on one
   * key set.
   *
   * @defaultValue `<logtoUrl>/oidc`
   * @throws {@link AuthError} `invalid_issuer` (401).
   *
   * @example
   * ```ts
   * issuer: ['https://tenant.logto.app/oidc', 'https://auth.example.com/oidc']
   * ```
   */
  issuer?: string | readonly string[]

  /**
   * Where the key set is, for a Logto that is reached by another address than its public one.
   *
   * @defaultValue `<logtoUrl>/oidc/jwks`, not what discovery says: Logto builds that from the request's `Host`.
   * @throws {@link AuthError} `jwks_unavailable` (503).
   *
   * @example
   * ```ts
   * jwksUri: 'http://logto.internal:3001/oidc/jwks'
   * ```
   */
  jwksUri?: string

  /**
   * A static key set (RFC 7517 section 5): nothing is fetched, and a rotation takes a new verifier.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` if it holds no usable key.
   *
   * @example
   * ```ts
   * jwks: JSON.parse(readFileSync('jwks.json', 'utf8'))
   * ```
   */
  jwks?: JwkSet

  /**
   * The cookie that holds the token.
   *
   * @defaultValue `'logto_authtoken'`
   */
  cookieName?: string

  /**
   * Where to look for the token, in this order. If the first one found fails with a 401, the other one is tried; if
   * none verifies, the first one's error stands. `[]` only with `getToken`.
   *
   * @defaultValue `['cookie', 'header']`
   * @throws {@link AuthError} `missing_token` (401), `ambiguous_token` (400).
   *
   * @example
   * ```ts
   * tokenSources: ['header'] // an API without cookies
   * ```
   */
  tokenSources?: readonly TokenSource[]

  /**
   * Finds the token where the library does not look, and is asked first. `null`, `undefined` or `''`: there is none.
   *
   * The parameter may be declared as the request type that is passed in.
   *
   * @defaultValue none
   *
   * @example
   * ```ts
   * getToken: (req: IncomingMessage) => new URL(req.url ?? '/', 'http://localhost').searchParams.get('token')
   * ```
   */
  getToken?(req: RequestLike): string | null | undefined

  /**
   * Scopes that the token must have, space separated or as a list. Whole scopes are compared, in letter case too
   * (RFC 6749 section 3.3).
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` for `''` and `[]`; {@link AuthError} `missing_scope` (403).
   *
   * @example
   * ```ts
   * requiredScope: 'read:orders write:orders'
   * ```
   */
  requiredScope?: string | readonly string[]

  /**
   * Whether all of `requiredScope` are needed, or one of them.
   *
   * @defaultValue `'all'`
   */
  scopeMode?: ScopeMode

  /**
   * Roles that the token must have, all of them. Logto puts no roles into access tokens by itself: a custom-claims
   * script does.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` for `''` and `[]`; {@link AuthError} `missing_role` (403).
   *
   * @example
   * ```ts
   * requiredRole: 'admin'
   * ```
   */
  requiredRole?: string | readonly string[]

  /**
   * Claims that hold roles: a string is one role, a list is several.
   *
   * @defaultValue `['roles', 'role']`
   * @throws `TypeError` `invalid_options` for `''` and `[]`.
   */
  roleClaims?: string | readonly string[]

  /**
   * The organization that the token must be of: its claim `organization_id`, or its audience
   * `urn:logto:organization:<id>`. `null`: it must be of none. Left out: not checked, although a token for an API
   * within an organization has the same `aud` as one without.
   *
   * @defaultValue not checked
   * @throws {@link AuthError} `wrong_organization` (403).
   *
   * @example
   * ```ts
   * organizationId: 'org_2x7k'
   * ```
   */
  organizationId?: string | null

  /**
   * Answers a request without a token, or with one that fails, with a {@link GuestContext} instead of an error. That
   * covers outages; it does not cover `invalid_options`.
   *
   * @defaultValue `false`
   */
  allowGuest?: boolean

  /**
   * The cookie that holds a guest's id; `false`: the Express and Next.js helpers never set one.
   *
   * @defaultValue see {@link GuestCookieOptions}
   */
  guestCookie?: GuestCookieOptions | false

  /**
   * The required JOSE `typ`, without regard to letter case and an `application/` prefix (RFC 7515 section 4.1.9). It
   * tells access tokens from ID tokens, which Logto signs with the same keys. `null` accepts any, also a missing one.
   *
   * @defaultValue `'at+jwt'` (RFC 9068 section 2.1)
   * @throws {@link AuthError} `invalid_token_type` (401).
   */
  tokenType?: string | null

  /**
   * Accepted signature algorithms (RFC 8725 section 3.1). Logto signs with ES384 or RS256.
   *
   * @defaultValue `['ES384', 'RS256', 'ES256', 'EdDSA']`
   * @throws {@link AuthError} `unsupported_algorithm` (401).
   */
  algorithms?: readonly Algorithm[]

  /**
   * How far the issuer's clock and this one may be apart, in seconds, for `exp` and `nbf` (RFC 7519 sections 4.1.4
   * and 4.1.5).
   *
   * @defaultValue `0`
   * @throws `TypeError` `invalid_options` if it is negative, `NaN` or infinite, as for every number here.
   */
  clockTolerance?: number

  /**
   * The time to verify at, for tests.
   *
   * @defaultValue now
   *
   * @example
   * ```ts
   * currentDate: new Date('2026-07-01T12:00:00Z')
   * ```
   */
  currentDate?: Date

  /**
   * Asked last, about a token that has passed everything else. If it throws, so does the verification.
   *
   * @defaultValue none
   * @throws {@link AuthError} `token_revoked` (401) where it answers `true`, or anything that counts as true.
   *
   * @example
   * ```ts
   * isRevoked: async ({ userId }) => (await users.find(userId)).suspended
   * ```
   */
  isRevoked?: (auth: AuthenticatedContext) => boolean | Promise<boolean>

  /**
   * The address of the resource's metadata, which every `WWW-Authenticate` then names as `resource_metadata`
   * (RFC 9728 section 5.1): clients of MCP servers find out by it where to get a token. `createResourceMetadata` from
   * `logto-authkit/resource-metadata` makes the document and its address.
   *
   * @defaultValue none: challenges do not mention it
   * @throws `TypeError` `invalid_options` if it is no `http:` or `https:` address, or one with a query or a fragment.
   *
   * @example
   * ```ts
   * resourceMetadata: 'https://api.example.com/.well-known/oauth-protected-resource'
   * ```
   */
  resourceMetadata?: string

  /**
   * How long a fetched key set is fresh, in milliseconds. `0`: fetched for every verification. Logto's own
   * `Cache-Control: no-cache` is not obeyed.
   *
   * @defaultValue `300000`, five minutes
   */
  jwksCacheTtlMs?: number

  /**
   * Time-out of a request for the key set, from connecting to the last byte, in milliseconds, above 0.
   *
   * @defaultValue `5000`
   */
  jwksTimeoutMs?: number

  /**
   * The pause after a request for the key set that failed, from its end on, and the least time between two requests that
   * unknown `kid`s provoke, in milliseconds.
   *
   * @defaultValue `10000`
   */
  jwksCooldownMs?: number

  /**
   * How long a key set still serves past `jwksCacheTtlMs` while it cannot be refreshed, in milliseconds. `0`: not at
   * all.
   *
   * @defaultValue `3600000`, one hour
   */
  jwksMaxStaleMs?: number

  /**
   * Neither uses nor fills the cache of key sets: every verification waits for an answer, and nothing stale serves.
   *
   * @defaultValue `false`
   */
  skipJwksCache?: boolean

  /**
   * How many verified tokens to remember; `0`: none. Only that the signature holds is remembered: claims and times are
   * checked again on every call.
   *
   * @defaultValue `5000`
   */
  tokenCacheSize?: number
}

/** Where a token is looked for: the cookie `cookieName`, or `Authorization: Bearer` (RFC 6750 section 2.1). */
export type TokenSource = 'cookie' | 'header'

/** Whether all of several scopes are needed, or one of them. */
export type ScopeMode = 'all' | 'any'

/** Signature algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1). Symmetric ones are never accepted. */
export type Algorithm = 'ES384' | 'RS256' | 'ES256' | 'EdDSA' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512'

/** A key set (RFC 7517 section 5). A key that cannot be used is skipped, the others stay. */
export interface JwkSet {
  /** The keys. */
  readonly keys: readonly Jwk[]
}

/** A public key (RFC 7517 section 4). What Node's `KeyObject.export({ format: 'jwk' })` gives is one. */
export interface Jwk {
  /** Key type: `EC`, `RSA` or `OKP`. */
  readonly kty?: string
  /** The id that tokens name it by. Logto's is the key's thumbprint (RFC 7638). */
  readonly kid?: string
  /** `sig`, if at all. */
  readonly use?: string
  /** With `verify`, if at all. */
  readonly key_ops?: readonly string[]
  /** The one algorithm it is for. Logto's RSA keys have none. */
  readonly alg?: string
  /** Curve of an `EC` or `OKP` key. */
  readonly crv?: string
  /** Coordinate of an `EC` key, or an `OKP` key. */
  readonly x?: string
  /** Coordinate of an `EC` key. */
  readonly y?: string
  /** Modulus of an `RSA` key. */
  readonly n?: string
  /** Exponent of an `RSA` key. */
  readonly e?: string
  /** Ignored. */
  readonly x5c?: readonly string[]
  /** Ignored. */
  readonly x5t?: string
  /** Ignored. */
  readonly 'x5t#S256'?: string
  /** Ignored, never followed. */
  readonly x5u?: string
  /** Ignored. */
  readonly ext?: boolean
}

/** Who is asking. `isAuthenticated`, `isGuest` and `subjectType` tell the two apart. */
export type AuthContext = AuthenticatedContext | GuestContext

/** The holder of a valid access token. */
export interface AuthenticatedContext {
  /** The claim `sub`: the id of the user or, for a machine, of the application. */
  userId: string
  isAuthenticated: true
  /** Every claim of the token, a fresh object per call. */
  payload: AuthPayload
  isGuest: false
  /** The claim `scope`, split. Empty where Logto granted none. */
  scopes: string[]
  /** The claim `client_id`: the application that the token was issued to. */
  clientId: string | null
  /** The claim `organization_id`, else the id in an audience `urn:logto:organization:<id>`. */
  organizationId: string | null
  /** `machine` where `sub` equals `client_id`: Logto sets no other mark. */
  subjectType: 'user' | 'machine'
}

/** A request without an acceptable token, where `allowGuest` is on. */
export interface GuestContext {
  userId: null
  isAuthenticated: false
  payload: null
  isGuest: true
  /** Always empty. */
  scopes: string[]
  clientId: null
  organizationId: null
  subjectType: 'guest'
  /**
   * From the guest cookie if it matches `[A-Za-z0-9_-]{1,128}`, else a new random UUID. It names a visitor and proves
   * nothing.
   */
  guestId: string
  /** Why this is a guest: `missing_token` for a visitor, `token_expired` for a session that has ended, … */
  guestReason: AuthErrorCode
}

/**
 * The claims of an access token (RFC 9068 section 2.2), as Logto issues them.
 *
 * Any other claim is from a custom-claims script, and `unknown`.
 */
export interface AuthPayload {
  /** Issuer. */
  iss: string
  /** The user's id or, for a machine, the application's. */
  sub: string
  /** The resource indicator. Logto's is a single string. */
  aud: string | string[]
  /** Expires at, in seconds since the epoch. */
  exp: number
  /** Issued at, in seconds since the epoch. */
  iat?: number
  /** Not valid before, in seconds since the epoch. */
  nbf?: number
  /** The token's id. */
  jti?: string
  /** Granted scopes, space separated. Absent or empty where there are none. */
  scope?: string
  /** The application that the token was issued to. */
  client_id?: string
  /** The organization that an organization token for an API resource is of. */
  organization_id?: string
  /** Who acts for `sub`, after a token exchange (RFC 8693 section 4.1). */
  act?: { sub: string; [claim: string]: unknown }
  [claim: string]: unknown
}

/**
 * Why there is no acceptable token.
 *
 * | code | status | |
 * |---|---|---|
 * | `missing_token` | 401 | neither cookie nor header holds one |
 * | `ambiguous_token` | 400 | two `Authorization` values, or two different cookies of that name |
 * | `opaque_token` | 401 | not a JWT: it was requested without naming an API resource |
 * | `malformed_token` | 401 | not a valid JWT |
 * | `unsupported_algorithm` | 401 | see `algorithms` |
 * | `invalid_token_type` | 401 | an ID token, say; see `tokenType` |
 * | `unknown_key` | 401 | no key of the set fits |
 * | `invalid_signature` | 401 | |
 * | `invalid_claims` | 401 | a claim is missing or malformed |
 * | `invalid_issuer` | 401 | see `issuer` |
 * | `invalid_audience` | 401 | see `audience` |
 * | `token_expired` | 401 | |
 * | `token_not_active` | 401 | not valid yet |
 * | `token_revoked` | 401 | see `isRevoked` |
 * | `wrong_organization` | 403 | see `organizationId` |
 * | `missing_scope` | 403 | see `requiredScope` |
 * | `missing_role` | 403 | see `requiredRole` |
 * | `jwks_unavailable` | 503 | the key set cannot be had |
 */
export type AuthErrorCode =
  | 'missing_token'
  | 'ambiguous_token'
  | 'opaque_token'
  | 'malformed_token'
  | 'unsupported_algorithm'
  | 'invalid_token_type'
  | 'unknown_key'
  | 'invalid_signature'
  | 'invalid_claims'
  | 'invalid_issuer'
  | 'invalid_audience'
  | 'token_expired'
  | 'token_not_active'
  | 'token_revoked'
  | 'wrong_organization'
  | 'missing_scope'
  | 'missing_role'
  | 'jwks_unavailable'

/**
 * Why a request is refused, and how to answer it. What each code means, what usually causes it and what to do about it is
 * in [docs/errors.md](./docs/errors.md).
 *
 * @example
 * ```ts
 * if (error instanceof AuthError) res.writeHead(error.status, error.headers).end(error.message)
 * ```
 */
export class AuthError extends Error {
  /** @internal */
  private constructor()
  /** Why, for programs. `message` says it for people and may be shown to a client. */
  readonly code: AuthErrorCode
  /** The HTTP status of the answer. */
  readonly status: 400 | 401 | 403 | 503
  /** The `WWW-Authenticate` value (RFC 6750 section 3); `null` in an outage. */
  readonly wwwAuthenticate: string | null
  /** What the answer should carry: `WWW-Authenticate`, `Retry-After`, `Cache-Control: no-store`. */
  readonly headers: Record<string, string>
  /** What an operator needs: key ids, claims, addresses, never a token. Not for clients. */
  readonly details: Readonly<Record<string, unknown>>
  /** The fault underneath, if there is one. Not for clients. */
  readonly cause?: unknown
  /** What may be shown, without `details` and `cause`: `res.json(error)` gives nothing away. */
  toJSON(): { name: string; code: AuthErrorCode; status: number; message: string }
}

/**
 * What {@link hasScopes} and its kin look at: the result of a verification, or a token's claims. `null` and `undefined`
 * have no scopes and no roles.
 */
export type AuthSubject = AuthContext | Partial<AuthPayload> | null | undefined

/**
 * Whether the subject has these scopes. Whole scopes are compared.
 *
 * @param subject - A context or claims.
 * @param scopes - Space separated or as a list.
 * @param options - `mode`: whether all of them are needed (the default), or one.
 * @throws `TypeError` with `code: 'invalid_options'` for `''` and `[]`: an empty requirement is a mistake, not a pass.
 *
 * @example
 * ```ts
 * if (hasScopes(auth, ['read:orders', 'admin'], { mode: 'any' })) showOrders()
 * ```
 */
export function hasScopes(
  subject: AuthSubject,
  scopes: string | readonly string[],
  options?: { readonly mode?: ScopeMode },
): boolean

/**
 * {@link hasScopes}, as a guard.
 *
 * @throws {@link AuthError} `missing_scope` (403), with the message
 * `Missing required scopes (all of: a, c). Token scopes: a, b. Missing: c`.
 * @throws `TypeError` with `code: 'invalid_options'` for `''` and `[]`.
 *
 * @example
 * ```ts
 * requireScopes(auth, 'write:orders')
 * ```
 */
export function requireScopes(
  subject: AuthSubject,
  scopes: string | readonly string[],
  options?: { readonly mode?: ScopeMode },
): void

/**
 * Whether the subject has this role. Members of a list are compared whole.
 *
 * @param subject - A context or claims.
 * @param role - One role.
 * @param options - `claimKeys`: the claims that hold roles, by default `['roles', 'role']`.
 * @throws `TypeError` with `code: 'invalid_options'` for an empty `role` or `claimKeys`.
 *
 * @example
 * ```ts
 * if (hasRole(auth, 'admin')) showSettings()
 * ```
 */
export function hasRole(
  subject: AuthSubject,
  role: string,
  options?: { readonly claimKeys?: readonly string[] },
): boolean

/**
 * {@link hasRole}, as a guard.
 *
 * @throws {@link AuthError} `missing_role` (403), with the message
 * `Missing required role: admin. Checked claims: roles, role. Token roles: x`.
 * @throws `TypeError` with `code: 'invalid_options'` for an empty `role` or `claimKeys`.
 *
 * @example
 * ```ts
 * requireRole(auth, 'admin')
 * ```
 */
export function requireRole(
  subject: AuthSubject,
  role: string,
  options?: { readonly claimKeys?: readonly string[] },
): void

/**
 * The `Set-Cookie` value that stores an access token (RFC 6265 section 4.1):
 * `logto_authtoken=<token>; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict`.
 *
 * @throws `TypeError` with `code: 'invalid_options'` if a value would break out of its field.
 *
 * @example
 * ```ts
 * res.setHeader('Set-Cookie', buildAuthCookieHeader(token, { maxAge: 3600 }))
 * ```
 */
export function buildAuthCookieHeader(token: string, options?: AuthCookieOptions): string

/** How {@link buildAuthCookieHeader} stores a token. It is always `HttpOnly` and `Secure`. */
export interface AuthCookieOptions {
  /** @defaultValue `'logto_authtoken'` */
  cookieName?: string
  /**
   * Lifetime, in seconds.
   * @defaultValue `604800`, a week
   */
  maxAge?: number
  /** @defaultValue none: this host only */
  domain?: string
  /** @defaultValue `'/'` */
  path?: string
  /** @defaultValue `'Strict'` */
  sameSite?: SameSite
}

/**
 * The `Set-Cookie` value that stores a guest's id:
 * `guest_logto_authtoken=<id>; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax`.
 *
 * The Express and Next.js helpers set it by themselves; {@link verifyAuth} sets nothing.
 *
 * @param guestId - 1 to 128 of the characters `A-Z a-z 0-9 _ -`.
 * @param guestCookie - The option of that name.
 * @throws `TypeError` with `code: 'invalid_options'` if a value is something else or would break out of its field.
 *
 * @example
 * ```ts
 * if (auth.isGuest) res.setHeader('Set-Cookie', buildGuestCookieHeader(auth.guestId))
 * ```
 */
export function buildGuestCookieHeader(guestId: string, guestCookie?: GuestCookieOptions): string

/** The cookie that holds a guest's id. */
export interface GuestCookieOptions {
  /** @defaultValue `'guest_logto_authtoken'` */
  name?: string
  /**
   * Lifetime, in seconds.
   * @defaultValue `604800`, a week
   */
  maxAge?: number
  /** @defaultValue `'/'` */
  path?: string
  /** @defaultValue none: this host only */
  domain?: string
  /** @defaultValue `'Lax'` */
  sameSite?: SameSite
  /** @defaultValue `true`; the Express and Next.js helpers leave it off for plain-http loopback hosts */
  secure?: boolean
  /** @defaultValue `true` */
  httpOnly?: boolean
}

/** A cookie's `SameSite` attribute. */
export type SameSite = 'Strict' | 'Lax' | 'None' | 'strict' | 'lax' | 'none'

/**
 * Forgets the key set of this Logto, in the whole process: the next verification fetches it.
 *
 * @param logtoUrl - The option `logtoUrl`, or the option `jwksUri` where that is set.
 * @throws `TypeError` with `code: 'invalid_options'` if it is no `http:` or `https:` address.
 */
export function invalidateJwksCache(logtoUrl: string): void

/** Forgets every key set, in the whole process. */
export function clearJwksCache(): void
