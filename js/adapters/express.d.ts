/**
 * Middleware for Express 4 and 5. This entry point does not depend on Express, so it also works with Connect and plain `http`.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { logtoAuth, protect } from 'logto-authkit/express'
 *
 * const app = express()
 * app.use(logtoAuth({ logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' }))
 *
 * app.get('/me', (req, res) => res.json({ user: req.auth.userId }))
 * app.get('/orders', protect({ requiredScope: 'read:orders' }), (req, res) => res.json(orders.of(req.auth.userId)))
 * ```
 *
 * @packageDocumentation
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AuthError, AuthenticatedContext, OneOrMore, Register, RegisteredContext, RegisteredGuests } from '../..'
import type { AdapterOptions, PropertyOption, Requirements } from './options'

export type { OrganizationId, Requirements } from './options'

declare global {
  namespace Express {
    interface Request extends RequestWithContext {}
  }
}

/**
 * The property of Express requests that contains the context. By default, the property is `auth`. If another library declares
 * `auth` with its own type, register another name as `property` in `Register`.
 */
type RequestWithContext = Register extends { property: infer Name extends string }
  ? { [name in Name]: RegisteredContext }
  : RequestWithAuth

interface RequestWithAuth {
  /**
   * The verified context of the request. The property is `undefined` on routes registered before `logtoAuth`. With
   * `allowPreflight`, the property is also `undefined` in CORS preflights, which reach only handlers for all methods (`app.use`,
   * `app.all`).
   */
  auth: RegisteredContext
}

/** The type of an Express request handler, declared without importing Express. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/**
 * Creates middleware that verifies the token of a request and sets `req.auth`, replacing any existing value.
 *
 * A rejected request gets a response with the status and headers of the {@link AuthError} and the body
 * `{ "error": "Authentication failed", "code": "token_expired", "message": "Token has expired" }`. `error` is
 * `Authentication required` without a token, `Authentication failed` for a rejected token (400 or 401), `Forbidden` for 403, and
 * `Service unavailable` for 503.
 *
 * With `allowGuest: true`, no request is rejected. The response to a new guest sets a cookie and keeps the application's own
 * cookies. To use `allowGuest`, register guests once in `Register`.
 *
 * CORS preflights (`OPTIONS` with `Access-Control-Request-Method`) carry no token and are rejected like any other request without
 * a token. Register `cors()` before `logtoAuth()`, or set `allowPreflight`.
 *
 * Other errors, such as an error thrown by `isRevoked`, are passed to `next(error)`. With plain `http`, `next` is your own
 * callback, which must handle errors.
 *
 * @param options - See {@link LogtoAuthOptions}. An array has one entry per Logto server. Without options, `LOGTO_URL` and `LOGTO_AUDIENCE`
 *   are read from the environment.
 * @returns The middleware, which you register before the routes that need a token.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown, missing or invalid option.
 *
 * @example Guests
 * ```ts
 * app.use(logtoAuth({ ...options, allowGuest: true }))
 * app.get('/cart', (req, res) => res.json(cartOf(req.auth.isGuest ? req.auth.guestId : req.auth.userId)))
 * ```
 *
 * @example Plain http
 * ```ts
 * const auth = logtoAuth(options)
 * createServer((req, res) => {
 *   auth(req, res, (error) => {
 *     if (error) res.writeHead(500).end()
 *     else res.end(`Hello ${getAuth(req).userId}`)
 *   })
 * })
 * ```
 */
export function logtoAuth(options?: OneOrMore<LogtoAuthOptions>): Middleware

/**
 * Returns the context of a request that {@link logtoAuth} has verified. `getAuth` finds the context even if the `property` option
 * is set, and ignores values that other code has stored on the request. If `logtoAuth` has not verified the request, the result is
 * `undefined`.
 *
 * @param req - The request that the handler has received.
 * @returns The context, or `undefined` if the request was not verified.
 *
 * @example
 * ```ts
 * app.get('/me', (req, res) => res.json({ user: getAuth(req).userId }))
 * ```
 */
export function getAuth(req: object): RegisteredContext

/**
 * Returns the context of a request with a valid token, never a guest context. If the application allows guests, call
 * `requireAuth` in handlers that are registered after {@link protect}.
 *
 * @param req - The request that the handler has received.
 * @returns The context of a user or application.
 * @throws {@link AuthError} if the request has no valid token: the error that `protect` would reject it with.
 *
 * @example
 * ```ts
 * app.get('/orders', (req, res) => res.json(orders.of(requireAuth(req).userId)))
 * app.use(authErrorHandler())
 * ```
 */
export function requireAuth(req: object): AuthenticatedContext

/**
 * Creates an error handler that responds to each {@link AuthError} that a route handler throws, for example with
 * `requireScopes` or `forbidden`. The response is the same as for a request that {@link logtoAuth} rejects. All other
 * errors, and errors that occur after the response has started, are passed on. Register the error handler after your
 * routes.
 *
 * The error handler does not call `onError`. An `onError` function may pass its error on to the error handler.
 *
 * @returns The error handler.
 *
 * @example
 * ```ts
 * app.use(authErrorHandler())
 * ```
 */
export function authErrorHandler(): (
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void

/** Options of {@link logtoAuth}. */
export interface LogtoAuthOptions extends Omit<AdapterOptions, 'allowGuest'>, PropertyOption {
  /**
   * Allows guests: see `allowGuest` in `VerifyAuthOptions`. First declare `guests: true` in `Register`, because guests have no `userId`.
   */
  allowGuest?: RegisteredGuests

  /**
   * Replaces the library's response to rejected requests, including requests that {@link protect} rejects. `onError`
   * may pass the error on with `next(error)`, and errors that `onError` throws are passed on too. `next()` without an
   * error lets the request pass without `req.auth`.
   *
   * @defaultValue the response described at {@link logtoAuth}
   *
   * @example
   * ```ts
   * onError: (error, req, res) => res.status(error.status).set(error.headers).render('rejected', { error })
   * ```
   */
  // biome-ignore lint/suspicious/noExplicitAny: the types depend on the framework
  onError?(error: AuthError, req: any, res: any, next: (error?: unknown) => void): unknown
}

/**
 * Creates middleware that rejects requests to a route or router unless the verified context meets the requirements. Guests are
 * rejected with the code in `guestReason`. Requests that `logtoAuth` has not verified are rejected with `missing_token` (401).
 *
 * @param requirements - The requirements. Without requirements, any valid token is accepted.
 * @returns The middleware, which you register for a route or router after {@link logtoAuth}.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid requirement.
 *
 * @example
 * ```ts
 * app.delete('/orders/:id', protect({ requiredScope: 'write:orders', subjectType: 'user' }), removeOrder)
 * app.use('/orgs/:org', protect({ organizationId: (req) => req.params.org }), organizationRoutes)
 * ```
 */
export function protect(requirements?: Requirements): Middleware
