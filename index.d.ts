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
 * @param input - A request (see {@link RequestLike}), or the token as a string. A token passed as a string never
 *   results in a guest.
 * @param options - The options, or an existing verifier. An array has one options object per Logto server. The issuer
 *   in the token selects the options object before any key is fetched. Requests without a token use the first options
 *   object.
 * @returns The context of the request. With `allowGuest`, requests with a missing or rejected token get a {@link GuestContext}.
 * @throws {@link AuthError} if there is no valid token. The `status` of the error is 400, 401, 403 or, during an outage, 503.
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
 * Verifies a single access token. The result is never a {@link GuestContext}, regardless of `allowGuest`.
 *
 * @param token - The compact JWS (RFC 7515 section 7.1), without `Bearer`.
 * @param options - The options, or an existing verifier.
 * @returns The context of the token.
 * @throws {@link AuthError} if the token is rejected.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown, missing or invalid option.
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
 * Parses options once for many verifications. `createVerifier` does not connect to Logto, but {@link Verifier.prefetch} does.
 *
 * @param options - See {@link VerifyAuthOptions}. An array has one entry per Logto server, as in {@link verifyAuth}.
 *   Without options, `LOGTO_URL` and `LOGTO_AUDIENCE` are read from the environment.
 * @returns The verifier, which {@link verifyAuth} accepts in place of options.
 * @throws `TypeError` with `code: 'invalid_options'`. The message names the option, the invalid value and the expected value.
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

/** The options for one Logto server, or an array with the options for several servers, each with its own issuer. */
export type OneOrMore<Options> = Options | readonly Options[]

/**
 * An `audience` that accepts organization tokens for any organization. `auth.organizationId` is the id of the token's
 * organization.
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
   * Fetches the key set now, so that the first request does not wait for keys. Does nothing if a usable key set is
   * cached, even if it is stale because of an outage.
   *
   * @throws {@link AuthError} `jwks_unavailable` if the key set could not be fetched. The next call retries the fetch.
   */
  prefetch(): Promise<void>

  /** Returns statistics for monitoring. {@link VerifierStats} describes the units and the meaning of each value. */
  stats(): VerifierStats
}

/**
 * A snapshot of a verifier's caches. Counters start at 0 and only increase.
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
   * The cache of verified tokens. Verifiers with the same key set URL and the same `tokenCacheSize` share one cache across
   * all worker threads. `hits` and `misses` count only this verifier's verifications.
   */
  tokens: {
    /** Number of cached tokens, at most `tokenCacheSize`. Expired tokens are removed only when space is needed. */
    size: number
    /**
     * Number of tokens found in the cache, including tokens that a later check rejected. A request with two tokens can
     * count as two hits.
     */
    hits: number
    /**
     * Number of tokens not found in the cache. On a cache miss, the library checks the token's signature, unless an
     * earlier check fails.
     */
    misses: number
  }
  /**
   * The key set. All verifiers with the same key set URL share one key set and its counters across all worker threads, unless
   * `skipJwksCache` is set. With the `jwks` option, `state` is always `fresh`, and `fetches` and `failures` are 0.
   */
  jwks: {
    /**
     * `empty`: no key set is cached. `fresh`: the key set is no older than this verifier's `jwksCacheTtlMs`. `stale`:
     * the key set is older, and the next verification refetches it. A stale key set is used for up to `jwksMaxStaleMs`.
     */
    state: 'empty' | 'fresh' | 'stale'
    /** Number of usable keys in the cached key set. */
    keys: number
    /** Number of key set requests, including any that is in progress. */
    fetches: number
    /** Number of failed key set requests. */
    failures: number
    /**
     * Unix time in milliseconds at which the request for the cached key set started. `null` if no key set is cached, or
     * with the `jwks` option.
     */
    fetchedAt: number | null
    /**
     * Why the last request for the key set failed, as a message for operators. `null` if that request succeeded, or if
     * the cache was cleared after the failure.
     */
    lastError: string | null
  }
}

/**
 * The result of a verification, published on the channel `logto-authkit:verify` of `node:diagnostics_channel`. The
 * message contains no user id, no key id and no part of the token.
 *
 * Every verification on this thread is published once, before the caller gets the result, and in the caller's
 * asynchronous context. Verifications that end with a `TypeError` for invalid options, or with an error thrown by the
 * application's own functions, are not published.
 *
 * If a subscriber throws, Node.js reports an `uncaughtException`, and the verification continues.
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
  /** `ok`, or the error code of the rejection. For a guest, `outcome` is the `guestReason`. */
  outcome: 'ok' | AuthErrorCode
  /** Whether the request was treated as a guest because of `allowGuest`. */
  guest: boolean
  /** Whether the request was accepted with a cached token, so that no signature was checked. */
  remembered: boolean
  /** Time from the call to the result in milliseconds (fractional), including the time spent waiting for keys and `isRevoked`. */
  duration: number
}

/**
 * A finished request for a key set, published on the channel `logto-authkit:jwks` of `node:diagnostics_channel`.
 *
 * Fetches run on native threads. Each fetch is published once per process, as soon as a verification, `prefetch()` or
 * `stats()` completes on a thread that has a subscriber. A verification that waited for a fetch publishes that fetch
 * immediately. A background fetch is published when the next verification, `prefetch()` or `stats()` completes. Up to
 * 64 fetches are kept until they are published.
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
   * Why the key set was fetched. `empty`: no key set was cached. `stale`: the cached key set was older than `jwksCacheTtlMs`.
   * `refresh`: the cached key set was about to become stale and was refreshed in the background. `unknown_kid`: a token
   * named a key that was not in the cached key set.
   */
  reason: 'empty' | 'stale' | 'refresh' | 'unknown_kid'
  /** Whether the fetch succeeded. A 304 response, which means that the keys have not changed, also counts as `ok`. */
  outcome: 'ok' | 'failed'
  /** Number of usable keys in the key set, or 0 if the request failed. */
  keys: number
  /** Message for operators that says why the request failed, or `null` if it succeeded. The wording may change. */
  error: string | null
  /** Start of the request, as Unix time in milliseconds. */
  startedAt: number
  /** Duration of the request in milliseconds (fractional). */
  duration: number
}

/**
 * Any object with headers: the request of Node's `http`, Express, Fastify, Hapi, Koa (`ctx.request` or `ctx.req`) or
 * Socket.IO (`socket.handshake`), a fetch `Request`, a `NextRequest`, the event of a Lambda function, or a plain object.
 *
 * Cookies are read from the `Cookie` header, so no cookie parser is needed. Cookies that a cookie parser has stored in
 * `cookies` are read too.
 *
 * For any other input, a `TypeError` names the expected type, so that unreadable input is never mistaken for a request
 * without a token. A request is unreadable, for example, if `headers` or `cookies` is a promise, if `headers` is a
 * `Map` or an array, or if the value of a header is neither a string nor an array of strings.
 *
 * @example
 * ```ts
 * import { cookies, headers } from 'next/headers'
 * const auth = await verifier.verify({ headers: await headers(), cookies: await cookies() })
 * ```
 */
export interface RequestLike {
  /** Header values by lowercase name, or an object with a `get` method, such as `Headers` or gRPC's `Metadata`. */
  readonly headers:
    | { get(name: string): string | null | readonly unknown[] }
    | { readonly [name: string]: string | readonly string[] | undefined }

  /**
   * Parsed cookies by name, an object with a `get` method, or an array of `name=value` strings as in AWS Lambda events.
   * Cookies whose values are not strings are ignored.
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
 * - `guests: true`: required if you use `allowGuest` in Express, Fastify or Koa, where the context type is global. The
 *   context type then includes guests.
 * - `claims`: the type of the claims that your custom-claims script adds to `auth.payload`.
 * - `property`: the value of the `property` option of `logtoAuth` in Express. Register `property` if another library,
 *   such as `express-oauth2-jwt-bearer` or the MCP SDK, declares `req.auth` with its own type.
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

/** The context type in Express, Fastify and Koa, as determined by {@link Register}. */
export type RegisteredContext = Register extends { guests: true } ? AuthContext : AuthenticatedContext

/** The type of the claims that the application has registered in {@link Register}. */
export type RegisteredClaims = Register extends { claims: infer Claims } ? Claims : unknown

/** The type of the `allowGuest` option in Express, Fastify and Koa, as determined by {@link Register}. */
export type RegisteredGuests = Register extends { guests: true }
  ? VerifyAuthOptions['allowGuest']
  : false | GuestsNotRegistered

/**
 * The text that the compiler shows if you use `allowGuest` without adding `guests: true` to {@link Register}. It is not
 * a valid value.
 */
export type GuestsNotRegistered =
  "To use allowGuest here, add: declare module 'logto-authkit' { interface Register { guests: true } }"

/**
 * The options that determine which tokens are accepted, and where the keys come from. Only `logtoUrl` and `audience` are required,
 * unless the environment variables `LOGTO_URL` and `LOGTO_AUDIENCE` are set.
 */
export interface VerifyAuthOptions<Claims = unknown> {
  /**
   * URL of your Logto server (its `ENDPOINT`).
   *
   * The URL is normalized the way Logto does it: trailing slashes are dropped, the hostname is lowercased, the default
   * port is removed, a sub-path is kept, and `/oidc` is appended once. Plain `http` to a host other than loopback is
   * allowed, with one warning per process. The URL of Logto's discovery document or key set is accepted too.
   *
   * @defaultValue `process.env.LOGTO_URL`
   * @throws `TypeError` `invalid_options` if the value is not an `http:` or `https:` URL.
   *
   * @example
   * ```ts
   * logtoUrl: 'https://auth.example.com'
   * ```
   */
  logtoUrl?: string | undefined

  /**
   * The resource indicator that the `aud` claim must contain (RFC 9068 section 4), exactly as registered in
   * Logto: `https://api.example.com` and `https://api.example.com/` are different resources. If you pass several values,
   * one of them must match.
   *
   * `null` disables the audience check, so that tokens for any API of the same Logto instance are accepted.
   *
   * {@link ANY_ORGANIZATION} accepts organization tokens for any organization.
   *
   * An audience is not a permission: every application can get a token for any registered API from Logto, even without scopes.
   *
   * @defaultValue `process.env.LOGTO_AUDIENCE`, split at white space
   * @throws `TypeError` `invalid_options` if the value is missing, `''` or `[]`; {@link AuthError} `invalid_audience` (401).
   *
   * @example
   * ```ts
   * audience: 'https://api.example.com'
   * ```
   */
  audience?: string | readonly string[] | null | undefined

  /**
   * The accepted value of the `iss` claim (RFC 9068 section 4), or an array of accepted values. A tenant's default
   * domain and custom domain are two issuers with the same key set.
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
   * URL of the key set, for applications that do not reach Logto at its public URL.
   *
   * @defaultValue `<logtoUrl>/oidc/jwks`. The discovery document is not used, because Logto derives the URLs in that document
   * from the `Host` header.
   * @throws {@link AuthError} `jwks_unavailable` (503).
   *
   * @example
   * ```ts
   * jwksUri: 'http://logto.internal:3001/oidc/jwks'
   * ```
   */
  jwksUri?: string

  /**
   * A static key set (RFC 7517 section 5). No keys are fetched, so you need a new verifier after a key rotation.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` if the key set contains no usable key.
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
   * The sources of the token, in the order in which they are tried. If the token from the first source is rejected with
   * 401, the token from the second source is tried. If both tokens are rejected, the first token's error is reported.
   * An empty array is allowed only with `getToken`.
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
   * Reads the token from a place other than the cookie and the `Authorization` header. `getToken` is called before `tokenSources`
   * are read, and returns `null`, `undefined` or `''` if there is no token.
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
   * Accepts requests without a valid Logto token, for example requests with an API key. `fallback` is called for
   * requests rejected with 400 or 401, before they are treated as guests, but not for tokens passed as strings.
   * The {@link Principal} that `fallback` returns becomes a context with `subjectType: 'external'`, which must meet the
   * same requirements as a token's context. If `fallback` returns `null` or `undefined`, the request is still rejected.
   *
   * You can declare the first parameter with the type of the request that you pass in.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` if the principal is invalid. An invalid principal, or any error that
   *   `fallback` throws, counts as a server error (500), and the request is not treated as a guest.
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
   * Scopes that the token must have, as an array or a space-separated string. Scopes must match exactly, including case
   * (RFC 6749 section 3.3).
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` for `undefined`, `''`, `[]` and comma-separated scopes; {@link AuthError}
   * `missing_scope` (403).
   *
   * @example
   * ```ts
   * requiredScope: 'read:orders write:orders'
   * ```
   */
  requiredScope?: string | readonly string[]

  /**
   * Whether the token needs all scopes in `requiredScope`, or at least one of them.
   *
   * @defaultValue `'all'`
   */
  scopeMode?: ScopeMode

  /**
   * Roles that the token must have. Logto does not put roles into access tokens by default, but a custom-claims script can add
   * roles.
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
   * Whether the token needs all roles in `requiredRole`, or at least one of them.
   *
   * @defaultValue `'all'`
   */
  roleMode?: ScopeMode

  /**
   * Claims that contain roles. If the claim is a string, the whole string is one role. If the claim is an array, each string in it
   * is a role.
   *
   * @defaultValue `['roles', 'role']`
   * @throws `TypeError` `invalid_options` for `''` and `[]`.
   */
  roleClaims?: string | readonly string[]

  /**
   * Id of the organization that the token must belong to, according to its `organization_id` claim or its audience
   * `urn:logto:organization:<id>`. `null` rejects tokens that belong to an organization. Without `organizationId`, the
   * organization is not checked. The audience check is no substitute, because an API's tokens have the same `aud` with
   * and without an organization.
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
   * A schema for the claims, from any library that implements Standard Schema 1 (Zod, Valibot, ArkType). The claims are validated
   * after scopes and roles, and the output of the schema becomes `auth.claims`.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` for `undefined`; {@link AuthError} `invalid_claims` (401) with the problems in `details.issue`.
   *
   * @example
   * ```ts
   * claims: z.object({ email: z.email() })
   * ```
   */
  claims?: StandardSchemaV1<unknown, Claims>

  /**
   * Decides whether a request is permitted, once scopes, roles and `claims` have been checked. If `check` throws an
   * {@link AuthError}, that error becomes the response. Any other exception counts as a server error (500). The option
   * must not be explicitly `undefined`, so that an unset variable cannot disable the check.
   *
   * You can declare the second parameter with the type of the request that you pass in. For a token passed as a string, the
   * second argument is `undefined`.
   *
   * @defaultValue none
   * @throws {@link AuthError} `forbidden` (403) if the function returns a falsy value; `TypeError` `invalid_options` if it returns
   * a truthy value other than `true`.
   *
   * @example
   * ```ts
   * check: ({ userId }, req: Request) => projects.isMember(userId, req.params.project)
   * ```
   */
  check?(auth: ContextWith<Claims>, req: RequestLike): boolean | Promise<boolean>

  /**
   * For logs and metrics: called for every rejection, even if the request is then treated as a guest. `onRefused` does
   * not change the response. If `onRefused` throws, the process emits a warning, once per function and at most 100 times
   * per hour.
   *
   * You can declare the second parameter with the type of the request that you pass in. For a token passed as a string, the
   * second argument is `undefined`.
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
   * Returns a {@link GuestContext} for a missing or rejected token instead of throwing an error. Requests that fail
   * because of an outage are also treated as guests, but invalid options always throw. With `'no-token'`, only requests
   * without any token are treated as guests, and an invalid token is rejected.
   *
   * @defaultValue `false`
   */
  allowGuest?: boolean | 'no-token'

  /**
   * Attributes of the cookie that stores a guest's id. With `false`, the adapters never set the cookie.
   *
   * @defaultValue see {@link GuestCookieOptions}
   */
  guestCookie?: GuestCookieOptions | false

  /**
   * The required value of the `typ` header, compared case-insensitively and without the prefix `application/` (RFC 7515 section
   * 4.1.9). The `typ` distinguishes access tokens from ID tokens, which Logto signs with the same keys. `null` accepts tokens of
   * any type or without a type. Logout tokens are always rejected.
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
   * @throws `TypeError` `invalid_options` if the value is negative, `NaN` or infinite, as for all numeric options.
   */
  clockTolerance?: number

  /**
   * The time to use instead of the current time, for tests: a `Date`, or a function that is called once per
   * verification. By default, `exp` and `nbf` are checked against the calling thread's `Date.now()`, so fake timers
   * work. Unless `currentDate` is a `Date`, the clock keeps running while a verification waits for keys or for a
   * thread.
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
   * Maximum age of a token, in seconds since its `iat` claim. `clockTolerance` does not extend the maximum age.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` for `undefined`; {@link AuthError} `token_expired` (401) if the token is older, `token_not_active` (401) if `iat` is more than a minute
   * in the future, or `invalid_claims` (401) if `iat` is missing.
   *
   * @example
   * ```ts
   * maxTokenAge: 300 // a payment requires a token of the last five minutes
   * ```
   */
  maxTokenAge?: number

  /**
   * Called last, for tokens that have passed all other checks. If `isRevoked` throws, the verification fails with the same error.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` for `undefined`; {@link AuthError} `token_revoked` (401) if the function returns a truthy value.
   *
   * @example
   * ```ts
   * isRevoked: async ({ userId }) => (await users.find(userId)).suspended
   * ```
   */
  isRevoked?(auth: ContextWith<Claims>): boolean | Promise<boolean>

  /**
   * The users, sessions and tokens to reject before the tokens expire, as returned by `createRevocations` from
   * `logto-authkit/revocation`. Revocations are checked in memory for every request, before the checks that can lead to
   * a 403.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` for `undefined`; {@link AuthError} `token_revoked` (401), or `revocations_unavailable` (503) with `whenUnavailable: 'refuse'`.
   *
   * @example
   * ```ts
   * revocations: createRevocations({ store: redisStore(client) })
   * ```
   */
  revocations?: import('./js/revocation').Revocations

  /**
   * The realm in the `WWW-Authenticate` header of the response to a request without a token (RFC 9110 section 11.5). The realm may
   * contain printable ASCII characters except quotes and backslashes.
   *
   * @defaultValue `'api'`
   */
  realm?: string

  /**
   * URL of the resource metadata. Every `WWW-Authenticate` header contains the URL as `resource_metadata` (RFC 9728
   * section 5.1), so that MCP clients can discover where to get a token. `createResourceMetadata` from
   * `logto-authkit/resource-metadata` creates the document and its URL.
   *
   * With several Logto servers, each options object in the array has its own URL. The issuer in the rejected token
   * determines which URL the challenge contains. For a request without a token, or with a token of an unknown issuer,
   * the challenge contains the URL from the first options object.
   *
   * @defaultValue none
   * @throws `TypeError` `invalid_options` if the value is not an `http:` or `https:` URL, or has a query or a fragment.
   *
   * @example
   * ```ts
   * resourceMetadata: 'https://api.example.com/.well-known/oauth-protected-resource'
   * ```
   */
  resourceMetadata?: string

  /**
   * How long a fetched key set is fresh, in milliseconds. With `0`, the key set is fetched for every verification. The library
   * ignores the `Cache-Control: no-cache` header, which Logto sends.
   *
   * @defaultValue `300000`, five minutes
   */
  jwksCacheTtlMs?: number

  /**
   * Timeout for fetching the key set, from connecting to receiving the last byte, in milliseconds. Must be greater than 0.
   *
   * @defaultValue `5000`
   */
  jwksTimeoutMs?: number

  /**
   * Minimum time in milliseconds between key set requests caused by an unknown `kid`, and maximum delay between retries
   * if the endpoint fails. While no usable key set is cached, a failed connection is retried once immediately. Further
   * retries start after 250 ms, and the delay doubles up to `jwksCooldownMs`.
   *
   * @defaultValue `10000`
   */
  jwksCooldownMs?: number

  /**
   * How long a stale key set (older than `jwksCacheTtlMs`) remains usable while it is being refreshed or cannot be refreshed, in
   * milliseconds. With `0`, stale key sets are never used.
   *
   * @defaultValue `3600000`, one hour
   */
  jwksMaxStaleMs?: number

  /**
   * The only CA certificates, in PEM format, that are trusted for fetching keys. These certificates replace Mozilla's,
   * the system's and those in `NODE_EXTRA_CA_CERTS`.
   *
   * @example
   * ```ts
   * jwksCa: readFileSync('ca.pem', 'utf8')
   * ```
   */
  jwksCa?: string

  /**
   * Disables the key set cache: every verification fetches the key set, and stale key sets are never used.
   *
   * @defaultValue `false`
   */
  skipJwksCache?: boolean

  /**
   * Maximum number of cached tokens. `0` disables the token cache. The cache records only that a signature is
   * valid. Claims and times are checked on every call.
   *
   * @defaultValue `5000`
   */
  tokenCacheSize?: number
}

/** A source of the token: the cookie whose name is `cookieName`, or the `Authorization: Bearer` header (RFC 6750 section 2.1). */
export type TokenSource = 'cookie' | 'header'

/** Whether all of the given scopes or roles are required, or at least one of them. */
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
  /**
   * Key id, as in the header of tokens signed with the key. Logto's key ids are the thumbprints of the keys (RFC 7638).
   */
  readonly kid?: string
  /** `sig`, if present. */
  readonly use?: string
  /** If `key_ops` is present, it must contain `verify`. */
  readonly key_ops?: readonly string[]
  /** The only algorithm that the key may be used with. Logto's RSA keys have no `alg`. */
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
  /** The id of the user, which becomes `userId` and the `sub` claim. */
  userId: string
  /** The scopes that the principal has. @defaultValue `[]` */
  scopes?: readonly string[]
  /** The organization that the principal belongs to. @defaultValue `null` */
  organizationId?: string | null
  /** The application that sent the request. @defaultValue `null` */
  clientId?: string | null
  /**
   * Claims for `auth.payload` (JSON values), such as roles. The `sub` claim, if present, must equal `userId`. @defaultValue `{}`
   */
  claims?: Readonly<Record<string, unknown>> | null
}

/** A schema as defined by Standard Schema 1 (https://standardschema.dev), which many validation libraries implement. */
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

/** The context of a valid token, in which `claims` has the output type of the schema. */
export type ContextWith<Claims> = unknown extends Claims
  ? AuthenticatedContext
  : AuthenticatedContext & { claims: Claims }

/** The sender of a request: an authenticated subject or a guest. To distinguish subjects from guests, check `isAuthenticated`. */
export type AuthContext = AuthenticatedContext | GuestContext

/** The context of a request with a valid access token. */
export interface AuthenticatedContext {
  /** The `sub` claim: the id of the user, or the id of the application for a machine-to-machine token. */
  userId: string
  isAuthenticated: true
  /**
   * All claims of the token, as a new object for every verification. If `subjectType` is `external`, the payload contains only
   * `sub` and the claims of the {@link Principal}.
   */
  payload: AuthPayload & RegisteredClaims
  /** The output of the `claims` option. */
  claims?: unknown
  isGuest: false
  /** The `scope` claim, split at spaces. The array is empty if Logto granted no scopes. */
  scopes: string[]
  /** The `client_id` claim: the id of the application that requested the token. */
  clientId: string | null
  /** The `organization_id` claim, or the id in an audience `urn:logto:organization:<id>`. */
  organizationId: string | null
  /**
   * `machine` if `sub` equals `client_id`, as in Logto's machine-to-machine tokens. `external` for a {@link Principal} that
   * `fallback` returned.
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
   * The guest cookie's value if it matches `[A-Za-z0-9_-]{1,128}`, otherwise a new random UUID. Your application can
   * use the id to recognize a returning visitor, but the id does not prove identity, because any client can set the
   * cookie.
   */
  guestId: string
  /**
   * The code with which the request would have been rejected without `allowGuest`, for example `missing_token` for a visitor or
   * `token_expired` for an expired session.
   */
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
  /** Id of the user, or id of the application for a machine-to-machine token. */
  sub: string
  /** Resource indicator of the API. In Logto's tokens, `aud` is always a single string. */
  aud: string | string[]
  /** Expiry time, as Unix time in seconds. */
  exp: number
  /** Time of issue, as Unix time in seconds. */
  iat?: number
  /** Time from which the token is valid, as Unix time in seconds. */
  nbf?: number
  /** Id of the token. */
  jti?: string
  /** Granted scopes, separated by spaces. The `scope` claim is missing or empty if no scopes were granted. */
  scope?: string
  /** Id of the application that requested the token. */
  client_id?: string
  /** Id of the organization, in tokens for an API resource within an organization. */
  organization_id?: string
  /** The party that acts on behalf of `sub`, after a token exchange (RFC 8693 section 4.1). */
  act?: { sub: string; [claim: string]: unknown }
  [claim: string]: unknown
}

/**
 * Why a request was rejected.
 *
 * | code | status | meaning |
 * |---|---|---|
 * | `missing_token` | 401 | neither the cookie nor the header contains a token |
 * | `ambiguous_token` | 400 | the request has two `Authorization` values, or two different cookies with the same name |
 * | `opaque_token` | 401 | the token is not a JWT, because the client requested it without naming an API resource |
 * | `malformed_token` | 401 | the token is not a valid JWT |
 * | `unsupported_algorithm` | 401 | the `algorithms` option does not contain the algorithm of the token |
 * | `invalid_token_type` | 401 | the token does not have the type that `tokenType` requires, for example because it is an ID token |
 * | `unknown_key` | 401 | no key in the key set matches the token |
 * | `invalid_signature` | 401 | the signature does not match |
 * | `invalid_claims` | 401 | a claim is missing or malformed |
 * | `invalid_issuer` | 401 | the `iss` claim does not match the `issuer` option |
 * | `invalid_audience` | 401 | the `aud` claim does not match the `audience` option |
 * | `token_expired` | 401 | `exp` has passed, or the token is older than `maxTokenAge` |
 * | `token_not_active` | 401 | `nbf` has not been reached, or `iat` is in the future and `maxTokenAge` is set |
 * | `token_revoked` | 401 | `revocations` cover the token, or `isRevoked` returned `true` |
 * | `wrong_organization` | 403 | the organization of the token does not match the `organizationId` option |
 * | `missing_scope` | 403 | the token lacks a scope in `requiredScope` |
 * | `missing_role` | 403 | the token lacks a role in `requiredRole` |
 * | `forbidden` | 403 | the application threw {@link forbidden}, or `check` returned `false` |
 * | `jwks_unavailable` | 503 | the keys could not be fetched, and no usable cached keys remain |
 * | `overloaded` | 503 | too many expensive signature checks are queued |
 * | `revocations_unavailable` | 503 | the store of `revocations` is unavailable, and `whenUnavailable` is `'refuse'` |
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
 * The error for a rejected request, with the status, headers and message of the response.
 * [docs/errors.md](./docs/errors.md) lists the meaning, common causes and solution of each code.
 *
 * @example
 * ```ts
 * if (error instanceof AuthError) res.writeHead(error.status, error.headers).end(error.message)
 * ```
 */
export class AuthError extends Error {
  /** @internal */
  private constructor()
  /**
   * A constant that identifies the reason for the rejection. `message` explains the rejection, and is safe to send to
   * clients.
   */
  readonly code: AuthErrorCode
  /** HTTP status of the response. */
  readonly status: 400 | 401 | 403 | 503
  /** The same value as `status`, for Fastify and `http-errors`, which read `statusCode`. */
  readonly statusCode: 400 | 401 | 403 | 503
  /** Value of the `WWW-Authenticate` header (RFC 6750 section 3). `null` during an outage. */
  readonly wwwAuthenticate: string | null
  /** Headers for the response: `WWW-Authenticate`, `Retry-After`, `Cache-Control: no-store`. */
  readonly headers: Record<string, string>
  /**
   * Information for operators, such as key ids, claims and URLs, but never a token. Do not send `details` to clients.
   * `details.reason` is one of the words listed in docs/errors.md.
   */
  readonly details: Readonly<Record<string, unknown>>
  /** The underlying error, if there is one. Do not send `cause` to clients. */
  readonly cause?: unknown
  /** Returns the members that are safe to send to clients, without `details` and `cause`. `res.json(error)` calls `toJSON`. */
  toJSON(): { name: string; code: AuthErrorCode; status: number; message: string }
}

/**
 * Creates an error for your own permission checks. If a handler throws this error, the response has status 403 and the same format
 * as every other rejection. In Express, register `authErrorHandler` to send this response.
 *
 * @param message - A sentence that clients may see.
 * @returns An {@link AuthError} with the code `forbidden`, which your code throws.
 *
 * @example
 * ```ts
 * if (order.owner !== auth.userId) throw forbidden('This order belongs to another user')
 * ```
 *
 * @defaultValue `message`: `'Not permitted'`
 * @throws `TypeError` with `code: 'invalid_options'` if `message` is empty or not a string.
 */
export function forbidden(message?: string): AuthError

/**
 * Returns the response to a rejected request, exactly as the adapters would send it. `errorResponse` is for frameworks without
 * an adapter.
 *
 * @param error - The rejection.
 * @returns The status, the headers and the JSON body.
 * @throws `TypeError` if the argument is not an {@link AuthError}.
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
  /** The headers of the {@link AuthError}, and `Content-Type`. */
  headers: Record<string, string>
  /** A JSON object with the members `error`, `code` and `message`. */
  body: string
}

/**
 * The subject whose scopes or roles {@link hasScopes}, {@link requireScopes}, {@link hasRole} and {@link requireRole} check: a
 * context, or the claims of a token. `null` and `undefined` have no scopes and no roles.
 */
export type AuthSubject = AuthContext | Partial<AuthPayload> | null | undefined

/**
 * Returns whether the subject has the given scopes. Scopes must match exactly.
 *
 * @param subject - A context or claims.
 * @param scopes - An array, or a space-separated string.
 * @param options - `mode`: whether all scopes are required (the default), or at least one of them.
 * @returns `true` if the subject has the scopes. Always `false` for a guest and for `null`.
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
 * @param subject - A context or claims.
 * @param scopes - An array, or a space-separated string.
 * @param options - `mode`: whether all scopes are required (the default), or one of them.
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
 * Returns whether the subject has the role. Roles must match exactly.
 *
 * @param subject - A context or claims.
 * @param role - A single role.
 * @param options - `claimKeys`: the claims that contain roles, by default `['roles', 'role']`.
 * @returns `true` if the subject has the role. Always `false` for a guest and for `null`.
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
 * @param subject - A context or claims.
 * @param role - One role.
 * @param options - `claimKeys`: the claims that contain roles, by default `['roles', 'role']`.
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
 * @param token - The access token.
 * @param options - The attributes of the cookie.
 * @returns The value of a `Set-Cookie` header.
 * @throws `TypeError` with `code: 'invalid_options'` if a value contains characters that cookies must not contain, or
 *   if browsers would drop the cookie.
 *
 * @example
 * ```ts
 * res.setHeader('Set-Cookie', buildAuthCookieHeader(token, { maxAge: 3600 }))
 * ```
 */
export function buildAuthCookieHeader(token: string, options?: AuthCookieOptions): string

/** Attributes of the cookie that {@link buildAuthCookieHeader} builds. The cookie is always `HttpOnly`. */
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
  /**
   * `false` is for development over plain http, where Safari drops `Secure` cookies, even for `localhost`.
   * @defaultValue `true`
   */
  secure?: boolean
}

/**
 * Builds the `Set-Cookie` value that stores a guest's id:
 * `guest_logto_authtoken=<id>; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax`.
 *
 * The adapters set this cookie automatically, but {@link verifyAuth} does not set cookies.
 *
 * @param guestId - The guest's id: 1 to 128 characters from `A-Z a-z 0-9 _ -`.
 * @param guestCookie - The attributes of the cookie: see the `guestCookie` option.
 * @returns The value of a `Set-Cookie` header.
 * @throws `TypeError` with `code: 'invalid_options'` if the id is invalid, if a value contains characters that cookies
 *   must not contain, or if browsers would drop the cookie.
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
  /** @defaultValue `true`, but the adapters omit this attribute for `localhost`, `127.0.0.1` and `[::1]` over plain http */
  secure?: boolean
  /** @defaultValue `true` */
  httpOnly?: boolean
}

/** The `SameSite` attribute of a cookie. */
export type SameSite = 'Strict' | 'Lax' | 'None' | 'strict' | 'lax' | 'none'

/**
 * Clears every cached key set that verifiers for this Logto server use, including key sets from a `jwksUri`, in all
 * worker threads. The next verification fetches the keys again, and tokens signed with removed keys are no longer
 * accepted.
 *
 * @param logtoUrl - The `logtoUrl` option, an `issuer`, or a `jwksUri`.
 * @returns The number of key sets that were cached.
 * @throws `TypeError` with `code: 'invalid_options'` if `logtoUrl` is not an `http:` or `https:` URL.
 *
 * @example
 * ```ts
 * invalidateJwksCache('https://auth.example.com')
 * ```
 */
export function invalidateJwksCache(logtoUrl: string): number

/**
 * Returns the token that a context was created from, so that your server can call another API on the user's behalf. The
 * token is not a member of the context, so logging the context does not reveal the token.
 *
 * @param auth - A context created by this package, not a copy.
 * @returns The token, or `null` for a guest and for a principal that `fallback` returned.
 * @throws `TypeError` if this package did not create the context.
 *
 * @example
 * ```ts
 * await fetch(url, { headers: { Authorization: `Bearer ${tokenOf(auth)}` } })
 * ```
 */
export function tokenOf(auth: AuthContext): string | null

/**
 * Clears all cached key sets for the whole process.
 *
 * @example
 * ```ts
 * clearJwksCache()
 * ```
 */
export function clearJwksCache(): void
