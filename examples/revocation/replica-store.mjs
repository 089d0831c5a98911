import { redisStore } from 'logto-authkit/revocation'
import { createClient } from 'redis'

/** Creates a store that appends to the primary and reads from a replica. */
export function createStore() {
  const primary = redisStore(createClient({ url: process.env.REDIS_PRIMARY_URL ?? 'redis://localhost' }))
  const replica = redisStore(createClient({ url: process.env.REDIS_REPLICA_URL ?? 'redis://localhost' }))

  return {
    append: (entries, options) => primary.append(entries, options),
    read: (position, options) => replica.read(position, options),
    lease: (name, holder, durationMs) => primary.lease(name, holder, durationMs),
    async close() {
      await primary.close()
      await replica.close()
    },
  }
}
