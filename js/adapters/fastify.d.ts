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
     * The verified context of the request. The property is `undefined` outside the scope in which `logtoAuth` is registered. With
     * `allowPreflight`, the property is also `undefined` in CORS preflights.
     */
    auth: RegisteredContext
  }
}

/**
 * A plugin that verifies the token in an `onRequest` hook, before the body is read, and sets `request.auth`. The response to a
 * rejected request is the same as in `logto-authkit/express`: the status and headers of the {@link AuthError}, and the JSON
 * `{ error, code, message }`. With `allowGuest: true`, no request is rejected, and the response to a new guest sets a cookie. CORS
 * preflights are rejected unless `allowPreflight` is set, so register `@fastify/cors` before this plugin.
 *
 * The hook applies to the scope that registers the plugin, as with `fastify-plugin`. Register the plugin at the root for all
 * routes, or inside another plugin for the routes of that plugin.
 *
 * If a handler throws an `AuthError`, Fastify's error handler uses the status and headers of the error.
 *
 * @param fastify - The Fastify instance, which `register` passes to the plugin.
 * @param options - See {@link LogtoAuthOptions}. Without options, `LOGTO_URL` and `LOGTO_AUDIENCE` are read from the environment.
 * @returns A promise that Fastify awaits.
 * @throws `TypeError` with `code: 'invalid_options'`. `register` and `ready` reject with the `TypeError`.
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
 * Returns the context of a request that {@link logtoAuth} has verified. `getAuth` finds the context even if the `property` option
 * is set, and ignores values that other code has stored on the request. If `logtoAuth` has not verified the request, the result is
 * `undefined`.
 *
 * @param request - The request that the handler has received.
 * @returns The context, or `undefined` if the request was not verified.
 *
 * @example
 * ```ts
 * app.get('/me', async (request) => ({ user: getAuth(request).userId }))
 * ```
 */
export function getAuth(request: object): RegisteredContext

/**
 * Returns the context of a request with a valid token, never a guest context.
 *
 * @param request - The request that the handler has received.
 * @returns The context of a user or application.
 * @throws {@link AuthError} if the request has no valid token: the error that {@link protect} would reject it with.
 *
 * @example
 * ```ts
 * app.get('/orders', async (request) => orders.of(requireAuth(request).userId))
 * ```
 */
export function requireAuth(request: object): AuthenticatedContext

/** Options of {@link logtoAuth}. */
export interface LogtoAuthOptions extends Omit<AdapterOptions, 'allowGuest' | 'getToken'>, PropertyOption {
  /**
   * Allows guests: see `allowGuest` in `VerifyAuthOptions`. First declare `guests: true` in `Register`, because guests have no `userId`.
   */
  allowGuest?: RegisteredGuests

  /** Like `getToken` in `VerifyAuthOptions`, but receives Fastify's request. */
  getToken?(request: FastifyRequest): string | null | undefined | Promise<string | null | undefined>

  /**
   * Replaces the library's response to rejected requests, including requests that {@link protect} rejects. `onError`
   * must send a reply. Errors that `onError` throws are passed to Fastify's error handler.
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
 * Creates a hook (`onRequest` or `preHandler`) for a single route or for all routes in a Fastify plugin's scope. The
 * hook rejects requests unless the verified context meets the requirements. Guests are rejected with the code in
 * `guestReason`. Requests that `logtoAuth` has not verified are rejected with `missing_token` (401).
 *
 * @param requirements - The requirements. Without requirements, any valid token is accepted.
 * @returns The hook.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid requirement.
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
