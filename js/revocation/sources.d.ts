/** The functions that receive revocations from Logto: their options, and the handlers they return. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { VerifyAuthOptions } from '../..'

/** Options of {@link Revocations.webhook}. */
export interface WebhookOptions {
  /** The signing key of the webhook in Logto's console. While a key is being replaced, the old and the new one. */
  signingKey: string | string[]

  /**
   * Receives every event with a valid signature, including those that revoke nothing, but no test events. It does not delay the
   * response, and its failure is a process warning.
   */
  onEvent?: (event: WebhookEvent) => unknown
}

/** An event of a webhook: the members that all events have. */
export interface WebhookEvent {
  /** The name, such as `'User.Created'`. */
  event: string
  /** When it happened, in ISO 8601. */
  createdAt: string
  hookId: string
  [member: string]: unknown
}

/** Options of {@link Revocations.backchannelLogout}. */
export interface BackchannelLogoutOptions
  extends Pick<
    VerifyAuthOptions,
    'issuer' | 'jwksUri' | 'jwks' | 'jwksCa' | 'algorithms' | 'clockTolerance' | 'currentDate'
  > {
  /** Logto's base URL. `LOGTO_URL` in the environment is not read. */
  logtoUrl: string

  /** The id of the application that users sign out of, or of several applications. */
  clientId: string | string[]

  /**
   * How logout tokens are matched with access tokens. `'subject'` revokes all of the user's tokens that have been issued so far;
   * clients of other sessions refresh theirs. `'session'` revokes the tokens with the same `sid` claim, which requires a
   * custom-claims script. A logout token with only one of the two claims is matched by that one.
   *
   * @defaultValue `'subject'`
   */
  match?: 'subject' | 'session'
}

/** Options of {@link Revocations.catchUp}. */
export interface CatchUpOptions {
  /** Logto's base URL. */
  logtoUrl: string
  /** The id of a machine-to-machine application with a role for the Management API. */
  clientId: string
  /** The secret of that application. */
  clientSecret: string
  /** The id of the webhook, which is in the URL of its page in Logto's console. */
  hookId: string
  /**
   * The resource indicator of the Management API. Set it for a tenant in Logto's cloud that has a custom domain.
   *
   * @defaultValue `https://<tenant>.logto.app/api` in the cloud, `https://default.logto.app/api` elsewhere
   */
  resource?: string
  /**
   * The time between two readings, in milliseconds.
   *
   * @defaultValue 60000
   */
  everyMs?: number
}

/** The result of {@link Revocations.catchUp}. */
export interface CatchUp {
  /** Stops reading. */
  stop(): void
}

/**
 * A handler for Express, NestJS and plain `http`, for Fastify, for Hono, and for Next.js Route Handlers and other environments with
 * fetch.
 */
export interface SourceHandler {
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): Promise<void>
  (request: Request): Promise<Response>
  // Not the types of the frameworks, which are not dependencies of this package.
  (request: { raw: IncomingMessage }, reply: { raw: ServerResponse; code(status: number): unknown }): Promise<unknown>
  (context: { req: { raw: Request } }): Promise<Response>
}
