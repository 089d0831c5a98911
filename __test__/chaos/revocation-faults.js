/** The faults of Redis in `revocation.js`. Each fault's function resolves when Redis responds again. */

const { setTimeout: pause } = require('node:timers/promises')
const { startRedis, startTcpProxy } = require('../support/redis')

/**
 * @typedef {Awaited<ReturnType<typeof startCluster>>} Cluster
 * @typedef {{ name: string, isLocal?: boolean, run: (cluster: Cluster) => Promise<void> }} Fault - `isLocal`: only the first
 *   instance is affected.
 */

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--repl-diskless-sync-delay', '0']

/** Starts a primary and its replica. Each client connects to the primary through its own proxy. */
async function startCluster(t) {
  const primary = await startRedis(t, ...DURABLE)
  const replica = await startRedis(t, ...DURABLE)
  /** @type {Awaited<ReturnType<typeof startTcpProxy>>[]} */
  const proxies = []
  const cluster = {
    primary,
    replica,
    proxies,
    /** Resolves when the replica has all data again. */
    following: follow({ primary, replica }),
    /** Adds a proxy, through which one client connects to the primary. */
    async connect() {
      const proxy = await startTcpProxy(t, cluster.primary.port)
      proxies.push(proxy)
      return proxy
    },
    disconnect(proxy) {
      proxy.close()
      proxies.splice(proxies.indexOf(proxy), 1)
    },
  }
  await cluster.following
  return cluster
}

/** Makes the replica follow the primary, and waits until the replica has all data. */
async function follow({ primary, replica }) {
  await replica.command(`REPLICAOF 127.0.0.1 ${primary.port}`)
  while (!(await replica.command('ROLE')).includes('connected')) await pause(50)
}

/** @type {Fault[]} */
const FAULTS = [
  {
    name: 'connection of one instance cut for 2 s',
    isLocal: true,
    async run({ proxies: [proxy] }) {
      proxy.cut()
      await pause(2000)
      proxy.mend()
    },
  },
  {
    name: 'all connections cut at once',
    async run({ proxies }) {
      for (const proxy of proxies) proxy.cut()
      for (const proxy of proxies) proxy.mend()
    },
  },
  {
    name: 'all connections slowed down by 150 ms for 3 s',
    async run({ proxies }) {
      for (const proxy of proxies) proxy.delay = 150
      await pause(3000)
      for (const proxy of proxies) proxy.delay = 0
    },
  },
  {
    name: 'kill -9, restarted after 1 s from the append-only file',
    async run({ primary }) {
      await primary.kill('SIGKILL')
      await pause(1000)
      await primary.start()
    },
  },
  {
    name: 'failover to a replica that lacks the last 200 ms',
    async run(cluster) {
      const { primary, replica, proxies } = cluster
      await replica.command('REPLICAOF NO ONE')
      await pause(200)
      await primary.kill('SIGKILL')
      for (const proxy of proxies) {
        proxy.target = replica.port
        proxy.cut()
        proxy.mend()
      }
      cluster.primary = replica
      cluster.replica = primary
      await primary.start()
      // In the background, because the new primary is already available.
      cluster.following = follow(cluster)
    },
  },
  {
    name: 'Redis hangs for 6 s',
    async run({ primary }) {
      await primary.kill('SIGSTOP')
      await pause(6000)
      await primary.kill('SIGCONT')
    },
  },
]

module.exports = { FAULTS, startCluster }
