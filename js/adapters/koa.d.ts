/**
 * Middleware for Koa 2 and 3.
 *
 * @example
 * ```ts
 * import Koa from 'koa'
 * import { logtoAuth, protect } from 'logto-authkit/koa'
 *
 * const app = new Koa()
 * app
 *   .use(logtoAuth({ logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' }))
 *   .use((ctx) => {
 *     ctx.body = { user: ctx.state.auth.userId }
 *   })
 * ```
 *
 * @packageDocumentation
 */

import type { Context, Middleware } from 'koa'
import type { AuthContext, AuthError } from '../..'
import type { AdapterOptions, Requirements } from './options'

export type { OrganizationId, Requirements } from './options'

/**
 * The state set by {@link logtoAuth}. Koa infers it in chained `use` calls; otherwise write `new Koa<AuthState>()` or
 * `new Router<AuthState>()`.
 */
export interface AuthState {
  /** The verified context. With `allowPreflight`, it is `undefined` in CORS preflights. */
  auth: AuthContext
}

/**
 * Verifies the request's token and sets `ctx.state.auth`. A rejected request gets the same response as from
 * `logto-authkit/express`: status and headers of the {@link AuthError}, JSON `{ error, code, message }`. With `allowGuest`,
 * no request is rejected, and the response to a new guest sets a cookie. CORS preflights are
 * rejected unless `allowPreflight` is set: register `@koa/cors` before it.
 *
 * Unless a middleware registered earlier catches it, Koa responds to an `AuthError` thrown by a handler with its status
 * and headers.
 *
 * @throws `TypeError` with `code: 'invalid_options'` at construction.
 *
 * @example Guests
 * ```ts
 * app.use(logtoAuth({ ...options, allowGuest: true }))
 * app.use(({ state: { auth } }) => cartOf(auth.isGuest ? auth.guestId : auth.userId))
 * ```
 */
export function logtoAuth(options: LogtoAuthOptions): Middleware<AuthState>

/** Options of {@link logtoAuth}. */
export interface LogtoAuthOptions extends Omit<AdapterOptions, 'getToken'> {
  /** As in `VerifyAuthOptions`; called with Koa's context. */
  getToken?(ctx: Context): string | null | undefined

  /**
   * Responds to rejected requests instead of the library, including those rejected by {@link protect}. Errors that it
   * throws are passed on to Koa.
   *
   * @defaultValue the response described at {@link logtoAuth}
   *
   * @example
   * ```ts
   * onError: (error, ctx) => {
   *   ctx.status = error.status
   *   ctx.set(error.headers)
   *   ctx.body = { message: error.message }
   * }
   * ```
   */
  onError?(error: AuthError, ctx: Context): unknown
}

/**
 * Protects the middleware registered after it: the context set by {@link logtoAuth} must meet the requirements. Guests
 * are rejected with their `guestReason`, and any `ctx.state.auth` set by other code with `missing_token` (401).
 *
 * @param requirements - If omitted, any valid token is accepted.
 * @throws `TypeError` with `code: 'invalid_options'` at construction.
 *
 * @example With `@koa/router`
 * ```ts
 * router.delete('/orders/:id', protect({ requiredScope: 'write:orders', subjectType: 'user' }), removeOrder)
 * router.get('/orgs/:org', protect({ organizationId: (ctx) => ctx.params.org }), showOrganization)
 * ```
 */
export function protect(requirements?: Requirements): Middleware<AuthState>
