/**
 * A drop-in replacement for `@ouim/logto-authkit/server` 0.3, with the same names, signatures, results and responses. To migrate,
 * change the import. `docs/migrating.md` lists every difference and its reason.
 *
 * New code should use `logto-authkit`, `logto-authkit/express`, `logto-authkit/next` and `logto-authkit/csrf`.
 *
 * @example
 * ```ts
 * import { createExpressAuthMiddleware } from 'logto-authkit/server'
 *
 * app.use('/api', createExpressAuthMiddleware({ logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' }))
 * ```
 *
 * @packageDocumentation
 */

import type { AuthCookieOptions, VerifyAuthOptions as CoreOptions, ScopeMode } from '..'

export { clearJwksCache, invalidateJwksCache } from '..'
export {
  buildCsrfCookieHeader,
  CSRF_COOKIE_NAME,
  CSRF_HEADER_NAME,
  type CsrfMiddlewareOptions,
  type CsrfVerifyResult,
  createCsrfMiddleware,
  generateCsrfToken,
  verifyCsrfToken,
} from './csrf'

/**
 * Verifies a token passed as a string, or the token in the cookie or the `Authorization` header of a request. A token
 * passed as a string never results in a guest.
 *
 * @param tokenOrRequest - A token, or an object with headers.
 * @param options - See {@link VerifyAuthOptions}.
 * @returns The context of the request.
 * @throws `Error` with the message `No token found in request`, or `Token verification failed: …` for any other
 * failure. The `cause` of the error is the `AuthError`.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
 *
 * @example
 * ```ts
 * const auth = await verifyAuth(request, { logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' })
 * ```
 */
export function verifyAuth(
  tokenOrRequest: string | { cookies?: unknown; headers?: unknown },
  options: VerifyAuthOptions,
): Promise<AuthContext>

/**
 * Like {@link verifyAuth}, but accepts only a token passed as a string.
 *
 * @param token - The token, without `Bearer`.
 * @param options - See {@link VerifyAuthOptions}.
 * @returns The context of the token.
 * @throws `Error` with the message `Token verification failed: …`.
 *
 * @example
 * ```ts
 * const { userId } = await verifyLogtoToken(token, options)
 * ```
 */
export function verifyLogtoToken(token: string, options: VerifyAuthOptions): Promise<AuthContext>

/**
 * Creates middleware that sets `req.auth`, or responds with status 401, or with status 503 during an outage.
 *
 * @param options - See {@link VerifyAuthOptions}.
 * @returns The middleware.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid option. The error is thrown when the
 * middleware is created, not on the first request.
 *
 * @example
 * ```ts
 * app.get('/me', createExpressAuthMiddleware(options), (req, res) => res.json({ userId: req.auth.userId }))
 * ```
 */
export function createExpressAuthMiddleware(
  options: VerifyAuthOptions,
): (req: Pick<ExpressRequest, 'headers'>, res: object, next: ExpressNext) => Promise<void>

/**
 * Verifies a Next.js request, or any object with headers. `verifyNextAuth` never throws for an invalid token. With `allowGuest`,
 * the result is always a success, so check `auth.isAuthenticated`.
 *
 * @param request - A `NextRequest`, or any object with headers.
 * @param options - See {@link VerifyAuthOptions}.
 * @returns The context, or the reason for rejection.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
 *
 * @example
 * ```ts
 * const result = await verifyNextAuth(request, options)
 * if (!result.success) return Response.json({ error: result.error }, { status: 401 })
 * ```
 */
export function verifyNextAuth(
  request: NextRequest,
  options: VerifyAuthOptions,
): Promise<{ success: true; auth: AuthContext } | { success: false; error: string; auth?: AuthContext }>

/**
 * Builds the `Set-Cookie` value that stores a token. The cookie is always `HttpOnly` and `Secure`.
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
export function buildAuthCookieHeader(
  token: string,
  options?: AuthCookieOptions & {
    /** Ignored: the cookie always has this attribute. */
    httpOnly?: boolean
    /** Ignored: the cookie always has this attribute. */
    secure?: boolean
  },
): string

/**
 * Returns whether a context or claims have the scopes. Scopes must match exactly.
 *
 * @param subject - A context or claims.
 * @param scopes - An array, or a space-separated string.
 * @param options - `mode`: whether all scopes are required (the default), or one of them.
 * @returns `true` if the check succeeds. Always `false` for a guest and for `null`.
 * @throws `TypeError` with `code: 'invalid_options'` for `''` and `[]`.
 *
 * @example
 * ```ts
 * if (hasScopes(req.auth, 'read:orders')) showOrders()
 * ```
 */
export function hasScopes(
  subject: AuthContext | AuthPayload | null | undefined,
  scopes: string | readonly string[],
  options?: ScopeCheckOptions,
): boolean

/**
 * Throws if {@link hasScopes} would return `false`.
 *
 * @param subject - A context or claims.
 * @param scopes - An array, or a space-separated string.
 * @param options - `mode`: whether all scopes are required (the default), or one of them.
 * @throws `AuthError` (`missing_scope`, 403). The message of the error lists the required, the actual and the missing scopes.
 *
 * @example
 * ```ts
 * requireScopes(req.auth, 'write:orders')
 * ```
 */
export function requireScopes(
  subject: AuthContext | AuthPayload | null | undefined,
  scopes: string | readonly string[],
  options?: ScopeCheckOptions,
): void

/**
 * Returns whether a context or claims have the role. If several claims in `claimKeys` contain roles, only the first one counts.
 *
 * @param subject - A context or claims.
 * @param role - One role.
 * @param options - `claimKeys`: the claims that contain roles, by default `['roles', 'role']`.
 * @returns `true` if the check succeeds. Always `false` for a guest and for `null`.
 * @throws `TypeError` with `code: 'invalid_options'` for an empty `role` or empty `claimKeys`.
 *
 * @example
 * ```ts
 * if (hasRole(req.auth, 'admin')) showSettings()
 * ```
 */
export function hasRole(
  subject: AuthContext | AuthPayload | null | undefined,
  role: string,
  options?: RoleCheckOptions,
): boolean

/**
 * Throws if {@link hasRole} would return `false`.
 *
 * @param subject - A context or claims.
 * @param role - One role.
 * @param options - `claimKeys`: the claims that contain roles, by default `['roles', 'role']`.
 * @throws `AuthError` (`missing_role`, 403). The message of the error lists the required and the actual roles.
 *
 * @example
 * ```ts
 * requireRole(req.auth, 'admin')
 * ```
 */
export function requireRole(
  subject: AuthContext | AuthPayload | null | undefined,
  role: string,
  options?: RoleCheckOptions,
): void

/** The user, application or guest that sent a request. */
export interface AuthContext {
  /** The `sub` claim, or `null` for a guest. */
  userId: string | null
  isAuthenticated: boolean
  /** The claims of the token, or `null` for a guest. */
  payload: AuthPayload | null
  isGuest?: boolean
  /** The value of the `guest_logto_authtoken` cookie, if it is a valid id. */
  guestId?: string | undefined
}

/** The claims of a token. */
export interface AuthPayload {
  sub: string
  /** The `scope` claim, which may be missing despite its type: Logto omits it from machine-to-machine tokens without scopes. */
  scope: string
  iss?: string
  aud?: string | string[]
  exp?: number
  nbf?: number
  iat?: number
  [key: string]: unknown
}

/** The options of `@ouim/logto-authkit/server`, and all other options of `logto-authkit`. */
export interface VerifyAuthOptions extends Omit<CoreOptions, 'audience' | 'cookieName' | 'logtoUrl' | 'requiredScope'> {
  /** URL of your Logto server. */
  logtoUrl: string
  /** The accepted audience. If `audience` is omitted or `null`, tokens for any API of the same Logto server are accepted. */
  audience?: string | readonly string[] | null | undefined
  /** @defaultValue `'logto_authtoken'` */
  cookieName?: string | undefined
  /** Scopes that the token must have. Scopes must match exactly. */
  requiredScope?: string | readonly string[]
}

/** Whether all of the given scopes are required, or at least one of them. */
export type AuthorizationMode = ScopeMode

/** Options of {@link hasScopes} and {@link requireScopes}. */
export interface ScopeCheckOptions {
  /** @defaultValue `'all'` */
  mode?: AuthorizationMode
}

/** Options of {@link hasRole} and {@link requireRole}. */
export interface RoleCheckOptions {
  /** @defaultValue `['roles', 'role']` */
  claimKeys?: readonly string[]
}

/** A request with the properties that {@link createExpressAuthMiddleware} uses. */
export interface ExpressRequest {
  cookies?: { [key: string]: string }
  headers: { [key: string]: string | string[] | undefined }
  auth?: AuthContext
}

/** An Express response. */
export interface ExpressResponse {
  status: (code: number) => ExpressResponse
  json: (obj: unknown) => ExpressResponse
  setHeader?: (name: string, value: string) => void
}

/** Calls the next handler. */
export type ExpressNext = (err?: unknown) => void

/** The properties of a request that {@link verifyNextAuth} uses. */
export interface NextRequest {
  cookies?: { get: (name: string) => { value: string } | undefined }
  headers: { get: (name: string) => string | null }
}

/** A Next.js response. */
export interface NextResponse {
  json: (body: unknown, init?: { status?: number }) => NextResponse
}
