/**
 * Middleware for Hono 4.9 and later on Node.js (`@hono/node-server`). Importing it in an edge runtime throws.
 *
 * @example
 * ```ts
 * import { serve } from '@hono/node-server'
 * import { Hono } from 'hono'
 * import { logtoAuth, protect } from 'logto-authkit/hono'
 *
 * const app = new Hono()
 *   .use(logtoAuth({ logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' }))
 *   .get('/me', (c) => c.json({ user: c.get('auth').userId }))
 *   .get('/orders', protect({ requiredScope: 'read:orders' }), (c) => c.json(orders.of(c.get('auth').userId)))
 *
 * serve(app)
 * ```
 *
 * @packageDocumentation
 */

import type { Context, MiddlewareHandler } from 'hono'
import type { AuthContext, AuthError, AuthenticatedContext, ContextWith, GuestContext, OneOrMore } from '../..'
import type { AdapterOptions, PropertyOption, Requirements } from './options'

export type { OrganizationId, Requirements } from './options'

/**
 * The variables set by {@link logtoAuth}. Hono infers them in chained calls; otherwise write
 * `new Hono<{ Variables: AuthVariables }>()`.
 */
export type AuthVariables<Auth extends AuthContext = AuthContext> = {
  /** The verified context. With `allowPreflight`, it is `undefined` in CORS preflights. */
  auth: Auth
}

/**
 * Verifies the request's token and sets the variable `auth` (`c.get('auth')`, `c.var.auth`). A rejected request gets the
 * same response as from `logto-authkit/express`: status and headers of the {@link AuthError}, JSON
 * `{ error, code, message }`. With `allowGuest: true`, no request is rejected, and the response to a new guest sets a cookie.
 * CORS preflights are rejected unless `allowPreflight` is set: register `cors()` before it.
 *
 * An `AuthError` thrown by a handler goes to `app.onError`; without one, it gets the same response.
 *
 * @throws `TypeError` with `code: 'invalid_options'` at construction.
 *
 * @example Only some routes, with guests
 * ```ts
 * app.use('/shop/*', logtoAuth({ ...options, allowGuest: true }))
 * app.get('/shop/cart', ({ var: { auth } }) => cartOf(auth.isGuest ? auth.guestId : auth.userId))
 * ```
 */
export function logtoAuth<Claims = unknown, Property extends string = 'auth'>(
  options?: OneOrMore<LogtoAuthOptions<Claims, Property> & { allowGuest?: false }>,
): MiddlewareHandler<{ Variables: { [name in Property]: ContextWith<Claims> } }>
export function logtoAuth<Claims = unknown, Property extends string = 'auth'>(
  options?: OneOrMore<LogtoAuthOptions<Claims, Property>>,
): MiddlewareHandler<{ Variables: { [name in Property]: ContextWith<Claims> | GuestContext } }>

/**
 * Returns the context that {@link logtoAuth} has verified, regardless of `property` and of anything that other code has stored
 * in the variable. Where `c.get('auth')` is `undefined`, so is the result.
 */
// biome-ignore lint/suspicious/noExplicitAny: contexts of every application
export function getAuth(c: Context<any>): AuthContext

/**
 * Returns the context of a request with a valid token, or throws what {@link protect} would respond with. Its result is never a
 * guest.
 *
 * @throws {@link AuthError}
 *
 * @example
 * ```ts
 * app.get('/orders', (c) => c.json(orders.of(requireAuth(c).userId)))
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: contexts of every application
export function requireAuth(c: Context<any>): AuthenticatedContext

/** Options of {@link logtoAuth}. */
export interface LogtoAuthOptions<Claims = unknown, Property extends string = string>
  extends Omit<AdapterOptions<Claims>, 'getToken'>,
    PropertyOption<Property> {
  /** As in `VerifyAuthOptions`; called with Hono's context. */
  getToken?(c: Context): string | null | undefined | Promise<string | null | undefined>

  /**
   * Responds to rejected requests instead of the library, including those rejected by {@link protect}. Errors that it
   * throws go to `app.onError`.
   *
   * @defaultValue the response described at {@link logtoAuth}
   *
   * @example
   * ```ts
   * onError: (error, c) => c.json({ message: error.message }, error.status, error.headers)
   * ```
   */
  onError?(error: AuthError, c: Context): Response | Promise<Response>
}

/**
 * Protects a route: the context set by {@link logtoAuth} must meet the requirements. Guests are rejected with their
 * `guestReason`, and any `auth` set by other code with `missing_token` (401).
 *
 * @param requirements - If omitted, any valid token is accepted.
 * @throws `TypeError` with `code: 'invalid_options'` at construction.
 *
 * @example
 * ```ts
 * app.delete('/orders/:id', protect({ requiredScope: 'write:orders', subjectType: 'user' }), removeOrder)
 * app.get('/orgs/:org', protect({ organizationId: (c) => c.req.param('org') }), showOrganization)
 * ```
 */
export function protect(
  requirements?: Requirements,
): MiddlewareHandler<{ Variables: AuthVariables<AuthenticatedContext> }>
