import type { AuthContext } from '../..'
import type { BackchannelLogoutOptions, CatchUp, CatchUpOptions, SourceHandler, WebhookOptions } from './sources'
import type { RevocationStore } from './stores'

export * from './sources'
export * from './stores'

/**
 * Creates a list of revocations: users, sessions and tokens to reject before the tokens expire.
 *
 * Every instance keeps a copy of the list in memory, which verifiers check synchronously, even for previously verified
 * tokens. With a shared store such as Redis, a revocation takes effect on all instances within milliseconds.
 *
 * @param options - The options: see {@link RevocationsOptions}.
 * @returns The revocations, which you pass to verifiers and adapters as the `revocations` option. {@link Revocations.ready}
 *   resolves when the revocations have been loaded.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { logtoAuth } from 'logto-authkit/express'
 * import { createClient } from 'redis'
 * import { createRevocations, redisStore } from 'logto-authkit/revocation'
 *
 * const client = await createClient({ url: 'redis://localhost' }).connect()
 * const revocations = createRevocations({ store: redisStore(client) })
 * const app = express()
 * app.use(logtoAuth({ logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com', revocations }))
 *
 * await revocations.revokeSubject('user-id') // 401 token_revoked, until the user signs in again
 * ```
 */
export function createRevocations(options?: RevocationsOptions): Revocations

/** Options of {@link createRevocations}. */
export interface RevocationsOptions {
  /**
   * Where revocations are stored: {@link memoryStore} for this process only, {@link redisStore} to share them, or your own
   * {@link RevocationStore}.
   *
   * @defaultValue `memoryStore()`
   */
  store?: RevocationStore

  /**
   * How long revocations are kept, in seconds. Use the longest lifetime of your access tokens: a revoked token that has
   * not expired by then would be accepted again after `maxTokenLifetime`. All instances must use the same
   * `maxTokenLifetime`.
   *
   * @defaultValue 86400
   */
  maxTokenLifetime?: number

  /**
   * The behavior while the store is unreachable. With `'accept'`, this instance does not learn of revocations on other
   * instances. With `'refuse'`, requests are rejected with 503 `revocations_unavailable` if the store has been
   * unreachable for longer than `maxLagMs`, and until the revocations have been loaded. With either value, known
   * revocations remain in force.
   *
   * @defaultValue `'accept'`
   */
  whenUnavailable?: 'accept' | 'refuse'

  /**
   * How long the store may be unreachable before `whenUnavailable: 'refuse'` rejects requests, in milliseconds, at
   * least 2,000. A late response does not prove that the store is still reachable, so a response that takes longer than
   * two seconds counts as received after two seconds.
   *
   * @defaultValue 30000
   */
  maxLagMs?: number
}

/**
 * The revocations that {@link createRevocations} creates.
 *
 * A revocation takes effect on this instance immediately. The functions whose names start with `revoke` resolve when
 * the store has acknowledged the revocation. If the store does not acknowledge the revocation within five seconds, the
 * promise rejects with an `AuthError` with the code `revocations_unavailable`; repeat the call. Repeated revocations
 * have no further effect. For invalid arguments, the promise rejects with a `TypeError` with the code
 * `invalid_options`.
 */
export interface Revocations {
  /**
   * Revokes all tokens of a user, or only the user's tokens for one organization. Tokens issued after the second of
   * `before` are not affected.
   *
   * @param userId - The id of the user, as in the `sub` claim.
   */
  revokeSubject(userId: string, options?: RevokeOptions & { organizationId?: string }): Promise<void>

  /**
   * Revokes a single token.
   *
   * @param token - The token's context, or its claims `jti` and `exp`.
   */
  revokeToken(token: AuthContext | { jti: string; exp?: number }): Promise<void>

  /**
   * Revokes all tokens with this `sid` claim, including tokens issued later. Tokens have a `sid` claim only if a
   * custom-claims script adds it.
   *
   * @param sid - The id of the session.
   */
  revokeSession(sid: string): Promise<void>

  /**
   * Revokes all tokens with this `grant_id` claim, including tokens issued later. Tokens have a `grant_id` claim only
   * if a custom-claims script adds it.
   *
   * @param grantId - The id of the grant.
   */
  revokeGrant(grantId: string): Promise<void>

  /**
   * Revokes all tokens of an application. Tokens issued after the second of `before` are not affected.
   *
   * @param clientId - The id of the application, as in the `client_id` claim.
   */
  revokeClient(clientId: string, options?: RevokeOptions): Promise<void>

  /**
   * Revokes all tokens for an organization. Tokens issued after the second of `before` are not affected.
   *
   * @param organizationId - The id of the organization.
   */
  revokeOrganization(organizationId: string, options?: RevokeOptions): Promise<void>

  /** Revokes all tokens of all users and applications. Tokens issued after the second of `before` are not affected. */
  revokeAll(options?: RevokeOptions): Promise<void>

  /**
   * Creates a handler that receives Logto's webhooks and verifies the signature of each event. If a user is suspended
   * or deleted, or an administrator changes the user's password, the handler revokes all tokens of the user. If users
   * or applications are removed from an organization, the handler revokes their tokens for the organization. It also
   * revokes all tokens for a deleted organization, and the tokens of grants that Logto revokes. The handler
   * acknowledges all other events.
   *
   * The handler responds with 200 if the event was processed, with 401 for a wrong signature, and with 400, 413 or 500
   * for an unreadable body. If the store has not acknowledged the revocation within a second, the status is 503. Logto
   * does not retry a failed request, but {@link Revocations.catchUp} applies missed events.
   *
   * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
   *
   * @example
   * ```ts
   * // Before express.json(), because the signature is that of the raw body.
   * app.post('/logto/webhook', revocations.webhook({ signingKey: process.env.LOGTO_WEBHOOK_KEY ?? '' }))
   * ```
   */
  webhook(options: WebhookOptions): SourceHandler

  /**
   * Creates a handler for logout tokens (OpenID Connect Back-Channel Logout 1.0). The handler performs every check in
   * section 2.6 of that specification, revokes the tokens of the user or of the session, and responds with 200 or 400
   * within two seconds.
   *
   * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
   *
   * @example
   * ```ts
   * app.post('/logto/logout', revocations.backchannelLogout({ logtoUrl: 'https://auth.example.com', clientId: 'app-id' }))
   * ```
   */
  backchannelLogout(options: BackchannelLogoutOptions): SourceHandler

  /**
   * Applies the events that the webhook has missed. Logto does not deliver them again. `catchUp` reads the
   * webhook's delivery log through the Management API immediately and then regularly. With a store that supports
   * leases, only one instance reads the log at a time.
   *
   * If reading the log fails, the process emits a warning. The regular reads do not keep the process alive.
   *
   * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
   */
  catchUp(options: CatchUpOptions): CatchUp

  /**
   * Resolves when all revocations in the store have been loaded. The promise stays pending while the store is
   * unreachable, and rejects only if you call {@link Revocations.close}.
   */
  ready(): Promise<void>

  /** Returns statistics for operators. */
  stats(): RevocationStats

  /** Waits for revocations in progress, for at most five seconds, and disconnects from the store. Known revocations remain in force. */
  close(): Promise<void>
}

/** Options of the functions that revoke tokens by their time of issue. */
export interface RevokeOptions {
  /**
   * Revokes tokens issued at or before this time, in whole seconds. `before` may be at most one hour in the future.
   *
   * @defaultValue now
   */
  before?: Date
}

/** Statistics about {@link Revocations}. */
export interface RevocationStats {
  /** The number of revocations in memory. */
  entries: number
  /**
   * How many revocations in the store this release does not understand, for example because an instance with a newer
   * release wrote them during a deployment.
   */
  skipped: number
  /**
   * The number of revocations in the store that were dated more than two hours ahead of this machine's clock, because
   * one of the clocks is wrong. Each of these revocations rejects all matching tokens issued before its date, even if
   * that date is in the future.
   */
  ahead: number
  /** Whether the last read from the store succeeded. */
  connected: boolean
  /** All revocations that are older than `lagMs` milliseconds are in force. `null` until the revocations have been loaded. */
  lagMs: number | null
  /** The message of the store's last error. */
  lastError: string | null
}

/**
 * A revocation that has taken effect, published on the channel `logto-authkit:revocations` of `node:diagnostics_channel` in the
 * thread that has read the revocation. The message contains no ids. Revocations that change nothing are not published.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 * import type { RevocationMessage } from 'logto-authkit/revocation'
 *
 * subscribe('logto-authkit:revocations', (message) => {
 *   const { kind, before } = message as RevocationMessage
 *   console.log(`revoked: ${kind}, ${Date.now() - before.getTime()} ms after the event`)
 * })
 * ```
 */
export interface RevocationMessage {
  /** The property that the revoked tokens have in common. `'member'` is a user within an organization. */
  kind: 'subject' | 'member' | 'organization' | 'client' | 'session' | 'grant' | 'token' | 'all'
  /**
   * The time of the revocation, in whole seconds. Tokens issued at or before this time are revoked.
   */
  before: Date
}
