/** Where revocations are stored: the stores of this package, and the interface of others. */

/** A store in memory, for a single process: its revocations are lost at a restart, and worker threads do not share them. */
export function memoryStore(): RevocationStore

/**
 * A store in Redis 6.2 or later, or Valkey, which instances share. It uses one stream, with two connections of its own per instance.
 *
 * @param client - A client of `redis` (node-redis) 4 to 6, `ioredis` 5 or 6, or `iovalkey`, also for Cluster or Sentinel. It is
 *   duplicated, so its address and credentials apply.
 * @param options - See {@link RedisStoreOptions}.
 * @throws `TypeError` with `code: 'invalid_options'` for another object, or an unknown or invalid option.
 */
export function redisStore(client: RedisClient, options?: RedisStoreOptions): RevocationStore

/** The part of a Redis client's type that all supported clients share. */
export interface RedisClient {
  connect(): Promise<unknown>
}

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /**
   * The prefix of the stream's key, `<prefix>:revocations`. Use another one for every Logto.
   *
   * @defaultValue `'logto-authkit'`
   */
  prefix?: string
}

/**
 * A log of revocations that instances share. Implement it to use another engine than Redis, and test your implementation with
 * `testRevocationStore`.
 *
 * Entries are opaque strings of up to 16 KB. Order and repetitions do not matter. Functions must reject instead of waiting for a
 * lost connection.
 */
export interface RevocationStore {
  /** Identifies the data. Worker threads with equal identities share one copy of the entries in memory. */
  readonly identity?: string

  /**
   * Appends entries. Resolves when they are stored durably, and every other instance will read them.
   *
   * @param options - `maxAgeMs`: entries that were appended longer ago than this, plus two hours, may be deleted. `signal`: aborted
   *   when nobody waits for the result anymore.
   */
  append(entries: string[], options: { maxAgeMs: number; signal: AbortSignal }): Promise<void>

  /**
   * Reads the entries after a position, or from the oldest one if the position is `null` or no longer exists because the log was
   * trimmed, emptied or replaced. If there are none, it waits up to a second for new ones.
   *
   * @param position - The position that the last call returned.
   * @param options - `signal`: aborted when nobody waits for the result anymore. The next call should use another connection.
   * @returns Some entries, at most a few thousand, the position after them, and whether there were no others.
   */
  read(position: string | null, options: { signal: AbortSignal }): Promise<RevocationBatch>

  /**
   * Acquires or extends a lease, so that only one instance does something. Optional.
   *
   * @param name - Identifies the task.
   * @param holder - Identifies the instance.
   * @returns Whether this instance holds the lease for `durationMs` from now.
   */
  lease?(name: string, holder: string, durationMs: number): Promise<boolean>

  /** Releases connections. */
  close?(): Promise<void>
}

/** A part of the log. */
export interface RevocationBatch {
  /** The entries, oldest first. */
  entries: string[]
  /** The position after these entries. */
  position: string
  /** Whether the log contained no further entries. */
  complete: boolean
}
