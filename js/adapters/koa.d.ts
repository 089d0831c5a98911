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
 * What {@link logtoAuth} adds to the state. `use` knows it where calls are chained; elsewhere name it: `new Koa<AuthState>()`,
 * `new Router<AuthState>()`.
 */
export interface AuthState {
  /** Who is asking. There is none in CORS preflights. */
  auth: AuthContext
}

/**
 * Finds out who is asking, and sets `ctx.state.auth`. A request that is refused is answered as `logto-authkit/express`
 * does: status and headers of the {@link AuthError}, JSON `{ error, code, message }`. With `allowGuest` everybody passes,
 * and a new guest gets a cookie. CORS preflights pass without `ctx.state.auth`.
 *
 * An `AuthError` that a handler throws is Koa's, as every error: unless a middleware above catches it, Koa answers with
 * its status and headers.
 *
 * @throws `TypeError` with `code: 'invalid_options'`, now and not on the first request.
 *
 * @example Visitors, too
 * ```ts
 * app.use(logtoAuth({ ...options, allowGuest: true }))
 * app.use(({ state: { auth } }) => cartOf(auth.isGuest ? auth.guestId : auth.userId))
 * ```
 */
export function logtoAuth(options: LogtoAuthOptions): Middleware<AuthState>

/** What {@link logtoAuth} takes. */
export interface LogtoAuthOptions extends Omit<AdapterOptions, 'getToken'> {
  /** As in `VerifyAuthOptions`, asked about Koa's context. */
  getToken?(ctx: Context): string | null | undefined

  /**
   * Answers a refusal instead of the library, also those of {@link protect}. What it throws is handed on to Koa.
   *
   * @defaultValue the answer that {@link logtoAuth} describes
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
 * Guards what is below it: what {@link logtoAuth} found out must meet the requirements. A guest is refused as somebody
 * without a token (`missing_token`, 401), and so is a `ctx.state.auth` that something else made.
 *
 * @param requirements - What the token must permit; without any, it is enough to have one.
 * @throws `TypeError` with `code: 'invalid_options'`, now and not on the first request.
 *
 * @example With `@koa/router`
 * ```ts
 * router.delete('/orders/:id', protect({ requiredScope: 'write:orders', subjectType: 'user' }), removeOrder)
 * router.get('/orgs/:org', protect({ organizationId: (ctx) => ctx.params.org }), showOrganization)
 * ```
 */
export function protect(requirements?: Requirements): Middleware<AuthState>
