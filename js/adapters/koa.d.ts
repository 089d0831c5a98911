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
import type { AuthError, AuthenticatedContext, OneOrMore, RegisteredContext, RegisteredGuests } from '../..'
import type { AdapterOptions, PropertyOption, Requirements } from './options'

export type { OrganizationId, Requirements } from './options'

/**
 * The state set by {@link logtoAuth}. Koa infers it in chained `use` calls; otherwise write `new Koa<AuthState>()` or
 * `new Router<AuthState>()`.
 */
export interface AuthState {
  /** The verified context. With `allowPreflight`, it is `undefined` in CORS preflights. */
  auth: RegisteredContext
}

/**
 * Verifies the request's token and sets `ctx.state.auth`. A rejected request gets the same response as from
 * `logto-authkit/express`: status and headers of the {@link AuthError}, JSON `{ error, code, message }`. With `allowGuest`,
 * no request is rejected (except with `'no-token'`), and the response to a new guest sets a cookie. CORS preflights are
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
export function logtoAuth(options?: OneOrMore<LogtoAuthOptions>): Middleware<AuthState>

/**
 * Returns the context that {@link logtoAuth} has verified, regardless of `property` and of anything that other code has stored
 * in the state. Where `ctx.state.auth` is `undefined`, so is the result.
 */
export function getAuth(ctx: object): RegisteredContext

/**
 * Returns the context of a request with a valid token, or throws what {@link protect} would respond with. Its result is never a
 * guest.
 *
 * @throws {@link AuthError}
 *
 * @example
 * ```ts
 * app.use((ctx) => {
 *   ctx.body = orders.of(requireAuth(ctx).userId)
 * })
 * ```
 */
export function requireAuth(ctx: object): AuthenticatedContext

/** Options of {@link logtoAuth}. */
export interface LogtoAuthOptions extends Omit<AdapterOptions, 'allowGuest' | 'getToken'>, PropertyOption {
  /** As in `VerifyAuthOptions`. Guests must be registered, see `Register`, because they have no `userId`. */
  allowGuest?: RegisteredGuests

  /** As in `VerifyAuthOptions`; called with Koa's context. */
  getToken?(ctx: Context): string | null | undefined | Promise<string | null | undefined>

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
export function protect(requirements?: Requirements): Middleware<{ auth: AuthenticatedContext }>
