/** The stores of this package, and the interface that your own store implements. */

/**
 * Creates a store in memory, for a single process. The revocations are lost when the process restarts, and worker threads do not
 * share revocations.
 *
 * @returns The store, which is the default of `createRevocations`.
 *
 * @example
 * ```ts
 * const revocations = createRevocations({ store: memoryStore() })
 * ```
 */
export function memoryStore(): RevocationStore

/**
 * Creates a store that all instances share, in Redis 6.2 or later or in Valkey. The store uses one stream, and opens two
 * connections per instance.
 *
 * @param client - A client of `redis` (node-redis) 4 to 6, `ioredis` 5 or 6, or `iovalkey`, also for Cluster or Sentinel. The store
 *   duplicates the client, and uses its URL and credentials.
 * @param options - The options: see {@link RedisStoreOptions}.
 * @returns The store, which you pass as the `store` option of `createRevocations`.
 * @throws `TypeError` with `code: 'invalid_options'` if the client is not supported, or for an unknown or invalid option.
 *
 * @example
 * ```ts
 * import { createClient } from 'redis'
 * import { createRevocations, redisStore } from 'logto-authkit/revocation'
 *
 * const client = await createClient({ url: 'redis://localhost' }).connect()
 * const revocations = createRevocations({ store: redisStore(client) })
 * ```
 */
export function redisStore(client: RedisClient, options?: RedisStoreOptions): RevocationStore

/** The part of a Redis client's type that all supported clients share. */
export interface RedisClient {
  connect(): Promise<unknown>
}

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /**
   * The prefix of the stream's key, `<prefix>:revocations`. If several Logto instances share a Redis server, use a different prefix
   * for each of them.
   *
   * @defaultValue `'logto-authkit'`
   */
  prefix?: string
}

/**
 * A log of revocations that several instances share. To use a database other than Redis, implement this interface, and
 * test your implementation with `testRevocationStore`.
 *
 * Each revocation is an entry of the log, an opaque string of up to 16 KB. A store may return entries in any order, and
 * more than once. If the connection is lost, the functions must reject instead of waiting.
 */
export interface RevocationStore {
  /**
   * Identifies the log. Worker threads whose stores have the same `identity` share one in-memory copy of the
   * revocations.
   */
  readonly identity?: string

  /**
   * Appends revocation entries to the log, and resolves when they are stored durably and every other instance can read
   * them.
   *
   * @param options - `maxAgeMs`: the store may delete entries that are older than `maxAgeMs` plus two hours. `signal`:
   *   aborted when the result is no longer needed.
   */
  append(entries: string[], options: { maxAgeMs: number; signal: AbortSignal }): Promise<void>

  /**
   * Reads the revocation entries after a position in the log. If the position is `null`, or no longer exists because
   * the log was trimmed, emptied or replaced, `read` starts at the oldest entry that the caller might not have read
   * yet. If there are no new entries, `read` waits for up to a second.
   *
   * @param position - The position that the last call returned.
   * @param options - `signal`: aborted when the result is no longer needed. After an abort, use a different connection.
   * @returns A batch of at most a few thousand entries, the position after the batch, and whether the log contains no further
   *   entries.
   */
  read(position: string | null, options: { signal: AbortSignal }): Promise<RevocationBatch>

  /**
   * Acquires or extends a lease, so that only one instance performs a task. `lease` is optional.
   *
   * @param name - Identifies the task.
   * @param holder - Identifies the instance.
   * @returns Whether this instance holds the lease for `durationMs` from now.
   */
  lease?(name: string, holder: string, durationMs: number): Promise<boolean>

  /** Closes all connections of the store. */
  close?(): Promise<void>
}

/** A batch of revocation entries that {@link RevocationStore.read} returns. */
export interface RevocationBatch {
  /** The revocation entries, oldest first. */
  entries: string[]
  /** The position after the entries of this batch. */
  position: string
  /** Whether the log contains no further entries. */
  complete: boolean
}
