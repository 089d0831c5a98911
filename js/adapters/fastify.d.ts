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
import type { AuthContext, AuthError } from '../..'
import type { AdapterOptions, Requirements } from './options'

export type { OrganizationId, Requirements } from './options'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Who is asking, as `logtoAuth` found out. There is none outside the scope that `logtoAuth` is registered in, and in
     * CORS preflights.
     */
    auth: AuthContext
  }
}

/**
 * Finds out who is asking in an `onRequest` hook, before a body is read, and sets `request.auth`. A request that is
 * refused is answered as `logto-authkit/express` does: status and headers of the {@link AuthError}, JSON
 * `{ error, code, message }`. With `allowGuest` everybody passes, and a new guest gets a cookie. CORS preflights pass
 * without `request.auth`.
 *
 * It is for the whole scope that registers it, as with `fastify-plugin`: register it at the root for all routes, or inside
 * another plugin for that plugin's.
 *
 * An `AuthError` that a handler throws goes to Fastify's error handler, which gives it its status and headers.
 *
 * @throws `TypeError` with `code: 'invalid_options'`: `register` and `ready` reject with it.
 *
 * @example For some of the routes
 * ```ts
 * app.get('/', async () => 'for everybody')
 * app.register(async (api) => {
 *   await api.register(logtoAuth, options)
 *   api.get('/me', async (request) => request.auth)
 * }, { prefix: '/api' })
 * ```
 */
export function logtoAuth(fastify: FastifyInstance, options: LogtoAuthOptions): Promise<void>

/** What {@link logtoAuth} takes. */
export interface LogtoAuthOptions extends Omit<AdapterOptions, 'getToken'> {
  /** As in `VerifyAuthOptions`, asked about Fastify's request. */
  getToken?(request: FastifyRequest): string | null | undefined

  /**
   * Answers a refusal instead of the library, also those of {@link protect}. It has to send a reply; what it throws goes to
   * Fastify's error handler.
   *
   * @defaultValue the answer that {@link logtoAuth} describes
   *
   * @example
   * ```ts
   * onError: (error, request, reply) => reply.code(error.status).headers(error.headers).send({ message: error.message })
   * ```
   */
  onError?(error: AuthError, request: FastifyRequest, reply: FastifyReply): unknown
}

/**
 * A hook, `onRequest` or `preHandler`, that guards a route or a scope: what {@link logtoAuth} found out must meet the
 * requirements. A guest is refused as somebody without a token (`missing_token`, 401), and so is a `request.auth` that
 * something else made.
 *
 * @param requirements - What the token must permit; without any, it is enough to have one.
 * @throws `TypeError` with `code: 'invalid_options'`, now and not on the first request.
 *
 * @example
 * ```ts
 * app.delete('/orders/:id', { onRequest: protect({ requiredScope: 'write:orders', subjectType: 'user' }) }, removeOrder)
 * app.get('/orgs/:org', { onRequest: protect({ organizationId: (request) => request.params.org }) }, showOrganization)
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: a route's own types
export function protect(requirements?: Requirements): (request: any, reply: any) => Promise<unknown>
