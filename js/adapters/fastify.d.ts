/**
 * A plugin for Fastify 5.
 *
 * @example
 * ```ts
 * import Fastify from 'fastify'
 * import { logtoAuth, protect } from 'logto-authkit/fastify'
 *
 * const app = Fastify()
 * await app.register(logtoAuth, { logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' })
 *
 * app.get('/me', async (request) => ({ user: request.auth.userId }))
 * app.get('/orders', { onRequest: protect({ requiredScope: 'read:orders' }) }, async (request) => orders.of(request.auth.userId))
 * ```
 *
 * @packageDocumentation
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AuthError, AuthenticatedContext, RegisteredContext, RegisteredGuests } from '../..'
import type { AdapterOptions, PropertyOption, Requirements } from './options'

export type { OrganizationId, Requirements } from './options'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The context that `logtoAuth` has verified. It is `undefined` outside the scope in which `logtoAuth` is registered, and
     * with `allowPreflight` in CORS preflights.
     */
    auth: RegisteredContext
  }
}

/**
 * Verifies the token in an `onRequest` hook, before the body is read, and sets `request.auth`. A rejected request gets the
 * same response as from `logto-authkit/express`: status and headers of the {@link AuthError}, JSON
 * `{ error, code, message }`. With `allowGuest: true`, no request is rejected, and the response to a new guest sets a cookie.
 * CORS preflights are rejected unless `allowPreflight` is set: register `@fastify/cors` before it.
 *
 * The hook applies to the scope that registers the plugin, as with `fastify-plugin`: register it at the root for all
 * routes, or inside another plugin for the routes of that plugin.
 *
 * An `AuthError` thrown by a handler goes to Fastify's error handler, which uses its status and headers.
 *
 * @throws `TypeError` with `code: 'invalid_options'`: `register` and `ready` reject with this error.
 *
 * @example Only some routes
 * ```ts
 * app.get('/', async () => 'public')
 * app.register(async (api) => {
 *   await api.register(logtoAuth, options)
 *   api.get('/me', async (request) => request.auth)
 * }, { prefix: '/api' })
 * ```
 */
export function logtoAuth(fastify: FastifyInstance, options: LogtoAuthOptions): Promise<void>

/**
 * Returns the context that {@link logtoAuth} has verified, regardless of `property` and of anything that other code has stored
 * on the request. Where `request.auth` is `undefined`, so is the result.
 */
export function getAuth(request: object): RegisteredContext

/**
 * Returns the context of a request with a valid token, or throws what {@link protect} would respond with. Its result is never a
 * guest.
 *
 * @throws {@link AuthError}
 *
 * @example
 * ```ts
 * app.get('/orders', async (request) => orders.of(requireAuth(request).userId))
 * ```
 */
export function requireAuth(request: object): AuthenticatedContext

/** Options of {@link logtoAuth}. */
export interface LogtoAuthOptions extends Omit<AdapterOptions, 'allowGuest' | 'getToken'>, PropertyOption {
  /** As in `VerifyAuthOptions`. Guests must be registered, see `Register`, because they have no `userId`. */
  allowGuest?: RegisteredGuests

  /** As in `VerifyAuthOptions`; called with Fastify's request. */
  getToken?(request: FastifyRequest): string | null | undefined | Promise<string | null | undefined>

  /**
   * Responds to rejected requests instead of the library, including those rejected by {@link protect}. It must send a
   * reply. Errors that it throws go to Fastify's error handler.
   *
   * @defaultValue the response described at {@link logtoAuth}
   *
   * @example
   * ```ts
   * onError: (error, request, reply) => reply.code(error.status).headers(error.headers).send({ message: error.message })
   * ```
   */
  onError?(error: AuthError, request: FastifyRequest, reply: FastifyReply): unknown
}

/**
 * A hook (`onRequest` or `preHandler`) that protects a route or scope: the context set by {@link logtoAuth} must meet the
 * requirements. Guests are rejected with their `guestReason`, and any `request.auth` set by other code with `missing_token` (401).
 *
 * @param requirements - If omitted, any valid token is accepted.
 * @throws `TypeError` with `code: 'invalid_options'` at construction.
 *
 * @example
 * ```ts
 * app.delete('/orders/:id', { onRequest: protect({ requiredScope: 'write:orders', subjectType: 'user' }) }, removeOrder)
 * app.get('/orgs/:org', { onRequest: protect({ organizationId: (request) => request.params.org }) }, showOrganization)
 * ```
 */
export function protect(
  requirements?: Requirements,
  // biome-ignore lint/suspicious/noExplicitAny: routes have their own types
): (request: any, reply: any, done?: () => void) => Promise<unknown> | undefined
