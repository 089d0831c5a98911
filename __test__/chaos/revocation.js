/** Revocations on several processes, while Redis fails and instances start and stop. */

const { fork } = require('node:child_process')
const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { AUDIENCE, startIssuer } = require('../support/helpers')
const { NO_REDIS } = require('../support/redis')
const { FAULTS, startCluster } = require('./revocation-faults')
const { startRevoking } = require('./revocation-load')
const { BOUND_MS, MAX_LAG_MS, RevocationLog } = require('./revocation-log')

/** Revocations per second: in a run of some minutes, and in the short run of all scenarios, perhaps with few cores. */
const PER_SECOND = 5000
const PER_SECOND_SHORT = 1000

/** Time between two faults. */
const CALM_MS = 2500

/** Timeout for a new instance to verify recently revoked tokens on a busy machine. The log records acceptances. */
const NEWCOMER_MS = 60_000

/** Instances that run all the time. One fault cuts only the connection of the first one. */
const INSTANCES = [
  { name: 'instance 1', library: 'ioredis', refuses: false },
  { name: 'instance 2', library: 'redis', refuses: false },
  { name: 'instance 3', library: 'redis', refuses: true },
]

/** @type {import('./run').Scenario} */
async function revocation({ t, report, minutes }) {
  if (NO_REDIS) return report.skip(`revocation: ${NO_REDIS}`)
  const cluster = await startCluster(t)
  const issuer = await startIssuer(t)
  const log = new RevocationLog(report)
  const instances = []
  t.after(() => {
    for (const instance of instances) instance.stop()
  })
  for (const kind of INSTANCES) instances.push(await startInstance(cluster, issuer, log, kind))
  const load = await startRevoking(t, cluster, issuer, instances, log, minutes > 0 ? PER_SECOND : PER_SECOND_SHORT)

  const end = Date.now() + minutes * 60_000
  do {
    for (const fault of FAULTS) {
      await pause(CALM_MS)
      console.log(`${fault.name} …`)
      const ended = log.begin(fault.name, fault.isLocal ? INSTANCES[0].name : undefined)
      await fault.run(cluster)
      ended()
      report.faults(1)
      await pause(BOUND_MS)
      await cluster.following
      await newcomer(cluster, issuer, log, load)
    }
    await load.checkStream()
  } while (Date.now() < end)

  await load.stop()
  await pause(BOUND_MS)
  const entries = await load.checkStream()
  const fresh = await newcomer(cluster, issuer, log, load)
  log.must(fresh.entries === entries, `a new instance has ${fresh.entries} of ${entries} revocations`)
  const stats = await Promise.all(instances.map((instance) => instance.stats()))
  for (const { pending, entries: known } of stats) {
    log.must(pending === 0, `${pending} revoked tokens are still accepted`)
    log.must(known >= entries, `an instance has ${known} of ${entries} revocations`)
  }
  log.print(load, Math.max(...stats.map(({ memory }) => memory)))
}

/** Starts an instance in a separate process with its own connection, and waits until it has loaded all revocations. */
async function startInstance(cluster, issuer, log, kind) {
  const { name, library, refuses } = kind
  const proxy = await cluster.connect()
  const control = issuer.mint({ audience: AUDIENCE, sub: 'control', expiresIn: 86_400 })
  const settings = { port: proxy.port, library, refuses, maxLagMs: MAX_LAG_MS, control }
  const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
  const child = fork(join(__dirname, 'revocation-instance.js'), [JSON.stringify({ ...settings, options })])
  /** @type {(stats: any) => void} */
  let onStats = () => {}
  const loaded = await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${name} has exited with ${code}`)))
    child.on('message', (/** @type {any} */ { ready, seen, stall, stats, broken }) => {
      if (ready) resolve(ready)
      if (seen) log.saw(kind, seen)
      if (stall) log.stalled(stall)
      if (stats) onStats(stats)
      if (broken) log.must(false, `${name}: ${broken}`)
    })
  })
  return {
    /** The statistics of the instance's revocations when it was ready. */
    loaded,
    watch: (token) => child.connected && child.send(token),
    stats: () =>
      new Promise((resolve) => {
        onStats = resolve
        child.send('stats')
      }),
    stop() {
      child.kill('SIGKILL')
      cluster.disconnect(proxy)
    },
  }
}

/** Starts an instance that must reject all recently revoked tokens as soon as it is ready, and then kills it. */
async function newcomer(cluster, issuer, log, load) {
  const library = INSTANCES[log.faults.length % 2].library
  const tokens = [...load.recent]
  const kind = { name: 'a new instance', library, refuses: false, isNew: true }
  const instance = await startInstance(cluster, issuer, log, kind)
  for (const token of tokens) instance.watch(token)
  const latest = Date.now() + NEWCOMER_MS
  let { pending } = await instance.stats()
  while (pending > 0 && Date.now() < latest) {
    await pause(20)
    ;({ pending } = await instance.stats())
  }
  log.must(pending === 0, `a new instance has not rejected ${pending} of ${tokens.length} revoked tokens`)
  instance.stop()
  return instance.loaded
}

module.exports = { revocation }
