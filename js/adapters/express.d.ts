/**
 * Middleware for Express 4 and 5. It uses nothing of Express, so that Connect and plain `http` can have it too.
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
import type { AuthContext, AuthError } from '../..'
import type { AdapterOptions, Requirements } from './options'

export type { OrganizationId, Requirements } from './options'

declare global {
  namespace Express {
    interface Request {
      /**
       * Who is asking, as `logtoAuth` found out. There is none where `logtoAuth` has not been: on routes above it, and
       * in CORS preflights, which only a handler for every method (`app.use`, `app.all`) gets to see.
       */
      auth: AuthContext
    }
  }
}

/** What Express calls a request handler, without Express. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/**
 * Finds out who is asking, and sets `req.auth`, in place of whatever was there.
 *
 * A request that is refused is answered: with the status and the headers of the {@link AuthError}, and
 * `{ "error": "Authentication failed", "code": "token_expired", "message": "Token has expired" }`, where `error` is
 * `Authentication required` (no token), `Authentication failed` (400, any other 401), `Forbidden` (403) or
 * `Service unavailable` (503).
 *
 * With `allowGuest` everybody passes; a guest who is new gets a cookie, beside those of the application.
 *
 * CORS preflights (`OPTIONS` with `Access-Control-Request-Method`) pass without `req.auth`: browsers send them without
 * credentials.
 *
 * Whatever else goes wrong, in `isRevoked` for instance, is handed to `next(error)`. In plain `http`, where `next` is
 * your own function, that is where to look at it.
 *
 * @throws `TypeError` with `code: 'invalid_options'`, now and not on the first request.
 *
 * @example Visitors, too
 * ```ts
 * app.use(logtoAuth({ ...options, allowGuest: true }))
 * app.get('/cart', (req, res) => res.json(cartOf(req.auth.isGuest ? req.auth.guestId : req.auth.userId)))
 * ```
 *
 * @example Plain http
 * ```ts
 * const auth = logtoAuth(options)
 * createServer((req: IncomingMessage & { auth?: AuthContext }, res) => {
 *   auth(req, res, (error) => {
 *     if (error) res.writeHead(500).end()
 *     else res.end(`Hello ${req.auth?.userId}`)
 *   })
 * })
 * ```
 */
export function logtoAuth(options: LogtoAuthOptions): Middleware

/** What {@link logtoAuth} takes. */
export interface LogtoAuthOptions extends AdapterOptions {
  /**
   * Answers a refusal instead of the library, also those of {@link protect}. It may hand the error on with
   * `next(error)`; what it throws is handed on as well. `next()` without an error lets the request pass without
   * `req.auth`.
   *
   * @defaultValue the answer that {@link logtoAuth} describes
   *
   * @example
   * ```ts
   * onError: (error, req, res) => res.status(error.status).set(error.headers).render('refused', { error })
   * ```
   */
  // biome-ignore lint/suspicious/noExplicitAny: those of the framework in use
  onError?(error: AuthError, req: any, res: any, next: (error?: unknown) => void): unknown
}

/**
 * Guards a route, or a router: what {@link logtoAuth} found out must meet the requirements. A guest is refused as
 * somebody without a token (`missing_token`, 401), and so is a `req.auth` that something else made.
 *
 * @param requirements - What the token must permit; without any, it is enough to have one.
 * @throws `TypeError` with `code: 'invalid_options'`, now and not on the first request.
 *
 * @example
 * ```ts
 * app.delete('/orders/:id', protect({ requiredScope: 'write:orders', subjectType: 'user' }), removeOrder)
 * app.use('/orgs/:org', protect({ organizationId: (req) => req.params.org }), organizationRoutes)
 * ```
 */
export function protect(requirements?: Requirements): Middleware
