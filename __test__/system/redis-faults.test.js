/** Revocations while Redis fails: no acknowledged revocation is lost, and requests do not notice. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const Redis = require('ioredis').Redis
const { createClient } = require('redis')
const { createVerifier } = require('logto-authkit')
const { createRevocations, redisStore } = require('logto-authkit/revocation')
const { AUDIENCE, startIssuer, verdict } = require('../support/helpers')
const { NO_REDIS, startRedis, startTcpProxy } = require('../support/redis')
const { until } = require('../support/until')

const ENTRY = (id) => JSON.stringify({ v: 1, kind: 'subject', id, before: Math.floor(Date.now() / 1000) })

/** An instance of an application: its own connections and its own copy of the revocations. */
async function startInstance(t, port, { name = 'ioredis', ...options } = /** @type {any} */ ({})) {
  const client =
    name === 'ioredis'
      ? new Redis(port, { lazyConnect: true })
      : createClient({ url: `redis://127.0.0.1:${port}` }).on('error', () => {})
  // With an identity, the instances in this process would share one copy of the revocations.
  const store = Object.assign(redisStore(client), { identity: undefined })
  const revocations = createRevocations({ store, ...options })
  t.after(() => revocations.close())
  return revocations
}

/** Waits until the instance has this many revocations. */
async function hasEntries(revocations, count) {
  await until(() => revocations.stats().entries >= count)
  assert.equal(revocations.stats().entries, count)
}

const isConnected = (revocations, connected) => until(() => revocations.stats().connected === connected)

const users = (count, from = 0) => Array.from({ length: count }, (_, i) => `user ${from + i}`)
const revoke = (revocations, ids) => Promise.all(ids.map((id) => revocations.revokeSubject(id)))

describe('revocations in Redis', { skip: NO_REDIS, timeout: 120_000 }, () => {
  for (const name of ['ioredis', 'redis']) {
    test(`survive kill -9 and a restart with ${name}`, async (t) => {
      const server = await startRedis(t, '--appendonly', 'yes', '--appendfsync', 'everysec')
      const [one, two] = [await startInstance(t, server.port, { name }), await startInstance(t, server.port, { name })]
      await two.ready()
      await revoke(one, users(500))
      await server.kill('SIGKILL')
      await Promise.all([isConnected(one, false), isConnected(two, false)])
      await assert.rejects(one.revokeSubject('failed'), { code: 'revocations_unavailable' })
      await server.start()
      await revoke(one, users(500, 500))
      await hasEntries(two, 1000)
      const three = await startInstance(t, server.port, { name })
      await three.ready()
      assert.equal(three.stats().entries, 1000)
    })

    test(`are read without a gap after a connection was cut with ${name}`, async (t) => {
      const server = await startRedis(t)
      const proxy = await startTcpProxy(t, server.port)
      const [one, two] = [await startInstance(t, server.port), await startInstance(t, proxy.port, { name })]
      await two.ready()
      for (const round of [0, 1, 2]) {
        proxy.cut()
        await isConnected(two, false)
        await revoke(one, users(100, round * 100))
        proxy.mend()
        await hasEntries(two, (round + 1) * 100)
      }
    })
  }

  test('do not slow down requests while Redis hangs, and continue on a new connection', async (t) => {
    const server = await startRedis(t)
    const issuer = await startIssuer(t)
    const revocations = await startInstance(t, server.port, { whenUnavailable: 'refuse', maxLagMs: 3000 })
    const other = await startInstance(t, server.port)
    await Promise.all([revocations.ready(), other.ready()])
    await server.kill('SIGSTOP')
    const verifier = createVerifier({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE, revocations })
    const lost = assert.rejects(revocations.revokeSubject('alice'), { code: 'revocations_unavailable' })
    // Known revocations are in force at once, and no request waits for the store.
    const verifications = [issuer.mint({ sub: 'alice', claims: { iat: 1 } }), issuer.mint()].map((token) =>
      verdict(verifier.verify(token)),
    )
    assert.deepEqual(await Promise.race([Promise.all(verifications), lost]), ['token_revoked', 'accepted'])
    await lost
    assert.equal(await verdict(verifier.verify(issuer.mint())), 'revocations_unavailable')
    assert.match(String(revocations.stats().lastError), /did not respond within 5000 ms/)
    await isConnected(revocations, false)
    await server.kill('SIGCONT')
    await isConnected(revocations, true)
    await revocations.revokeSubject('bob')
    assert.equal(await verdict(verifier.verify(issuer.mint())), 'accepted')
    // The command that hung may have been executed, so the other instance has one or two revocations.
    await until(() => other.stats().entries > 0)
  })

  test('arrive late through a slow connection, but all of them', async (t) => {
    const server = await startRedis(t)
    const proxy = await startTcpProxy(t, server.port)
    proxy.delay = 300
    const [one, two] = [await startInstance(t, proxy.port), await startInstance(t, proxy.port, { name: 'redis' })]
    await two.ready()
    await revoke(one, users(100))
    await hasEntries(two, 100)
  })

  test('survive a failover to a replica that lacks acknowledged entries', async (t) => {
    const primary = await startRedis(t, '--repl-diskless-sync-delay', '0')
    const replica = await startRedis(t, '--replicaof', `127.0.0.1 ${primary.port}`)
    const proxy = await startTcpProxy(t, primary.port)
    const [one, two] = [await startInstance(t, proxy.port), await startInstance(t, proxy.port, { name: 'redis' })]
    await two.ready()
    await revoke(one, users(10))
    await hasEntries(two, 10)
    await until(async () => (await replica.command('XLEN logto-authkit:revocations')).startsWith(':10'))
    await replica.command('REPLICAOF NO ONE')
    await revoke(one, users(10, 10))
    await hasEntries(two, 20)

    await primary.kill('SIGKILL')
    proxy.target = replica.port
    proxy.cut()
    proxy.mend()
    // The publisher appends what the new primary lacks, as one item, so that later instances load it.
    await until(async () => (await replica.command('XLEN logto-authkit:revocations')).startsWith(':11'))
    const three = await startInstance(t, proxy.port)
    await three.ready()
    assert.equal(three.stats().entries, 20)
    await three.revokeSubject('later')
    await Promise.all([one, two, three].map((revocations) => hasEntries(revocations, 21)))
  })

  test('survive a failover even if the publisher appends to the new primary before it reads again', async (t) => {
    const [old, next] = [await startRedis(t), await startRedis(t)]
    const proxy = await startTcpProxy(t, old.port)
    const store = redisStore(new Redis(proxy.port, { lazyConnect: true }))
    t.after(() => store.close?.())
    const signal = AbortSignal.timeout(20_000)
    const append = (id) => store.append([ENTRY(id)], { maxAgeMs: 3_600_000, signal })
    await append('lost')
    proxy.target = next.port
    proxy.cut()
    proxy.mend()
    await append('later')
    await store.read(null, { signal })
    const stored = (await store.read(null, { signal })).entries.map((entry) => JSON.parse(entry).id)
    assert.deepEqual(stored.sort(), ['later', 'lost'])
  })

  /** Starts a store with a controlled clock. Each `read` continues at the last position, and checks the stream. */
  async function startReading(t, server) {
    const proxy = await startTcpProxy(t, server.port)
    const store = redisStore(new Redis(proxy.port, { lazyConnect: true }))
    t.after(() => store.close?.())
    const signal = AbortSignal.timeout(20_000)
    const start = Math.ceil(performance.now())
    let [seconds, position] = [0, /** @type {string | null} */ (null)]
    t.mock.method(performance, 'now', () => start + seconds * 1000)
    return {
      proxy,
      store,
      add: (server, id, at = '*') =>
        server.command(`XADD logto-authkit:revocations ${at} e ${JSON.stringify(ENTRY(id))}`),
      async read(from = position) {
        seconds += 1
        const batch = await store.read(from, { signal })
        position = batch.position
        return batch.entries.map((entry) => JSON.parse(entry).id)
      },
    }
  }

  test('are read after the last common item after a failover, without loading the whole stream', async (t) => {
    const primary = await startRedis(t, '--repl-diskless-sync-delay', '0')
    const replica = await startRedis(t, '--replicaof', `127.0.0.1 ${primary.port}`)
    const { proxy, add, read } = await startReading(t, primary)
    for (const id of users(10)) await add(primary, id)
    assert.deepEqual(await read(), users(10))
    await add(primary, 'common')
    assert.deepEqual(await read(), ['common'])
    await until(async () => (await replica.command('XLEN logto-authkit:revocations')).startsWith(':11'))
    await replica.command('REPLICAOF NO ONE')
    await add(primary, 'lost')
    assert.deepEqual(await read(), ['lost'])

    proxy.target = replica.port
    proxy.cut()
    proxy.mend()
    await add(replica, 'new')
    await assert.rejects(read())
    assert.deepEqual(await read(), ['new'])
    // Another reader of the same store, which has read less, misses nothing.
    assert.deepEqual(await read('1-1'), [...users(10), 'common', 'new'])
  })

  test('are loaded again if the stream was replaced by other items with the same ids', async (t) => {
    const server = await startRedis(t)
    const { add, read } = await startReading(t, server)
    await add(server, 'one', '1-1')
    assert.deepEqual(await read(), ['one'])
    await add(server, 'two', '2-1')
    assert.deepEqual(await read(), ['two'])
    await server.command('FLUSHALL')
    for (const [id, at] of [
      ['early', '1-0'],
      ['other one', '1-1'],
      ['other two', '2-1'],
    ])
      await add(server, id, at)
    assert.deepEqual(await read(), ['early', 'other one', 'other two'])
  })

  test('are read by an instance whose position the new primary has never had', async (t) => {
    const [old, next] = [await startRedis(t), await startRedis(t)]
    const proxy = await startTcpProxy(t, old.port)
    // Ids from a clock that is ahead of the new primary's clock.
    const ahead = Date.now() + 3_600_000
    await old.command(`XADD logto-authkit:revocations ${ahead} e ${JSON.stringify(ENTRY('old'))}`)
    const revocations = await startInstance(t, proxy.port)
    await hasEntries(revocations, 1)
    proxy.target = next.port
    proxy.cut()
    proxy.mend()
    await next.command(`XADD logto-authkit:revocations * e ${JSON.stringify(ENTRY('new'))}`)
    await hasEntries(revocations, 2)
  })

  for (const revokedSince of [0, 1]) {
    test(`are stored again after FLUSHALL, with ${revokedSince} revoked in between`, async (t) => {
      const server = await startRedis(t)
      const [one, two] = [await startInstance(t, server.port), await startInstance(t, server.port, { name: 'redis' })]
      await two.ready()
      await revoke(one, users(50))
      await hasEntries(two, 50)
      await server.command('FLUSHALL')
      await revoke(two, users(revokedSince, 50))
      const three = await startInstance(t, server.port)
      await hasEntries(three, 50 + revokedSince)
      await one.revokeSubject('later')
      for (const revocations of [two, three]) await hasEntries(revocations, 51 + revokedSince)
    })
  }

  test('are stored again for ten minutes, however often the stream loses them', async (t) => {
    const server = await startRedis(t)
    const store = redisStore(new Redis(server.port, { lazyConnect: true }))
    t.after(() => store.close?.())
    const start = Math.ceil(performance.now())
    let minutes = 0
    t.mock.method(performance, 'now', () => start + minutes * 60_000)
    const signal = AbortSignal.timeout(20_000)
    const append = (id) => store.append([ENTRY(id)], { maxAgeMs: 3_600_000, signal })
    const storedAfterLoss = async () => {
      await server.command('XTRIM logto-authkit:revocations MAXLEN 0')
      const { entries } = await store.read(null, { signal })
      return entries.map((entry) => JSON.parse(entry).id)
    }
    await append('early')
    assert.deepEqual(await storedAfterLoss(), ['early'])
    minutes = 6
    await append('late')
    assert.deepEqual(await storedAfterLoss(), ['early', 'late'])
    minutes = 9
    assert.deepEqual(await storedAfterLoss(), ['early', 'late'])
    minutes = 11
    assert.deepEqual(await storedAfterLoss(), ['late'])
    minutes = 17
    assert.deepEqual(await storedAfterLoss(), [])
  })

  test('are loaded again if the stream was trimmed past the position', async (t) => {
    const server = await startRedis(t)
    const proxy = await startTcpProxy(t, server.port)
    const [one, two] = [await startInstance(t, server.port), await startInstance(t, proxy.port)]
    await revoke(one, users(10))
    await hasEntries(two, 10)
    proxy.cut()
    await isConnected(two, false)
    await revoke(one, users(10, 10))
    await server.command('XTRIM logto-authkit:revocations MAXLEN 5')
    proxy.mend()
    await isConnected(two, true)
    await hasEntries(two, 15)
  })

  test('of the age of maxTokenLifetime are trimmed', async (t) => {
    const server = await startRedis(t)
    const old = Date.now() - 86_400_000
    for (let i = 0; i < 300; i += 1) await server.command(`XADD logto-authkit:revocations ${old + i} e old`)
    const revocations = await startInstance(t, server.port, { maxTokenLifetime: 3600 })
    await revocations.ready()
    // The first stream item shows what time it is in Redis. Redis removes whole nodes of 100 stream items.
    await revocations.revokeSubject('alice')
    await revocations.revokeSubject('bob')
    const [, length] = /^:(\d+)/.exec(await server.command('XLEN logto-authkit:revocations')) ?? []
    assert.ok(Number(length) <= 101, length)
  })

  test('of others are not trimmed by an instance whose clock is ahead', async (t) => {
    const server = await startRedis(t)
    const revocations = await startInstance(t, server.port)
    await revoke(revocations, users(300))
    const now = Date.now()
    t.mock.method(Date, 'now', () => now + 30 * 86_400_000)
    await revocations.revokeSubject('later')
    await revocations.revokeSubject('last')
    assert.equal(await server.command('XLEN logto-authkit:revocations'), ':302\r\n')
  })

  test('of a later release are skipped and counted', async (t) => {
    const server = await startRedis(t)
    await server.command(
      `XADD logto-authkit:revocations * e ${JSON.stringify('{"v":2,"kind":"x"}')} e ${JSON.stringify(ENTRY('a'))}`,
    )
    const revocations = await startInstance(t, server.port)
    await revocations.ready()
    const { entries, skipped } = revocations.stats()
    assert.deepEqual([entries, skipped], [1, 1])
  })

  test('of two Logtos on one server are separate', async (t) => {
    const server = await startRedis(t)
    const client = new Redis(server.port, { lazyConnect: true })
    const [one, two] = ['one', 'two'].map((prefix) => createRevocations({ store: redisStore(client, { prefix }) }))
    t.after(() => Promise.all([one.close(), two.close()]))
    await Promise.all([one.ready(), two.ready()])
    await one.revokeAll()
    await two.revokeSubject('alice')
    assert.deepEqual([one.stats().entries, two.stats().entries], [1, 1])
    assert.match(await server.command('EXISTS one:revocations two:revocations'), /^:2/)
  })
})
