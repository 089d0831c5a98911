// Revocations: the types of all supported Redis clients, and calls that must not compile.

import { Cluster, Redis as Ioredis } from 'ioredis'
import { Redis as Ioredis5 } from 'ioredis-5'
import { Redis as Valkey } from 'iovalkey'
import type { AuthContext } from 'logto-authkit'
import {
  createRevocations,
  memoryStore,
  type RevocationStore,
  type Revocations,
  redisStore,
} from 'logto-authkit/revocation'
import { testRevocationStore } from 'logto-authkit/testing'
import { createClient, createCluster, createSentinel } from 'redis'
import { createClient as createClient4 } from 'redis-4'
import { createClient as createClient5 } from 'redis-5'

redisStore(createClient())
redisStore(createClient4())
redisStore(createClient5({ RESP: 3 }))
redisStore(createCluster({ rootNodes: [] }))
redisStore(createSentinel({ name: 'main', sentinelRootNodes: [] }), { prefix: 'app' })
redisStore(new Ioredis({ lazyConnect: true }))
redisStore(new Ioredis5({ lazyConnect: true }))
redisStore(new Valkey({ lazyConnect: true }))
redisStore(new Cluster([]))

const store: RevocationStore = {
  append: async (entries: string[]) => void entries,
  read: async (position: string | null) => ({ entries: [], position: position ?? '', complete: true }),
}
const revocations: Revocations = createRevocations({ store, whenUnavailable: 'refuse', maxLagMs: 10_000 })
createRevocations({ store: memoryStore(), maxTokenLifetime: 3600 })
testRevocationStore(async () => store, { reset: () => {} })

export async function revoke(auth: AuthContext): Promise<void> {
  await revocations.revokeToken(auth)
  await revocations.revokeToken({ jti: 'a' })
  await revocations.revokeSubject('alice', { organizationId: 'org', before: new Date() })
  // @ts-expect-error: `before` must be a `Date`, because a number may be seconds or milliseconds
  await revocations.revokeAll({ before: Date.now() })
  // @ts-expect-error: `revokeSession` has no `before`, because it covers all tokens of the session
  await revocations.revokeSession('sid', { before: new Date() })
}

// @ts-expect-error: unknown value of `whenUnavailable`
createRevocations({ whenUnavailable: 'reject' })
// @ts-expect-error: the argument must be a Redis client, not a URL
redisStore('redis://localhost')
