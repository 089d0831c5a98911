/** redisStore with every supported client, on a real server. */

const assert = require('node:assert/strict')
const { connect, createServer } = require('node:net')
const { describe, test } = require('node:test')
const { createRevocations, redisStore } = require('logto-authkit/revocation')
const { testRevocationStore } = require('logto-authkit/testing')
const { inChild } = require('../support/child')
const { NO_REDIS, freePort, startRedis } = require('../support/redis')
const { listen } = require('../support/servers')
const { until } = require('../support/until')

/** How to create and close a client with each library. @type {Record<string, { create: (port: number) => any, close: (client: any) => any }>} */
const CLIENTS = {
  redis: nodeRedis('redis'),
  'redis-5': nodeRedis('redis-5', { RESP: 3 }),
  'redis-4': nodeRedis('redis-4'),
  ioredis: ioredis('ioredis'),
  'ioredis-5': ioredis('ioredis-5'),
  iovalkey: ioredis('iovalkey'),
}

function nodeRedis(name, options = {}) {
  return {
    create: (port) =>
      require(name)
        .createClient({ url: `redis://127.0.0.1:${port}`, ...options })
        .on('error', () => {})
        .connect(),
    close: (client) => (client.destroy ?? client.disconnect).call(client),
  }
}

function ioredis(name) {
  const { Redis } = require(name)
  return { create: (port) => new Redis(port), close: (client) => client.disconnect() }
}

describe('redisStore', { skip: NO_REDIS }, () => {
  for (const [name, { create, close }] of Object.entries(CLIENTS)) {
    test(`conforms to RevocationStore with ${name}`, async (t) => {
      const server = await startRedis(t)
      const client = await create(server.port)
      t.after(() => close(client))
      await testRevocationStore(() => redisStore(client), { reset: () => server.command('FLUSHALL') })
    })
  }

  for (const [name, { create, close }] of Object.entries(CLIENTS)) {
    test(`gives a lease to one instance at a time with ${name}`, async (t) => {
      const server = await startRedis(t)
      const clients = [await create(server.port), await create(server.port)]
      for (const client of clients) t.after(() => close(client))
      const [one, two] = clients.map((client) => redisStore(client))
      t.after(() => Promise.all([one.close?.(), two.close?.()]))
      const lease = (store, name, holder, duration = 60_000) => store.lease(name, holder, duration)
      assert.equal(await lease(one, 'a', 'one'), true)
      assert.equal(await lease(two, 'a', 'two'), false)
      assert.equal(await lease(one, 'a', 'one', 90_000), true)
      assert.equal(await lease(two, 'b', 'two'), true)
      const key = '{logto-authkit:revocations}:a'
      assert.ok(Number((await server.command(`PTTL ${key}`)).slice(1)) > 60_000)
      await server.command(`DEL ${key}`)
      assert.equal(await lease(two, 'a', 'two', 1000), true)
    })
  }

  test('conforms to RevocationStore with the clusters of redis and ioredis', async (t) => {
    const server = await startRedis(t, '--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1')
    await server.command('CLUSTER ADDSLOTSRANGE 0 16383')
    await until(async () => (await server.command('CLUSTER INFO')).includes('cluster_state:ok'))
    const { createCluster } = require('redis')
    const node = await createCluster({ rootNodes: [{ url: server.url }] })
      .on('error', () => {})
      .connect()
    await testRevocationStore(() => redisStore(node, { prefix: 'node' }), { reset: () => server.command('FLUSHALL') })
    await node.destroy()
    const { Cluster } = require('ioredis')
    const io = new Cluster([{ host: '127.0.0.1', port: server.port }])
    await testRevocationStore(() => redisStore(io, { prefix: 'io' }), { reset: () => server.command('FLUSHALL') })
    io.disconnect()
  })

  test('conforms to RevocationStore with the Sentinel clients of redis and ioredis', async (t) => {
    const server = await startRedis(t)
    const sentinel = await startRedis(t, 'sentinel', `sentinel monitor main 127.0.0.1 ${server.port} 1`)
    const nodes = [{ host: '127.0.0.1', port: sentinel.port }]
    for (const version of ['redis', 'redis-5']) {
      const { createSentinel } = require(version)
      const client = await createSentinel({ name: 'main', sentinelRootNodes: nodes })
        .on('error', () => {})
        .connect()
      await testRevocationStore(() => redisStore(client, { prefix: version }), {
        reset: () => server.command('FLUSHALL'),
      })
      await client.destroy()
    }
    const { Redis } = require('ioredis')
    const client = new Redis({ sentinels: nodes, name: 'main' })
    await testRevocationStore(() => redisStore(client, { prefix: 'io' }), { reset: () => server.command('FLUSHALL') })
    client.disconnect()
  })

  test('conforms to RevocationStore as a part of the store in the docs, which reads from a replica', async (t) => {
    const primary = await startRedis(t, '--repl-diskless-sync-delay', '0')
    const replica = await startRedis(t, '--replicaof', `127.0.0.1 ${primary.port}`)
    Object.assign(process.env, { REDIS_PRIMARY_URL: primary.url, REDIS_REPLICA_URL: replica.url })
    const { createStore } = await import('../../examples/revocation/replica-store.mjs')
    const { create, close } = CLIENTS.ioredis
    const client = create(primary.port)
    t.after(() => close(client))
    /** Resolves when the replica has all data of the primary. */
    const replicated = async () => {
      await client.set('written', 'last')
      assert.equal(await client.wait(1, 10_000), 1)
    }
    const createReplicatedStore = () => {
      const store = createStore()
      const append = async (...args) => {
        await store.append(...args)
        await replicated()
      }
      return { ...store, append }
    }
    await replicated()
    await testRevocationStore(createReplicatedStore, { reset: () => client.flushall() })
    const [one, two] = [createStore(), createStore()]
    assert.deepEqual([await one.lease('a', 'one', 60_000), await two.lease('a', 'two', 60_000)], [true, false])
    await Promise.all([one.close(), two.close()])
  })

  for (const name of ['redis', 'redis-4', 'ioredis']) {
    test(`does not keep the process alive with ${name}, which does not crash without a server either`, async (t) => {
      const server = await startRedis(t)
      const program = async ({ name, port }) => {
        const { createRevocations, redisStore } = require('logto-authkit/revocation')
        const module = require(name)
        const url = `redis://127.0.0.1:${port}`
        const client = module.Redis ? new module.Redis(url, { lazyConnect: true }) : module.createClient({ url })
        client.on('error', () => {})
        const revocations = createRevocations({ store: redisStore(client) })
        await revocations.ready()
        await revocations.revokeAll()
        console.log(revocations.stats().entries)
        const gone = createRevocations({
          store: redisStore(client.duplicate(module.Redis ? { port: 1 } : { url: 'redis://127.0.0.1:1' })),
        })
        await gone.revokeAll().catch((error) => console.log(error.code))
      }
      const { stdout, stderr, code } = await inChild(program, { name, port: server.port })
      assert.deepEqual([stdout, stderr, code], ['1\nrevocations_unavailable\n', '', 0])
    })
  }
})

for (const name of Object.keys(CLIENTS)) {
  test(`close() ends a connection that ${name} is still opening`, async (t) => {
    const sockets = new Set()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket
        .on('error', () => {})
        .on('close', () => sockets.delete(socket))
        .resume()
    })
    await listen(t, server)
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    const { Redis, createClient } = require(name)
    const client = Redis ? new Redis(port, { lazyConnect: true }) : createClient({ url: `redis://127.0.0.1:${port}` })
    const store = redisStore(client)
    const append = store.append(['entry'], { maxAgeMs: 1000, signal: new AbortController().signal })
    await Promise.all([assert.rejects(append), store.close?.()])
    // The server accepts connections in the order in which they were opened.
    const last = connect(port, '127.0.0.1')
    t.after(() => last.destroy())
    const isLast = (socket) => socket.remotePort === last.localPort
    await until(() => sockets.size === 1 && [...sockets].every(isLast))
  })
}

test('redisStore without a Redis client is an invalid option', () => {
  const message = /^Invalid option "client": expected a client of redis, ioredis or iovalkey/
  for (const client of [undefined, null, 'redis://localhost', {}, new Map(), { sendCommand() {} }]) {
    assert.throws(() => redisStore(/** @type {any} */ (client)), {
      name: 'TypeError',
      code: 'invalid_options',
      message,
    })
  }
})

test('revocations wait for a server that does not exist yet', { skip: NO_REDIS }, async (t) => {
  const port = await freePort()
  const { Redis } = require('ioredis')
  const client = new Redis(port, { lazyConnect: true }).on('error', () => {})
  const revocations = createRevocations({ store: redisStore(client) })
  t.after(() => revocations.close())
  await assert.rejects(revocations.revokeSubject('alice'), { code: 'revocations_unavailable' })
  assert.match(String(revocations.stats().lastError), /ECONNREFUSED|closed/)
})
