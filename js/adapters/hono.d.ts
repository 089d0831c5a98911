/**
 * Middleware for Hono 4.9 and later on Node.js (`@hono/node-server`). In an edge runtime, importing this entry point throws an error.
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
 * The variables that {@link logtoAuth} sets. Hono infers the types of the variables in chained calls. If the calls are not chained,
 * write `new Hono<{ Variables: AuthVariables }>()`.
 */
export type AuthVariables<Auth extends AuthContext = AuthContext> = {
  /** The verified context. With `allowPreflight`, the variable is `undefined` in CORS preflights. */
  auth: Auth
}

/**
 * Creates middleware that verifies the token of a request and sets the `auth` variable (`c.get('auth')`, `c.var.auth`). The
 * response to a rejected request is the same as in `logto-authkit/express`: the status and headers of the {@link AuthError}, and
 * the JSON `{ error, code, message }`. With `allowGuest: true`, no request is rejected, and the response to a new guest sets a
 * cookie. CORS preflights are rejected unless `allowPreflight` is set, so register `cors()` before `logtoAuth()`.
 *
 * If a handler throws an `AuthError`, Hono calls `app.onError`. Without `app.onError`, the response is the same as for a rejected
 * request.
 *
 * @param options - See {@link LogtoAuthOptions}. An array has one entry per Logto server. Without options, `LOGTO_URL` and `LOGTO_AUDIENCE`
 *   are read from the environment.
 * @returns The middleware, which you register before the routes that need a token.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown, missing or invalid option.
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
 * Returns the context of a request that {@link logtoAuth} has verified. `getAuth` finds the context even if the `property` option
 * is set, and ignores values that other code has stored in the variable. If `logtoAuth` has not verified the request, the result is
 * `undefined`.
 *
 * @param c - The Hono context that the handler has received.
 * @returns The context, or `undefined` if the request was not verified.
 *
 * @example
 * ```ts
 * app.get('/me', (c) => c.json({ user: getAuth(c).userId }))
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: contexts of every application
export function getAuth(c: Context<any>): AuthContext

/**
 * Returns the context of a request with a valid token, never a guest context.
 *
 * @param c - The Hono context that the handler has received.
 * @returns The context of a user or application.
 * @throws {@link AuthError} if the request has no valid token: the error that {@link protect} would reject it with.
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
  /** Like `getToken` in `VerifyAuthOptions`, but receives Hono's context. */
  getToken?(c: Context): string | null | undefined | Promise<string | null | undefined>

  /**
   * Replaces the library's response to rejected requests, including requests that {@link protect} rejects. Errors that
   * `onError` throws are passed to `app.onError`.
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
 * Creates middleware that rejects requests to a route unless the verified context meets the requirements. Guests are rejected with
 * the code in `guestReason`. Requests that `logtoAuth` has not verified are rejected with `missing_token` (401).
 *
 * @param requirements - The requirements. Without requirements, any valid token is accepted.
 * @returns The middleware, which you register for a route or path after {@link logtoAuth}.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid requirement.
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
