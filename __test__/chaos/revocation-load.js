/** Revokes users without a pause, and keeps a record of every acknowledged revocation. */

const { setTimeout: pause } = require('node:timers/promises')
const { Redis } = require('ioredis')
const { createClient } = require('redis')
const { createRevocations, redisStore } = require('logto-authkit/revocation')
const { AUDIENCE } = require('../support/helpers')

/** No further revocation begins while this many are in progress. */
const MAX_PENDING = 2000
/** This many users are revoked in turn, so that the memory usage of instances is bounded. */
const USERS = 200_000
/** How many revocations per second concern users whose tokens the instances verify. */
const WATCHED_PER_SECOND = 25
/** How many of the latest revoked tokens new instances verify. */
const RECENT = 200
/** Older stream items are trimmed after they have been checked. */
const KEEP_MS = 90_000
/** A longer pause of this process is a stall. */
const STALL_MS = 250
const STREAM = 'logto-authkit:revocations'

/**
 * @param {import('./run').Closing} t
 * @param {import('./revocation-faults').Cluster} cluster
 * @param {import('logto-authkit/testing').TestIssuer} issuer
 * @param {{ watch(token: import('./revocation-instance').Watched): unknown }[]} instances
 * @param {InstanceType<typeof import('./revocation-log').RevocationLog>} log
 * @param {number} perSecond
 */
async function startRevoking(t, cluster, issuer, instances, log, perSecond) {
  const publishers = await Promise.all([startPublisher(t, cluster, 'ioredis'), startPublisher(t, cluster, 'redis')])
  /** For each user, the time of the latest acknowledged revocation in seconds, and when it was made. @type {Map<string, { before: number, at: number }>} */
  const record = new Map()
  const began = Date.now()
  let [made, pending, isOver, ended] = [0, 0, false, 0]
  const load = {
    acknowledged: 0,
    failed: 0,
    lost: 0,
    /** @type {import('./revocation-instance').Watched[]} */
    recent: [],
    rate: () => Math.round((load.acknowledged * 1000) / ((ended || Date.now()) - began)),
    checkStream,
    async stop() {
      isOver = true
      ended = Date.now()
      while (pending > 0) await pause(20)
    },
  }

  async function revoke() {
    made += 1
    const isWatched = made % (perSecond / WATCHED_PER_SECOND) === 0
    const user = isWatched ? `watched ${made}` : `user ${made % USERS}`
    const token = isWatched ? issuer.mint({ audience: AUDIENCE, sub: user }) : ''
    const at = Date.now()
    pending += 1
    try {
      await publishers[made % 2].revokeSubject(user, { before: new Date(at) })
    } catch {
      load.failed += 1
      return
    } finally {
      pending -= 1
    }
    load.acknowledged += 1
    record.set(user, { before: Math.floor(at / 1000), at })
    if (!isWatched) return
    const watched = { token, revokedAt: Date.now() }
    for (const instance of instances) instance.watch(watched)
    load.recent = [...load.recent, watched].slice(-RECENT)
  }

  async function run() {
    for (let last = Date.now(); !isOver; ) {
      await pause(10)
      const now = Date.now()
      if (now - last > STALL_MS) log.stalled({ start: last, end: now })
      // After a pause, the load does not exceed the rate to catch up.
      const due = Math.min(MAX_PENDING - pending, (Math.min(now - last, 100) * perSecond) / 1000)
      last = now
      for (let i = 0; i < due; i += 1) revoke()
    }
  }

  /**
   * Compares the stream with the record, and trims old stream items. Returns the number of revoked users in the stream.
   */
  async function checkStream() {
    const expected = [...record]
    const stored = await readStream(cluster.primary.port)
    const lost = expected.filter(([user, { before }]) => !(Number(stored.get(user)) >= before)).map(([user]) => user)
    load.lost += lost.length
    log.must(lost.length === 0, `${lost.length} acknowledged revocations are lost: ${lost.slice(0, 3)}`)
    if (isOver) return stored.size
    const oldest = Date.now() - KEEP_MS
    await cluster.primary.command(`XTRIM ${STREAM} MINID ${oldest - 1000}`)
    for (const [user, { at }] of record) if (at < oldest) record.delete(user)
    return stored.size
  }

  run()
  return load
}

/** Starts a publisher: revocations in this process, with their own connection. */
async function startPublisher(t, cluster, library) {
  const { port } = await cluster.connect()
  const client =
    library === 'ioredis' ? new Redis(port, { lazyConnect: true }) : createClient({ url: `redis://127.0.0.1:${port}` })
  client.on('error', () => {})
  // With an identity, the instances in this process would share one copy of the revocations.
  const revocations = createRevocations({ store: Object.assign(redisStore(client), { identity: undefined }) })
  t.after(() => revocations.close())
  await revocations.ready()
  return revocations
}

/** Returns the latest revocation time of every user in the stream, as Unix time in seconds. */
async function readStream(port) {
  /** @type {Map<string, number>} */
  const users = new Map()
  const client = new Redis(port)
  for (let start = '-'; ; ) {
    const items = await client.xrange(STREAM, start, '+', 'COUNT', 2000)
    for (const [, fields] of items) {
      for (let i = 1; i < fields.length; i += 2) {
        const { id, before } = JSON.parse(fields[i])
        users.set(id, Math.max(before, users.get(id) ?? 0))
      }
    }
    const last = items.at(-1)
    if (last === undefined) break
    start = `(${last[0]}`
  }
  client.disconnect()
  return users
}

module.exports = { startRevoking }
