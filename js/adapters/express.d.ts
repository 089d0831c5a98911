/**
 * Middleware for Express 4 and 5. It does not depend on Express, so it works with Connect and plain `http` too.
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
 * The property of Express requests that contains the context: `auth`, or the name that the application has registered as `property`
 * because another library declares `auth` with its own type. See `Register`.
 */
type RequestWithContext = Register extends { property: infer Name extends string }
  ? { [name in Name]: RegisteredContext }
  : RequestWithAuth

interface RequestWithAuth {
  /**
   * The context that `logtoAuth` has verified. It is `undefined` on routes registered before `logtoAuth`, and with
   * `allowPreflight` in CORS preflights, which reach only handlers for all methods (`app.use`, `app.all`).
   */
  auth: RegisteredContext
}

/** The shape of an Express request handler, without depending on Express. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/**
 * Verifies the request's token and sets `req.auth`, replacing any existing value.
 *
 * A rejected request gets a response with the status and headers of the {@link AuthError} and the body
 * `{ "error": "Authentication failed", "code": "token_expired", "message": "Token has expired" }`, where `error` is
 * `Authentication required` (no token), `Authentication failed` (400, any other 401), `Forbidden` (403) or
 * `Service unavailable` (503).
 *
 * With `allowGuest`, which you must register once (see `Register`), no request is rejected. The response to a new guest sets a cookie; the application's own cookies are
 * kept.
 *
 * CORS preflights (`OPTIONS` with `Access-Control-Request-Method`) carry no token and are rejected like any other request without
 * one. Register `cors()` before `logtoAuth()`, or set `allowPreflight`.
 *
 * Other errors, such as one thrown by `isRevoked`, are passed to `next(error)`. With plain `http`, `next` is your own
 * callback, which must handle them.
 *
 * @throws `TypeError` with `code: 'invalid_options'` at construction.
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
 * Returns the context that {@link logtoAuth} has verified, regardless of `property` and of anything that other code has stored
 * on the request. Where `req.auth` is `undefined`, so is the result.
 */
export function getAuth(req: object): RegisteredContext

/**
 * Returns the context of a request with a valid token, or throws what {@link protect} would respond with. A handler behind
 * `protect` can use it if the application allows guests: its result is never a guest.
 *
 * @throws {@link AuthError}
 *
 * @example
 * ```ts
 * app.get('/orders', (req, res) => res.json(orders.of(requireAuth(req).userId)))
 * app.use(authErrorHandler())
 * ```
 */
export function requireAuth(req: object): AuthenticatedContext

/**
 * Creates an error handler that responds to an {@link AuthError} thrown by a handler, for example by `requireScopes` or
 * `forbidden`, in the same way as {@link logtoAuth} responds to rejected requests. Other errors, and errors after the response
 * has started, are passed on. Register it after your routes.
 *
 * It does not call `onError`, which may pass its error on to this handler.
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
  /** As in `VerifyAuthOptions`. Guests must be registered, see `Register`, because they have no `userId`. */
  allowGuest?: RegisteredGuests

  /**
   * Responds to rejected requests instead of the library, including those rejected by {@link protect}. It may pass the
   * error on with `next(error)`; errors that it throws are passed on too. Calling `next()` without an error lets the
   * request through without `req.auth`.
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
 * Protects a route or router: the context set by {@link logtoAuth} must meet the requirements. Guests are rejected for the reason
 * that made them guests (`guestReason`), and any `req.auth` set by other code with `missing_token` (401).
 *
 * @param requirements - If omitted, any valid token is accepted.
 * @throws `TypeError` with `code: 'invalid_options'` at construction.
 *
 * @example
 * ```ts
 * app.delete('/orders/:id', protect({ requiredScope: 'write:orders', subjectType: 'user' }), removeOrder)
 * app.use('/orgs/:org', protect({ organizationId: (req) => req.params.org }), organizationRoutes)
 * ```
 */
export function protect(requirements?: Requirements): Middleware
