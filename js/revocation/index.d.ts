import type { AuthContext } from '../..'
import type { BackchannelLogoutOptions, CatchUp, CatchUpOptions, SourceHandler, WebhookOptions } from './sources'
import type { RevocationStore } from './stores'

export * from './sources'
export * from './stores'

/**
 * Creates revocations: a list of users, sessions and tokens that are rejected although their tokens have not expired.
 *
 * Every instance keeps a copy of the list in memory, and verifiers check it synchronously, for previously verified tokens too. With
 * a shared store such as Redis, a revocation takes effect on all instances within milliseconds.
 *
 * @param options - See {@link RevocationsOptions}.
 * @returns The revocations, to be passed to verifiers and adapters as the option `revocations`. They are being loaded: see
 *   {@link Revocations.ready}.
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
   * How long revocations are kept, in seconds: the longest lifetime of an access token. Tokens that live longer are accepted again
   * after this time. All instances must use the same value.
   *
   * @defaultValue 86400
   */
  maxTokenLifetime?: number

  /**
   * What happens while the store is unreachable. Known revocations remain in force. `'accept'` misses new ones; `'refuse'` rejects
   * requests with 503 `revocations_unavailable` as soon as revocations may be older than `maxLagMs`, and until they are loaded.
   *
   * @defaultValue `'accept'`
   */
  whenUnavailable?: 'accept' | 'refuse'

  /**
   * The maximum age of the revocations, in milliseconds, at least 2,000: with `whenUnavailable: 'refuse'`, requests are rejected once
   * it is exceeded.
   *
   * @defaultValue 30000
   */
  maxLagMs?: number
}

/**
 * Revocations, created by {@link createRevocations}.
 *
 * A function that revokes takes effect on this instance immediately. Its promise resolves when the store has acknowledged the
 * revocation, and rejects with an `AuthError` with the code `revocations_unavailable` if it has not within five seconds: try again.
 * Revoking twice has no further effect. Invalid arguments are a `TypeError` with `code: 'invalid_options'`.
 */
export interface Revocations {
  /**
   * Revokes the tokens of a user, or in one organization only. Tokens that are issued later are valid.
   *
   * @param userId - The `sub` claim.
   */
  revokeSubject(userId: string, options?: RevokeOptions & { organizationId?: string }): Promise<void>

  /**
   * Revokes a single token.
   *
   * @param token - A context of the token, or its claims `jti` and `exp`.
   */
  revokeToken(token: AuthContext | { jti: string; exp?: number }): Promise<void>

  /**
   * Revokes the tokens with this `sid` claim, whenever they were issued. Logto adds `sid` only through a custom-claims script.
   *
   * @param sid - The id of the session.
   */
  revokeSession(sid: string): Promise<void>

  /**
   * Revokes the tokens with this `grant_id` claim, whenever they were issued. Logto adds `grant_id` only through a
   * custom-claims script.
   *
   * @param grantId - The id of the grant.
   */
  revokeGrant(grantId: string): Promise<void>

  /**
   * Revokes the tokens of an application. Tokens that are issued later are valid.
   *
   * @param clientId - The `client_id` claim.
   */
  revokeClient(clientId: string, options?: RevokeOptions): Promise<void>

  /**
   * Revokes the tokens of an organization. Tokens that are issued later are valid.
   *
   * @param organizationId - The organization's id.
   */
  revokeOrganization(organizationId: string, options?: RevokeOptions): Promise<void>

  /** Revokes the tokens of everyone. Tokens that are issued later are valid. */
  revokeAll(options?: RevokeOptions): Promise<void>

  /**
   * Creates a handler for Logto's webhooks. It verifies the signature and revokes the tokens of users who are suspended or deleted,
   * whose password an administrator has changed, or who are removed from an organization, of deleted organizations, and of grants
   * that Logto has revoked. Other events are acknowledged.
   *
   * It responds with 200, with 401 for a wrong signature, with 400, 413 or 500 for a body that cannot be read, and with 503 if the
   * store has not acknowledged the revocation within a second. Logto does not repeat a failed request: see {@link Revocations.catchUp}.
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
   * Creates a handler for logout tokens (OpenID Connect Back-Channel Logout 1.0). It performs every check of section 2.6, responds
   * with 200 or 400 within two seconds, and revokes the tokens of the user or of the session.
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
   * Applies events that the webhook has missed, because Logto does not repeat a failed delivery: reads the webhook's delivery log
   * through the Management API at once and then regularly. With a store that has leases, only one instance does so at a time.
   *
   * A failure is a process warning. Nothing keeps the process alive.
   *
   * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
   */
  catchUp(options: CatchUpOptions): CatchUp

  /**
   * Resolves when all revocations in the store have been loaded. It waits for the store as long as necessary, and rejects only if
   * the revocations are closed.
   */
  ready(): Promise<void>

  /** Statistics, for operators. */
  stats(): RevocationStats

  /** Disconnects from the store. Known revocations remain in force. */
  close(): Promise<void>
}

/** Options of the functions that revoke. */
export interface RevokeOptions {
  /**
   * Tokens issued up to and including this second are revoked. At most one hour in the future.
   *
   * @defaultValue now
   */
  before?: Date
}

/** Statistics about {@link Revocations}. */
export interface RevocationStats {
  /** The number of revocations in memory. */
  entries: number
  /** The number of entries in the store that this release does not understand, for example during an update. */
  skipped: number
  /** Whether the last read from the store succeeded. */
  connected: boolean
  /** Revocations that are older than this are in force, in milliseconds. `null` until they have been loaded. */
  lagMs: number | null
  /** The message of the last error from the store. */
  lastError: string | null
}

/**
 * A revocation that has taken effect, published on the channel `logto-authkit:revocations` of `node:diagnostics_channel` in the
 * thread that has read it. It contains no ids. Entries that change nothing are not published.
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
  /** What the tokens have in common. `'member'`: a user within an organization. */
  kind: 'subject' | 'member' | 'organization' | 'client' | 'session' | 'grant' | 'token' | 'all'
  /** The time of the revocation, in whole seconds. Tokens issued up to and including this second are revoked. */
  before: Date
}
