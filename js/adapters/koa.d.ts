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
 * The state that {@link logtoAuth} sets. Koa infers the type of the state in chained `use` calls. If the calls are not chained,
 * write `new Koa<AuthState>()` or `new Router<AuthState>()`.
 */
export interface AuthState {
  /** The verified context. With `allowPreflight`, the property is `undefined` in CORS preflights. */
  auth: RegisteredContext
}

/**
 * Creates middleware that verifies the token of a request and sets `ctx.state.auth`. The response to a rejected request is the same
 * as in `logto-authkit/express`: the status and headers of the {@link AuthError}, and the JSON `{ error, code, message }`. With
 * `allowGuest: true`, no request is rejected, and the response to a new guest sets a cookie. CORS preflights are rejected unless
 * `allowPreflight` is set, so register `@koa/cors` before `logtoAuth()`.
 *
 * If a handler throws an `AuthError` and no earlier middleware catches it, Koa responds with the status and headers of the error.
 *
 * @param options - See {@link LogtoAuthOptions}. An array has one entry per Logto server. Without options, `LOGTO_URL` and `LOGTO_AUDIENCE`
 *   are read from the environment.
 * @returns The middleware, which you register before the middleware that needs a token.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown, missing or invalid option.
 *
 * @example Guests
 * ```ts
 * app.use(logtoAuth({ ...options, allowGuest: true }))
 * app.use(({ state: { auth } }) => cartOf(auth.isGuest ? auth.guestId : auth.userId))
 * ```
 */
export function logtoAuth(options?: OneOrMore<LogtoAuthOptions>): Middleware<AuthState>

/**
 * Returns the context of a request that {@link logtoAuth} has verified. `getAuth` finds the context even if the `property` option
 * is set, and ignores values that other code has stored in the state. If `logtoAuth` has not verified the request, the result is
 * `undefined`.
 *
 * @param ctx - The Koa context that the middleware has received.
 * @returns The context, or `undefined` if the request was not verified.
 *
 * @example
 * ```ts
 * app.use((ctx) => {
 *   ctx.body = { user: getAuth(ctx).userId }
 * })
 * ```
 */
export function getAuth(ctx: object): RegisteredContext

/**
 * Returns the context of a request with a valid token, never a guest context.
 *
 * @param ctx - The Koa context that the middleware has received.
 * @returns The context of a user or application.
 * @throws {@link AuthError} if the request has no valid token: the error that {@link protect} would reject it with.
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
  /**
   * Allows guests: see `allowGuest` in `VerifyAuthOptions`. First declare `guests: true` in `Register`, because guests have no `userId`.
   */
  allowGuest?: RegisteredGuests

  /** Like `getToken` in `VerifyAuthOptions`, but receives Koa's context. */
  getToken?(ctx: Context): string | null | undefined | Promise<string | null | undefined>

  /**
   * Replaces the library's response to rejected requests, including requests that {@link protect} rejects. Errors that
   * `onError` throws are passed on to Koa.
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
 * Creates middleware that runs the middleware registered after it only if the verified context meets the requirements. Guests are
 * rejected with the code in `guestReason`. Requests that `logtoAuth` has not verified are rejected with `missing_token` (401).
 *
 * @param requirements - The requirements. Without requirements, any valid token is accepted.
 * @returns The middleware, which you register after {@link logtoAuth}.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid requirement.
 *
 * @example With `@koa/router`
 * ```ts
 * router.delete('/orders/:id', protect({ requiredScope: 'write:orders', subjectType: 'user' }), removeOrder)
 * router.get('/orgs/:org', protect({ organizationId: (ctx) => ctx.params.org }), showOrganization)
 * ```
 */
export function protect(requirements?: Requirements): Middleware<{ auth: AuthenticatedContext }>
