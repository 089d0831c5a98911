/**
 * A drop-in for `@ouim/logto-authkit/server` 0.3: the same names, signatures, results and answers, over the core of
 * this package. To move over, change the import; what differs, and why, is listed in `docs/migrating.md`.
 *
 * New code has more of `logto-authkit`, `logto-authkit/express`, `logto-authkit/next` and `logto-authkit/csrf`.
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
 * Verifies a token, or the one of a request: the cookie's, else that of `Authorization`.
 *
 * @throws `Error` with the message `No token found in request`, or `Token verification failed: …` for any other
 * failure; its `cause` is the core's `AuthError`. A token given as a string never becomes a guest.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or wrong option.
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
 * {@link verifyAuth} for a string.
 *
 * @throws `Error` with the message `Token verification failed: …`.
 */
export function verifyLogtoToken(token: string, options: VerifyAuthOptions): Promise<AuthContext>

/**
 * Middleware that sets `req.auth` or answers 401, in an outage 503.
 *
 * @throws `TypeError` with `code: 'invalid_options'`, now and not on the first request.
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
 * Verifies a request of Next.js, or any with headers. With `allowGuest` it is always a success: `auth.isAuthenticated`
 * tells who is one.
 *
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or wrong option; never for a bad token.
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
 * The `Set-Cookie` value that stores a token, always `HttpOnly` and `Secure`.
 *
 * @throws `TypeError` with `code: 'invalid_options'` if a value would break out of its field.
 *
 * @example
 * ```ts
 * res.setHeader('Set-Cookie', buildAuthCookieHeader(token, { maxAge: 3600 }))
 * ```
 */
export function buildAuthCookieHeader(
  token: string,
  options?: AuthCookieOptions & {
    /** It is, whatever is given here. */
    httpOnly?: boolean
    /** It is, whatever is given here. */
    secure?: boolean
  },
): string

/**
 * Whether a context or claims have these scopes.
 *
 * @throws `TypeError` with `code: 'invalid_options'` for `''` and `[]`.
 */
export function hasScopes(
  subject: AuthContext | AuthPayload | null | undefined,
  scopes: string | readonly string[],
  options?: ScopeCheckOptions,
): boolean

/**
 * {@link hasScopes}, as a guard.
 *
 * @throws `AuthError` (`missing_scope`, 403) that names the scopes wanted, there and missing.
 */
export function requireScopes(
  subject: AuthContext | AuthPayload | null | undefined,
  scopes: string | readonly string[],
  options?: ScopeCheckOptions,
): void

/**
 * Whether a context or claims have this role. Of the claims, the first that holds roles counts.
 *
 * @throws `TypeError` with `code: 'invalid_options'` for `''`, or an empty `claimKeys`.
 */
export function hasRole(
  subject: AuthContext | AuthPayload | null | undefined,
  role: string,
  options?: RoleCheckOptions,
): boolean

/**
 * {@link hasRole}, as a guard.
 *
 * @throws `AuthError` (`missing_role`, 403) that names the role wanted and the roles there.
 */
export function requireRole(
  subject: AuthContext | AuthPayload | null | undefined,
  role: string,
  options?: RoleCheckOptions,
): void

/** Who is asking. */
export interface AuthContext {
  /** The claim `sub`, `null` for a guest. */
  userId: string | null
  isAuthenticated: boolean
  /** The token's claims, `null` for a guest. */
  payload: AuthPayload | null
  isGuest?: boolean
  /** What the cookie `guest_logto_authtoken` holds, if it is an id. */
  guestId?: string | undefined
}

/** A token's claims. */
export interface AuthPayload {
  sub: string
  /** Not in every token, whatever its type says here: Logto leaves it out of a machine's without scopes. */
  scope: string
  iss?: string
  aud?: string | string[]
  exp?: number
  nbf?: number
  iat?: number
  [key: string]: unknown
}

/** The original's options, and all others of `logto-authkit`. */
export interface VerifyAuthOptions extends Omit<CoreOptions, 'audience' | 'cookieName' | 'requiredScope'> {
  /** Left out, or `null`: a token for any other API of the same Logto is accepted, too. */
  audience?: string | readonly string[] | null | undefined
  /** @defaultValue `'logto_authtoken'` */
  cookieName?: string | undefined
  /** Scopes that the token must have; whole ones are compared. */
  requiredScope?: string | readonly string[] | undefined
}

/** Whether all of several scopes are needed, or one of them. */
export type AuthorizationMode = ScopeMode

/** How {@link hasScopes} and {@link requireScopes} compare. */
export interface ScopeCheckOptions {
  /** @defaultValue `'all'` */
  mode?: AuthorizationMode
}

/** Where {@link hasRole} and {@link requireRole} look. */
export interface RoleCheckOptions {
  /** @defaultValue `['roles', 'role']` */
  claimKeys?: readonly string[]
}

/** What {@link createExpressAuthMiddleware} makes of a request. */
export interface ExpressRequest {
  cookies?: { [key: string]: string }
  headers: { [key: string]: string | string[] | undefined }
  auth?: AuthContext
}

/** A response of Express. */
export interface ExpressResponse {
  status: (code: number) => ExpressResponse
  json: (obj: unknown) => ExpressResponse
  setHeader?: (name: string, value: string) => void
}

/** What calls the next handler. */
export type ExpressNext = (err?: unknown) => void

/** What {@link verifyNextAuth} needs of a request. */
export interface NextRequest {
  cookies?: { get: (name: string) => { value: string } | undefined }
  headers: { get: (name: string) => string | null }
}

/** What a route of Next.js answers with. */
export interface NextResponse {
  json: (body: unknown, init?: { status?: number }) => NextResponse
}
