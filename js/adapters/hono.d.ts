/**
 * Middleware for Hono 4.9 and later. It needs the Node.js runtime (`@hono/node-server`): on an edge runtime, importing it throws.
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
import type { AuthContext, AuthError } from '../..'
import type { AdapterOptions, Requirements } from './options'

export type { OrganizationId, Requirements } from './options'

/**
 * What {@link logtoAuth} sets. Hono knows it where calls are chained; elsewhere name it:
 * `new Hono<{ Variables: AuthVariables }>()`.
 */
export type AuthVariables = {
  /** Who is asking. There is none in CORS preflights. */
  auth: AuthContext
}

/**
 * Finds out who is asking, for `c.get('auth')` and `c.var.auth`. A request that is refused is answered as
 * `logto-authkit/express` does: status and headers of the {@link AuthError}, JSON `{ error, code, message }`. With
 * `allowGuest` everybody passes, and a new guest gets a cookie. CORS preflights pass without `auth`.
 *
 * An `AuthError` that a handler throws goes to the application's `app.onError`; without one, it is answered in the same way.
 *
 * @throws `TypeError` with `code: 'invalid_options'`, now and not on the first request.
 *
 * @example For some of the routes, visitors too
 * ```ts
 * app.use('/shop/*', logtoAuth({ ...options, allowGuest: true }))
 * app.get('/shop/cart', ({ var: { auth } }) => cartOf(auth.isGuest ? auth.guestId : auth.userId))
 * ```
 */
export function logtoAuth(options: LogtoAuthOptions): MiddlewareHandler<{ Variables: AuthVariables }>

/** What {@link logtoAuth} takes. */
export interface LogtoAuthOptions extends Omit<AdapterOptions, 'getToken'> {
  /** As in `VerifyAuthOptions`, asked about Hono's context. */
  getToken?(c: Context): string | null | undefined

  /**
   * Answers a refusal instead of the library, also those of {@link protect}. What it throws goes to `app.onError`.
   *
   * @defaultValue the answer that {@link logtoAuth} describes
   *
   * @example
   * ```ts
   * onError: (error, c) => c.json({ message: error.message }, error.status, error.headers)
   * ```
   */
  onError?(error: AuthError, c: Context): Response | Promise<Response>
}

/**
 * Guards a route: what {@link logtoAuth} found out must meet the requirements. A guest is refused as somebody without a
 * token (`missing_token`, 401), and so is an `auth` that something else has set.
 *
 * @param requirements - What the token must permit; without any, it is enough to have one.
 * @throws `TypeError` with `code: 'invalid_options'`, now and not on the first request.
 *
 * @example
 * ```ts
 * app.delete('/orders/:id', protect({ requiredScope: 'write:orders', subjectType: 'user' }), removeOrder)
 * app.get('/orgs/:org', protect({ organizationId: (c) => c.req.param('org') }), showOrganization)
 * ```
 */
export function protect(requirements?: Requirements): MiddlewareHandler<{ Variables: AuthVariables }>
