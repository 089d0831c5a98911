/** The options of the functions that receive revocations from Logto, and the type of their handlers. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { VerifyAuthOptions } from '../..'

/** Options of {@link Revocations.webhook}. */
export interface WebhookOptions {
  /** The signing key of the webhook in Logto's console. While you replace the key, pass an array with the old and the new key. */
  signingKey: string | string[]

  /**
   * Called with every event that has a valid signature, including events that revoke no tokens, but not with test events. `onEvent`
   * does not delay the response. If `onEvent` throws, the process emits a warning.
   */
  onEvent?: (event: WebhookEvent) => unknown
}

/** The members that all webhook events have. */
export interface WebhookEvent {
  /** The name of the event, such as `'User.Created'`. */
  event: string
  /** The time of the event, in ISO 8601. */
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
  /** Logto's base URL. The environment variable `LOGTO_URL` is not read. */
  logtoUrl: string

  /** The id of the application that users sign out of, or an array of ids. */
  clientId: string | string[]

  /**
   * Determines how logout tokens are matched with access tokens. `'subject'` revokes all tokens that the user has
   * received so far, in every session. Clients in sessions that are still active then have to refresh their tokens.
   * `'session'` revokes the tokens with the `sid` of the logout token. Access tokens have a `sid` claim only if a
   * custom-claims script adds it. A logout token that contains only `sub` or only `sid` is matched by the claim that it
   * contains.
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
  /** The secret of the machine-to-machine application. */
  clientSecret: string
  /** The id of the webhook. The URL of the webhook's page in Logto's console contains this id. */
  hookId: string
  /**
   * The resource indicator of the Management API. Set this option for a tenant in Logto's cloud that has a custom domain.
   *
   * @defaultValue `https://<tenant>.logto.app/api` in the cloud, `https://default.logto.app/api` elsewhere
   */
  resource?: string
  /**
   * The time between two reads of the delivery log, in milliseconds.
   *
   * @defaultValue 60000
   */
  everyMs?: number
}

/** The result of {@link Revocations.catchUp}. */
export interface CatchUp {
  /** Stops reading the delivery log. */
  stop(): void
}

/**
 * A handler for Express, NestJS, plain `http` and Fastify, and for Hono, Next.js Route Handlers and other frameworks
 * that use the `Request` and `Response` of the Fetch API.
 */
export interface SourceHandler {
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): Promise<void>
  // The frameworks' own types are not used, because the frameworks are not dependencies of this package.
  (request: { raw: IncomingMessage }, reply: { raw: ServerResponse; code(status: number): unknown }): Promise<unknown>
  (context: { req: { raw: Request } }): Promise<Response>
  // This signature is last, because Next.js checks a route's type with `Parameters`, which takes the last signature.
  (request: Request): Promise<Response>
}
