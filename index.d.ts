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
 * Verifies the access token of a request, or a token passed as a string.
 *
 * Passing a plain options object is as fast as reusing a {@link Verifier}, even if the object is new on every call.
 *
 * @param input - A request (see {@link RequestLike}), or the token itself. A string never becomes a guest.
 * @param options - What to accept, or a verifier created from it. An array has one entry per Logto server: the issuer in the
 * token selects the entry before anything is fetched, and a request without a token uses the first entry.
 * @returns The context of the request. With `allowGuest`, a {@link GuestContext} if the token is missing or rejected.
 * @throws {@link AuthError} if there is no valid token. Its `status` is 400, 401, 403 or, during an outage, 503.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown, missing or invalid option, even with `allowGuest`.
 *
 * @example
 * ```ts
 * const auth = await verifyAuth(req, { logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' })
 * if (auth.isAuthenticated) console.log(auth.userId)
 * ```
 */
export function verifyAuth<Claims = unknown>(
  input: string | RequestLike,
  options?: OneOrMore<VerifyAuthOptions<Claims> & { allowGuest?: false }>,
): Promise<ContextWith<Claims>>
export function verifyAuth<Claims = unknown>(
  input: string | RequestLike,
  options?: OneOrMore<VerifyAuthOptions<Claims>>,
): Promise<ContextWith<Claims> | GuestContext>
export function verifyAuth<Context extends AuthContext>(
  input: string | RequestLike,
  verifier: Verifier<Context>,
): Promise<Context>

/**
 * Verifies one access token. The result is never a guest, regardless of `allowGuest`.
 *
 * @param token - The compact JWS (RFC 7515 section 7.1), without `Bearer`.
 * @param options - What to accept, or a verifier created from it.
 * @throws {@link AuthError} if the token is rejected.
 * @throws `TypeError` with `code: 'invalid_options'`, as {@link verifyAuth} does.
 *
 * @example
 * ```ts
 * const { userId, scopes } = await verifyLogtoToken(token, verifier)
 * ```
 */
export function verifyLogtoToken<Claims = unknown>(
  token: string,
  options?: OneOrMore<VerifyAuthOptions<Claims>>,
): Promise<ContextWith<Claims>>
export function verifyLogtoToken<Context extends AuthContext>(
  token: string,
  verifier: Verifier<Context>,
): Promise<Exclude<Context, GuestContext>>

/**
 * Parses options once for many verifications. It does not connect to Logto; use {@link Verifier.prefetch} for that.
 *
 * @throws `TypeError` with `code: 'invalid_options'`. The message contains the option, the value and what is expected.
 *
 * @example
 * ```ts
 * const verifier = createVerifier({ logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' })
 * await verifier.prefetch()
 * ```
 */
export function createVerifier<Claims = unknown>(
  options?: OneOrMore<VerifyAuthOptions<Claims> & { allowGuest?: false }>,
): Verifier<ContextWith<Claims>>
export function createVerifier<Claims = unknown>(
  options?: OneOrMore<VerifyAuthOptions<Claims>>,
): Verifier<ContextWith<Claims> | GuestContext>

/** Options, or an array with the options for each of several Logto servers, which must have different issuers. */
export type OneOrMore<Options> = Options | readonly Options[]

/**
 * An `audience` that accepts the organization token of any organization. Its id is `auth.organizationId`.
 *
 * @example
 * ```ts
 * const verifier = createVerifier({ logtoUrl: 'https://auth.example.com', audience: ANY_ORGANIZATION })
 * ```
 */
export const ANY_ORGANIZATION: 'urn:logto:organization:*'

/** Parsed {@link VerifyAuthOptions}, created by {@link createVerifier}. */
export interface Verifier<Context extends AuthContext = AuthContext> {
  /** Calls {@link verifyAuth} with the options of this verifier. */
  verify(input: string | RequestLike): Promise<Context>

  /**
   * Fetches the key set now, so that the first request does not wait for it. Does nothing if a usable key set is
   * cached: a fresh one or, in an outage, a stale one.
   *
   * @throws {@link AuthError} `jwks_unavailable` if the key set could not be fetched. Later calls try again.
   */
  prefetch(): Promise<void>

  /** Returns figures for monitoring. {@link VerifierStats} describes their units and meaning. */
  stats(): VerifierStats
}

/**
 * A snapshot of the caches of a verifier. Counters start at 0 and only increase.
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
   * The cache of verified tokens. Verifiers with the same key set URL and the same `tokenCacheSize` share it, across
   * all worker threads. `hits` and `misses` only count this verifier.
   */
  tokens: {
    /** Number of cached tokens, at most `tokenCacheSize`. Expired tokens are only removed when space is needed. */
    size: number
    /**
     * Number of tokens found in the cache, regardless of the result of the other checks. A request with two tokens can
     * count twice.
     */
    hits: number
    /** Number of tokens not found in the cache. Their signature was checked, unless an earlier check failed. */
    misses: number
  }
  /**
   * The key set. All verifiers with the same URL share it and its counters, across all worker threads, unless
   * `skipJwksCache` is set. With the option `jwks`, it is always `fresh` and nothing is counted.
   */
  jwks: {
    /**
     * `empty`: no key set is cached. `fresh`: its age is within `jwksCacheTtlMs` of this verifier. `stale`: it is
     * older, and the next verification fetches a new one. Meanwhile, a stale key set is used for up to `jwksMaxStaleMs`.
     */
    state: 'empty' | 'fresh' | 'stale'
    /** Number of usable keys in the cached key set. */
    keys: number
    /** Number of requests for the key set, including those in progress. */
    fetches: number
    /** Number of failed requests. */
    failures: number
    /**
     * Start of the request that fetched the cached key set, in milliseconds since the epoch. `null` if none is cached,
     * or with the option `jwks`.
     */
    fetchedAt: number | null
    /** Why the last request failed, for operators. `null` if it succeeded, or if the cache has been
     * cleared since. */
    lastError: string | null
  }
}

/**
 * The result of a verification, published on the channel `logto-authkit:verify` of `node:diagnostics_channel`. It
 * contains no user, no key and no part of the token.
 *
 * Every verification of this thread is published once, before the caller gets its result, and in the caller's
 * asynchronous context. Verifications that end in a `TypeError` for invalid options, or in an error thrown by the
 * application's own functions, are not published.
 *
 * An error thrown by a subscriber does not affect the verification. Node.js reports it as an `uncaughtException`.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 * import type { VerificationMessage } from 'logto-authkit'
 *
 * subscribe('logto-authkit:verify', (message) => {
 *   const { outcome, duration } = message as VerificationMessage
 *   if (outcome !== 'ok') console.log(`rejected: ${outcome}, after ${duration} ms`)
 * })
 * ```
 */
export interface VerificationMessage {
  /** `ok`, or the error code. For a guest, its `guestReason`. */
  outcome: 'ok' | AuthErrorCode
  /** Whether the request became a guest because of `allowGuest`. */
  guest: boolean
  /** Whether the token was accepted from the cache, without checking its signature again. */
  remembered: boolean
  /** Milliseconds (fractional) from the call to the result, including the time spent waiting for keys and `isRevoked`. */
  duration: number
}

/**
 * A finished request for a key set, published on the channel `logto-authkit:jwks` of `node:diagnostics_channel`.
 *
 * Fetches run outside of JavaScript. Each one is published once per process, to the first thread with a subscriber,
 * when a verification, `prefetch()` or `stats()` next completes there. A verification that waited for a fetch publishes
 * it immediately; a background fetch is published with the next call. Up to 64 unpublished fetches are kept.
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
  /** URL of the key set. */
  jwksUri: string
  /**
   * Why the key set was fetched. `empty`: none was cached. `stale`: the cached one was older than `jwksCacheTtlMs`.
   * `refresh`: the cached one was about to become stale, so it was refreshed in the background. `unknown_kid`: a token
   * was signed with a key that was not in the cached key set.
   */
  reason: 'empty' | 'stale' | 'refresh' | 'unknown_kid'
  /** `ok` also if the server answered that the keys have not changed (304). */
  outcome: 'ok' | 'failed'
  /** Number of usable keys in the key set. 0 if the request failed. */
  keys: number
  /** Why the request failed, for operators, as in `stats()`. `null` if it succeeded. The messages are not a fixed set. */
  error: string | null
  /** Start of the request, in milliseconds since the epoch. */
  startedAt: number
  /** Duration of the request in milliseconds (fractional). */
  duration: number
}

/**
 * Any object with headers: the request of Node's `http`, Express, Fastify, Hapi, Koa (`ctx.request` or `ctx.req`) or
 * Socket.IO (`socket.handshake`), a fetch `Request`, a `NextRequest`, the event of a Lambda function, or a plain object.
 *
 * Cookies are read from the `Cookie` header, so no cookie parser is needed. If one has run, its `cookies` are used too.
 *
 * Input in any other form is a `TypeError` that says what is expected, never a missing token: a promise, a `Map` or a list as
 * `headers`, or a header value that is neither a string nor an array of strings.
 *
 * @example
 * ```ts
 * import { cookies, headers } from 'next/headers'
 * const auth = await verifier.verify({ headers: await headers(), cookies: await cookies() })
 * ```
 */
export interface RequestLike {
  /** Header values by lowercase name, or an object with a `get` method, such as `Headers` or the `Metadata` of gRPC. */
  readonly headers:
    | { get(name: string): string | null | readonly unknown[] }
    | { readonly [name: string]: string | readonly string[] | undefined }

  /**
   * Parsed cookies by name, or an object with a `get` method. Values that are not strings are ignored. An array contains
   * `name=value` strings, as in the events of AWS Lambda.
   */
  readonly cookies?:
    | readonly string[]
    | { get(name: string): { value: string } | undefined }
    | { readonly [name: string]: unknown }
    | undefined
}

/**
 * The types of your application, which you register once by augmenting this interface:
 *
 * - `guests: true` if an adapter whose context has a global type (Express, Fastify, Koa) allows guests. The context is then an
 *   {@link AuthContext}, otherwise an {@link AuthenticatedContext}.
 * - `claims`: the type of the claims that your custom-claims script adds, for `auth.payload` everywhere.
 * - `property`: the option `property` of `logtoAuth` in Express, if another library declares `req.auth` with its own type, such as
 *   `express-oauth2-jwt-bearer` or the MCP SDK. Express requests then have that property instead of `auth`.
 *
 * @example
 * ```ts
 * declare module 'logto-authkit' {
 *   interface Register {
 *     guests: true
 *     claims: { email: string; roles: string[] }
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: applications augment it
export interface Register {}

/** The context in adapters whose context has a global type. See {@link Register}. */
export type RegisteredContext = Register extends { guests: true } ? AuthContext : AuthenticatedContext

/** The claims that the application has registered. See {@link Register}. */
export type RegisteredClaims = Register extends { claims: infer Claims } ? Claims : unknown

/** The option `allowGuest` in adapters whose context has a global type. See {@link Register}. */
export type RegisteredGuests = Register extends { guests: true }
  ? VerifyAuthOptions['allowGuest']
  : false | GuestsNotRegistered

/** Shown by the compiler if `allowGuest` is used without registering guests. */
export interface GuestsNotRegistered {
  "To use allowGuest here, add: declare module 'logto-authkit' { interface Register { guests: true } }": never
}

/**
 * Which tokens to accept, and how to get the keys. Only `logtoUrl` and `audience` are required, unless the environment variables
 * `LOGTO_URL` and `LOGTO_AUDIENCE` are set.
 */
export interface VerifyAuthOptions<Claims = unknown> {
  /**
   * URL of your Logto server (its `ENDPOINT`).
   *
   * It is normalized like in Logto: trailing slashes are dropped, the hostname is lowercased, the default port is
   * removed, a sub-path is kept, and `/oidc` is appended once. Plain `http` to a host other than loopback is allowed,
   * with one warning per process. The URL of Logto's discovery document or key set is understood too.
   *
   * @defaultValue `process.env.LOGTO_URL`
   * @throws `TypeError` `invalid_options` if it is not an `http:` or `https:` URL.
   *
   * @example
   * ```ts
   * logtoUrl: 'https://auth.example.com'
   * ```
   */
  logtoUrl?: string | undefined

  /**
   * The resource indicator that the `aud` claim must contain (RFC 9068 section 4), byte for byte as registered in
   * Logto: `https://api.example.com` and `https://api.example.com/` are different resources. If you pass several, one
   * of them must match.
   *
   * `null` disables the check, so that a token for any other API of the same Logto is accepted.
   *
   * {@link ANY_ORGANIZATION} accepts the organization token of any organization.
   *
   * An audience is not a permission: Logto issues tokens for it to every application, even without scopes.
   *
   * @defaultValue `process.env.LOGTO_AUDIENCE`, split at white space
   * @throws `TypeError` `invalid_options` if it is missing, `''` or `[]`; {@link AuthError} `invalid_audience` (401).
   *
   * @example
   * ```ts
   * audience: 'https://api.example.com'
   * ```
   */
  audience?: string | readonly string[] | null | undefined

  /**
   * The accepted `iss` claim (RFC 9068 section 4), or several: the default and the custom domain of a tenant are two
   * issuers with the same key set.
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
   * URL of the key set, if this server reaches Logto under a different URL than its public one.
   *
   * @defaultValue `<logtoUrl>/oidc/jwks`. The discovery document is not used, because Logto derives the URL in it from
   * the `Host` header.
   * @throws {@link AuthError} `jwks_unavailable` (503).
   *
   * @example
   * ```ts
   * jwksUri: 'http://logto.internal:3001/oidc/jwks'
   * ```
   */
  jwksUri?: string

  /**
   * A static key set (RFC 7517 section 5). Nothing is fetched, so after a key rotation you need a new verifier.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` if it contains no usable key.
   *
   * @example
   * ```ts
   * jwks: JSON.parse(readFileSync('jwks.json', 'utf8'))
   * ```
   */
  jwks?: JwkSet

  /**
   * Name of the cookie that contains the token.
   *
   * @defaultValue `'logto_authtoken'`
   */
  cookieName?: string

  /**
   * Where to look for the token, in this order. If the first token is rejected with 401, the other source is tried. If
   * neither token is valid, the error of the first one is reported. `[]` is only allowed with `getToken`.
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
   * Reads the token from elsewhere. It is called before `tokenSources` are used, and returns `null`, `undefined` or
   * `''` if there is no token.
   *
   * You can declare the parameter with the type of the request that you pass in.
   *
   * @defaultValue none
   *
   * @example
   * ```ts
   * getToken: (req: IncomingMessage) => new URL(req.url ?? '/', 'http://localhost').searchParams.get('token')
   * ```
   */
  getToken?(req: RequestLike): string | null | undefined | Promise<string | null | undefined>

  /**
   * Accepts requests without a valid Logto token: the owner of an API key, a local user. It is called for requests that were
   * rejected with 400 or 401, before they become guests. The {@link Principal} that it returns becomes a context with
   * `subjectType: 'external'`, which must meet the same requirements as that of a token. With `null` or `undefined`, the request
   * stays rejected. A token passed as a string never gets here.
   *
   * You can declare the first parameter with the type of the request that you pass in.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` if the principal is invalid. Like any error that the function throws, it is a fault
   * (500), and the request neither passes nor becomes a guest.
   *
   * @example
   * ```ts
   * fallback: async (req: IncomingMessage) => {
   *   const key = await apiKeys.find(String(req.headers['x-api-key']))
   *   return key && { userId: key.owner, scopes: key.scopes }
   * }
   * ```
   */
  fallback?(req: RequestLike, error: AuthError): Principal | null | undefined | Promise<Principal | null | undefined>

  /**
   * Scopes that the token must have, as an array or a space-separated string. Whole scopes are compared, case-sensitively
   * (RFC 6749 section 3.3).
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` for `undefined`, `''`, `[]` and scopes separated by commas; {@link AuthError}
   * `missing_scope` (403).
   *
   * @example
   * ```ts
   * requiredScope: 'read:orders write:orders'
   * ```
   */
  requiredScope?: string | readonly string[]

  /**
   * Whether the token needs all scopes in `requiredScope`, or one of them.
   *
   * @defaultValue `'all'`
   */
  scopeMode?: ScopeMode

  /**
   * Roles that the token must have. Logto does not put roles into access tokens by default; a custom-claims script can add
   * them.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` for `undefined`, `''` and `[]`; {@link AuthError} `missing_role` (403).
   *
   * @example
   * ```ts
   * requiredRole: 'admin'
   * ```
   */
  requiredRole?: string | readonly string[]

  /**
   * Whether the token needs all roles in `requiredRole`, or one of them.
   *
   * @defaultValue `'all'`
   */
  roleMode?: ScopeMode

  /**
   * Claims that contain roles. A string is one role, and an array contains several.
   *
   * @defaultValue `['roles', 'role']`
   * @throws `TypeError` `invalid_options` for `''` and `[]`.
   */
  roleClaims?: string | readonly string[]

  /**
   * The organization that the token must belong to, from its claim `organization_id` or its audience
   * `urn:logto:organization:<id>`. `null` rejects tokens of organizations. If omitted, the organization is not checked,
   * although a token for an API within an organization has the same `aud` as one without.
   *
   * @defaultValue not checked
   * @throws `TypeError` `invalid_options` for `undefined` and `''`; {@link AuthError} `wrong_organization` (403).
   *
   * @example
   * ```ts
   * organizationId: 'org_2x7k'
   * ```
   */
  organizationId?: string | null

  /**
   * A schema for the claims, from any library that implements Standard Schema 1 (Zod, Valibot, ArkType). It is validated after
   * scopes and roles. Its output becomes `auth.claims`.
   *
   * @defaultValue none
   * @throws {@link AuthError} `invalid_claims` (401) with the problems in `details.issue`.
   *
   * @example
   * ```ts
   * claims: z.object({ email: z.email() })
   * ```
   */
  claims?: StandardSchemaV1<unknown, Claims>

  /**
   * Decides whether a request is permitted, after scopes, roles and `claims`. An {@link AuthError} that it throws becomes the
   * response; any other error is a fault (500). It must not be `undefined` explicitly, so that an unset variable cannot remove
   * the check.
   *
   * You can declare the second parameter with the type of the request that you pass in. It is `undefined` for a string.
   *
   * @defaultValue none
   * @throws {@link AuthError} `forbidden` (403) if it returns `false`, or another falsy value; `TypeError` `invalid_options` for other values than booleans.
   *
   * @example
   * ```ts
   * check: ({ userId }, req: Request) => projects.isMember(userId, req.params.project)
   * ```
   */
  check?(auth: ContextWith<Claims>, req: RequestLike): boolean | Promise<boolean>

  /**
   * Notified of every rejection, including those that produce a guest, for logs and metrics. It does not change the response:
   * an error that it throws is reported as a process warning, once per function.
   *
   * You can declare the second parameter with the type of the request that you pass in. It is `undefined` for a string.
   *
   * @defaultValue none
   *
   * @example
   * ```ts
   * onRefused: (error) => logger.info({ code: error.code, details: error.details })
   * ```
   */
  onRefused?(error: AuthError, req: RequestLike): void

  /**
   * Turns a request without a token, or with a token that is rejected, into a {@link GuestContext} instead of throwing
   * an error. This includes outages, but not `invalid_options`. With `'no-token'`, only requests without any token become
   * guests, and an invalid token is rejected.
   *
   * @defaultValue `false`
   */
  allowGuest?: boolean | 'no-token'

  /**
   * The cookie that stores a guest's id. With `false`, the adapters never set it.
   *
   * @defaultValue see {@link GuestCookieOptions}
   */
  guestCookie?: GuestCookieOptions | false

  /**
   * The required `typ` header, compared case-insensitively and without the prefix `application/` (RFC 7515 section
   * 4.1.9). It distinguishes access tokens from ID tokens, which Logto signs with the same keys. `null` accepts any
   * type, or none. A logout token is rejected in any case.
   *
   * @defaultValue `'at+jwt'` (RFC 9068 section 2.1)
   * @throws {@link AuthError} `invalid_token_type` (401).
   */
  tokenType?: string | null

  /**
   * Accepted signature algorithms (RFC 8725 section 3.1). Logto signs with ES384 or RS256.
   *
   * @defaultValue `['ES384', 'RS256', 'ES256', 'ES512', 'EdDSA', 'Ed25519']`
   * @throws {@link AuthError} `unsupported_algorithm` (401).
   */
  algorithms?: readonly Algorithm[]

  /**
   * Allowed difference between the clocks of the issuer and this server, in seconds, for `exp` and `nbf` (RFC 7519 sections
   * 4.1.4 and 4.1.5).
   *
   * @defaultValue `0`
   * @throws `TypeError` `invalid_options` if it is negative, `NaN` or infinite. The same applies to all numeric
   * options.
   */
  clockTolerance?: number

  /**
   * The time to use instead of the current time, for tests: a `Date`, or a function that is called once per verification.
   * By default, `exp` and `nbf` are checked against the calling thread's `Date.now()`, so fake timers work. The time that a
   * verification waits for keys or for a thread is added, except to a fixed `Date`.
   *
   * @defaultValue now
   * @throws `TypeError` `invalid_options` if the function does not return a valid `Date`.
   *
   * @example
   * ```ts
   * currentDate: new Date('2026-07-01T12:00:00Z')
   * ```
   */
  currentDate?: Date | (() => Date)

  /**
   * Maximum age of a token, in seconds since its claim `iat`. `clockTolerance` does not apply.
   *
   * @defaultValue none
   * @throws {@link AuthError} `token_expired` (401) for an older token, `token_not_active` (401) if `iat` is more than a minute
   * in the future, `invalid_claims` (401) if it is missing.
   *
   * @example
   * ```ts
   * maxTokenAge: 300 // a payment requires a token of the last five minutes
   * ```
   */
  maxTokenAge?: number

  /**
   * Called last, for a token that passed all other checks. If it throws, the verification fails with the same error.
   *
   * @defaultValue none
   * @throws {@link AuthError} `token_revoked` (401) if it returns `true` or another truthy value.
   *
   * @example
   * ```ts
   * isRevoked: async ({ userId }) => (await users.find(userId)).suspended
   * ```
   */
  isRevoked?(auth: ContextWith<Claims>): boolean | Promise<boolean>

  /**
   * Users, sessions and tokens that are rejected although their tokens have not expired: the result of `createRevocations` from
   * `logto-authkit/revocation`. It is checked in memory for every request, before anything that results in a 403.
   *
   * @defaultValue none
   * @throws {@link AuthError} `token_revoked` (401), or `revocations_unavailable` (503) with `whenUnavailable: 'refuse'`.
   *
   * @example
   * ```ts
   * revocations: createRevocations({ store: redisStore(client) })
   * ```
   */
  revocations?: import('./js/revocation').Revocations

  /**
   * The realm in the `WWW-Authenticate` header of requests without a token (RFC 9110 section 11.5). It may contain printable
   * ASCII characters except quotes and backslashes.
   *
   * @defaultValue `'api'`
   */
  realm?: string

  /**
   * URL of the resource metadata. Every `WWW-Authenticate` header then contains it as `resource_metadata` (RFC 9728
   * section 5.1), so that clients of MCP servers can discover where to get a token. `createResourceMetadata` from
   * `logto-authkit/resource-metadata` creates the document and its URL.
   *
   * @defaultValue none: challenges do not contain it
   * @throws `TypeError` `invalid_options` if it is not an `http:` or `https:` URL, or has a query or a fragment.
   *
   * @example
   * ```ts
   * resourceMetadata: 'https://api.example.com/.well-known/oauth-protected-resource'
   * ```
   */
  resourceMetadata?: string

  /**
   * How long a fetched key set is fresh, in milliseconds. `0` fetches it for every verification. The header
   * `Cache-Control: no-cache` that Logto sends is ignored.
   *
   * @defaultValue `300000`, five minutes
   */
  jwksCacheTtlMs?: number

  /**
   * Timeout of a request for the key set, from connecting to the last byte, in milliseconds. It must be greater than 0.
   *
   * @defaultValue `5000`
   */
  jwksTimeoutMs?: number

  /**
   * Minimum time in milliseconds between two requests for the key set that are caused by an unknown `kid`, and maximum time
   * between retries of a failing endpoint. While no cached key set is usable, a failed connection is retried immediately once,
   * then after 250 ms, doubling up to this value.
   *
   * @defaultValue `10000`
   */
  jwksCooldownMs?: number

  /**
   * How long past `jwksCacheTtlMs` a key set is used while it is being refreshed or cannot be refreshed, in milliseconds. `0`
   * disables this.
   *
   * @defaultValue `3600000`, one hour
   */
  jwksMaxStaleMs?: number

  /**
   * Certificates in PEM format. Only these are trusted for fetching keys, instead of Mozilla's, the system's and those in
   * `NODE_EXTRA_CA_CERTS`.
   *
   * @example
   * ```ts
   * jwksCa: readFileSync('ca.pem', 'utf8')
   * ```
   */
  jwksCa?: string

  /**
   * Disables the key set cache: every verification waits for a response, and no stale key set is used.
   *
   * @defaultValue `false`
   */
  skipJwksCache?: boolean

  /**
   * Maximum number of cached tokens. `0` disables the cache. The cache stores only that the signature is
   * valid. Claims and times are checked on every call.
   *
   * @defaultValue `5000`
   */
  tokenCacheSize?: number
}

/** Where to look for a token: the cookie `cookieName`, or the header `Authorization: Bearer` (RFC 6750 section 2.1). */
export type TokenSource = 'cookie' | 'header'

/** Whether all of the given scopes or roles are required, or any one of them. */
export type ScopeMode = 'all' | 'any'

/** Signature algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1). Symmetric algorithms are never accepted. */
export type Algorithm =
  | 'ES384'
  | 'RS256'
  | 'ES256'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'

/** A key set (RFC 7517 section 5). Keys that cannot be used are skipped. */
export interface JwkSet {
  /** The keys. */
  readonly keys: readonly Jwk[]
}

/** A public key (RFC 7517 section 4), as returned by Node's `KeyObject.export({ format: 'jwk' })`. */
export interface Jwk {
  /** Key type: `EC`, `RSA` or `OKP`. */
  readonly kty?: string
  /** Key id that tokens refer to. Logto uses the thumbprint of the key (RFC 7638). */
  readonly kid?: string
  /** `sig`, if present. */
  readonly use?: string
  /** Must contain `verify`, if present. */
  readonly key_ops?: readonly string[]
  /** The only algorithm the key may be used with. Logto's RSA keys omit it. */
  readonly alg?: string
  /** Curve of an `EC` or `OKP` key. */
  readonly crv?: string
  /** x coordinate of an `EC` key, or the public key of an `OKP` key. */
  readonly x?: string
  /** y coordinate of an `EC` key. */
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
  /** Ignored, never fetched. */
  readonly x5u?: string
  /** Ignored. */
  readonly ext?: boolean
}

/** The principal that `fallback` returns. */
export interface Principal {
  /** The id of the user, which becomes `userId` and the claim `sub`. */
  userId: string
  /** The scopes that the principal has. @defaultValue `[]` */
  scopes?: readonly string[]
  /** The organization that the principal belongs to. @defaultValue `null` */
  organizationId?: string | null
  /** The application that sent the request. @defaultValue `null` */
  clientId?: string | null
  /** Claims for `auth.payload`, such as roles. Must be JSON. A `sub` must be the `userId`. @defaultValue `{}` */
  claims?: Readonly<Record<string, unknown>> | null
}

/** A schema of Standard Schema 1 (https://standardschema.dev), which many validation libraries implement. */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** The result of validating a value with a {@link StandardSchemaV1}. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
      }[]
    }

/** The context of a valid token, with the output of the option `claims`. */
export type ContextWith<Claims> = unknown extends Claims
  ? AuthenticatedContext
  : AuthenticatedContext & { claims: Claims }

/** Who sent a request. Check `isAuthenticated`, `isGuest` or `subjectType` to tell the two apart. */
export type AuthContext = AuthenticatedContext | GuestContext

/** The context of a request with a valid access token. */
export interface AuthenticatedContext {
  /** The claim `sub`: the id of the user, or of the application for a machine-to-machine token. */
  userId: string
  isAuthenticated: true
  /**
   * All claims of the token. A new object for every call. If `subjectType` is `external`, it contains `sub` and the claims of
   * the {@link Principal} only.
   */
  payload: AuthPayload & RegisteredClaims
  /** The output of the option `claims`. */
  claims?: unknown
  isGuest: false
  /** The claim `scope`, split at spaces. Empty if Logto granted none. */
  scopes: string[]
  /** The claim `client_id`: the application that requested the token. */
  clientId: string | null
  /** The claim `organization_id`, otherwise the id in an audience `urn:logto:organization:<id>`. */
  organizationId: string | null
  /**
   * `machine` if `sub` equals `client_id`, which is how Logto marks machine-to-machine tokens. `external` for a
   * {@link Principal} that `fallback` returned.
   */
  subjectType: 'user' | 'machine' | 'external'
}

/** The context of a request without a valid access token, if `allowGuest` is set. */
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
   * The value of the guest cookie if it matches `[A-Za-z0-9_-]{1,128}`, otherwise a new random UUID. It identifies a
   * visitor but proves nothing, because any client can set the cookie.
   */
  guestId: string
  /** The code of the error that would have been thrown: `missing_token` for a visitor, `token_expired` for an expired
   * session, … */
  guestReason: AuthErrorCode
}

/**
 * The claims of an access token (RFC 9068 section 2.2), as issued by Logto.
 *
 * All other claims come from a custom-claims script and are `unknown`.
 */
export interface AuthPayload {
  /** Issuer. */
  iss: string
  /** Id of the user, or of the application for a machine-to-machine token. */
  sub: string
  /** Resource indicator. Logto always issues a single string. */
  aud: string | string[]
  /** Expiry time, in seconds since the epoch. */
  exp: number
  /** Time of issue, in seconds since the epoch. */
  iat?: number
  /** Start of validity, in seconds since the epoch. */
  nbf?: number
  /** Id of the token. */
  jti?: string
  /** Granted scopes, separated by spaces. Missing or empty if there are none. */
  scope?: string
  /** The application that requested the token. */
  client_id?: string
  /** The organization of an organization token for an API resource. */
  organization_id?: string
  /** The actor on behalf of `sub`, after a token exchange (RFC 8693 section 4.1). */
  act?: { sub: string; [claim: string]: unknown }
  [claim: string]: unknown
}

/**
 * Why a request was rejected.
 *
 * | code | status | meaning |
 * |---|---|---|
 * | `missing_token` | 401 | neither the cookie nor the header contains a token |
 * | `ambiguous_token` | 400 | two `Authorization` values, or two different cookies with the same name |
 * | `opaque_token` | 401 | not a JWT: the client requested it without naming an API resource |
 * | `malformed_token` | 401 | not a valid JWT |
 * | `unsupported_algorithm` | 401 | see `algorithms` |
 * | `invalid_token_type` | 401 | for example an ID token; see `tokenType` |
 * | `unknown_key` | 401 | no key in the key set matches |
 * | `invalid_signature` | 401 | the signature does not match |
 * | `invalid_claims` | 401 | a claim is missing or malformed |
 * | `invalid_issuer` | 401 | see `issuer` |
 * | `invalid_audience` | 401 | see `audience` |
 * | `token_expired` | 401 | `exp` has passed; see also `maxTokenAge` |
 * | `token_not_active` | 401 | `nbf` has not been reached; see also `maxTokenAge` |
 * | `token_revoked` | 401 | see `revocations` and `isRevoked` |
 * | `wrong_organization` | 403 | see `organizationId` |
 * | `missing_scope` | 403 | see `requiredScope` |
 * | `missing_role` | 403 | see `requiredRole` |
 * | `forbidden` | 403 | the application does not permit the request; see {@link forbidden} |
 * | `jwks_unavailable` | 503 | the keys could not be fetched, and no usable cached keys remain |
 * | `overloaded` | 503 | too many expensive signatures wait to be checked |
 * | `revocations_unavailable` | 503 | see `revocations`, with `whenUnavailable: 'refuse'` |
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
  | 'forbidden'
  | 'jwks_unavailable'
  | 'overloaded'
  | 'revocations_unavailable'

/**
 * A rejected request, with everything needed for the response. [docs/errors.md](./docs/errors.md) lists the meaning,
 * common causes and solution of each code.
 *
 * @example
 * ```ts
 * if (error instanceof AuthError) res.writeHead(error.status, error.headers).end(error.message)
 * ```
 */
export class AuthError extends Error {
  /** @internal */
  private constructor()
  /** The reason, for programs. `message` states it for people, and is safe to send to clients. */
  readonly code: AuthErrorCode
  /** HTTP status of the response. */
  readonly status: 400 | 401 | 403 | 503
  /** Equals `status`. Fastify and `http-errors` read this name. */
  readonly statusCode: 400 | 401 | 403 | 503
  /** Value of the `WWW-Authenticate` header (RFC 6750 section 3). `null` during an outage. */
  readonly wwwAuthenticate: string | null
  /** Headers for the response: `WWW-Authenticate`, `Retry-After`, `Cache-Control: no-store`. */
  readonly headers: Record<string, string>
  /**
   * Information for operators: key ids, claims, URLs, but never a token. Do not send it to clients. `reason` is one of the
   * words listed in docs/errors.md.
   */
  readonly details: Readonly<Record<string, unknown>>
  /** The underlying error, if there is one. Do not send it to clients. */
  readonly cause?: unknown
  /** Returns what is safe to send to clients, without `details` and `cause`. Called by `res.json(error)`. */
  toJSON(): { name: string; code: AuthErrorCode; status: number; message: string }
}

/**
 * Creates an error for code that decides itself what a user may do. Thrown in a handler, it becomes a response with status
 * 403, like every other rejection: in Express through `authErrorHandler`.
 *
 * @param message - A sentence that clients may see.
 * @returns An {@link AuthError} with the code `forbidden`, to be thrown.
 *
 * @example
 * ```ts
 * if (order.owner !== auth.userId) throw forbidden('This order belongs to another user')
 * ```
 *
 * @defaultValue `message`: `'Not permitted'`
 * @throws `TypeError` with `code: 'invalid_options'` if `message` is not a string, or empty.
 */
export function forbidden(message?: string): AuthError

/**
 * Returns the response to a rejected request, exactly as the adapters send it, for frameworks without an adapter.
 *
 * @throws `TypeError` if it is not an {@link AuthError}.
 *
 * @example
 * ```ts
 * if (!(error instanceof AuthError)) throw error
 * const { status, headers, body } = errorResponse(error)
 * return new Response(body, { status, headers })
 * ```
 */
export function errorResponse(error: AuthError): ErrorResponse

/** The response to a rejected request. */
export interface ErrorResponse {
  /** HTTP status. */
  status: 400 | 401 | 403 | 503
  /** Headers: those of the {@link AuthError}, and `Content-Type`. */
  headers: Record<string, string>
  /** JSON `{ "error", "code", "message" }`. */
  body: string
}

/**
 * The input of {@link hasScopes} and similar functions: a context, or the claims of a token. `null` and `undefined`
 * have no scopes and no roles.
 */
export type AuthSubject = AuthContext | Partial<AuthPayload> | null | undefined

/**
 * Returns whether the subject has the given scopes. Whole scopes are compared.
 *
 * @param subject - A context or claims.
 * @param scopes - An array, or a space-separated string.
 * @param options - `mode`: whether all scopes are required (the default), or one of them.
 * @throws `TypeError` with `code: 'invalid_options'` for `''` and `[]`, because an empty requirement is a mistake.
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
 * Throws if {@link hasScopes} would return `false`.
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
 * Returns whether the subject has the role. Whole strings are compared.
 *
 * @param subject - A context or claims.
 * @param role - One role.
 * @param options - `claimKeys`: the claims that contain roles, by default `['roles', 'role']`.
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
 * Throws if {@link hasRole} would return `false`.
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
 * Builds the `Set-Cookie` value that stores an access token (RFC 6265 section 4.1):
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

/** Attributes of the cookie that {@link buildAuthCookieHeader} builds. It is always `HttpOnly` and `Secure`. */
export interface AuthCookieOptions {
  /** @defaultValue `'logto_authtoken'` */
  cookieName?: string
  /**
   * Lifetime, in seconds.
   * @defaultValue `604800`, a week
   */
  maxAge?: number
  /** @defaultValue none: only this host */
  domain?: string
  /** @defaultValue `'/'` */
  path?: string
  /** @defaultValue `'Strict'` */
  sameSite?: SameSite
}

/**
 * Builds the `Set-Cookie` value that stores a guest's id:
 * `guest_logto_authtoken=<id>; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax`.
 *
 * The adapters set this cookie themselves; {@link verifyAuth} does not set cookies.
 *
 * @param guestId - 1 to 128 of the characters `A-Z a-z 0-9 _ -`.
 * @param guestCookie - The same as the option `guestCookie`.
 * @throws `TypeError` with `code: 'invalid_options'` if the id is invalid, or if a value would break out of its field.
 *
 * @example
 * ```ts
 * if (auth.isGuest) res.setHeader('Set-Cookie', buildGuestCookieHeader(auth.guestId))
 * ```
 */
export function buildGuestCookieHeader(guestId: string, guestCookie?: GuestCookieOptions): string

/** Attributes of the cookie that stores a guest's id. */
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
  /** @defaultValue none: only this host */
  domain?: string
  /** @defaultValue `'Lax'` */
  sameSite?: SameSite
  /** @defaultValue `true`; the adapters omit this attribute for `localhost`, `127.0.0.1` and `[::1]` over plain http */
  secure?: boolean
  /** @defaultValue `true` */
  httpOnly?: boolean
}

/** The `SameSite` attribute of a cookie. */
export type SameSite = 'Strict' | 'Lax' | 'None' | 'strict' | 'lax' | 'none'

/**
 * Clears every cached key set that verifiers for this Logto server use, including those behind `jwksUri`, in all worker threads
 * of the process. The next verification fetches them again, and tokens of removed keys are no longer accepted.
 *
 * @param logtoUrl - The option `logtoUrl`, an `issuer`, or a `jwksUri`.
 * @returns The number of key sets that were cached.
 * @throws `TypeError` with `code: 'invalid_options'` if it is not an `http:` or `https:` URL.
 *
 * @example
 * ```ts
 * invalidateJwksCache('https://auth.example.com')
 * ```
 */
export function invalidateJwksCache(logtoUrl: string): number

/**
 * Returns the accepted token of a context, to call another API on behalf of the user. It is not a member of the context, so it
 * never appears in logs.
 *
 * @param auth - A context that this package has created. A copy of one has no token.
 * @returns The token, or `null` for a guest and for a principal returned by `fallback`.
 * @throws `TypeError` for any other object.
 *
 * @example
 * ```ts
 * await fetch(url, { headers: { Authorization: `Bearer ${tokenOf(auth)}` } })
 * ```
 */
export function tokenOf(auth: AuthContext): string | null

/** Clears all cached key sets for the whole process. */
export function clearJwksCache(): void
