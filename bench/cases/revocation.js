/** Revocations: the cost of the check, loading a million entries, and how fast a revocation reaches other instances. */

const { spawnSync } = require('node:child_process')
const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { createRevocations } = require('logto-authkit/revocation')
const { Redis } = require('ioredis')
const { Child, inChild } = require('../children')
const { startIssuer } = require('../issuer')
const { alternate, quantile, ratio, spread } = require('../rounds')
const { AUDIENCE, mintMany, minter } = require('../tokens')
const { KEY, entry, fill, machineTime, startRedis } = require('../redis')

/** The functions that other processes call. */
const FUNCTIONS = join(__dirname, '../mirrors')

const MILLION = 1_000_000
const WORKING_SET = 500
const SLICE = 20_000

/** The revocations of each side; none for `undefined`. @type {Record<string, number | undefined>} */
const SIDES = {
  'no revocations': undefined,
  '0 entries': 0,
  '1,000 entries': 1000,
  '1,000,000 entries': MILLION,
  '1,000,000 entries, 100 new ones per second': MILLION,
}

const CASES = ['revocation-check', 'revocation-load', 'revocation-latency', 'revocation-mirrors']

/** @param {{ selectedIds: string[], isQuick: boolean }} options */
async function run({ selectedIds, isQuick }) {
  const results = []
  if (selectedIds.includes(CASES[0])) results.push(await measureCheck(isQuick))
  const others = [measureLoad, measureLatency, measureMirrors].filter((_, i) => selectedIds.includes(CASES[i + 1]))
  if (others.length > 0 && spawnSync('redis-server', ['--version']).status !== 0) {
    throw new Error('redis-server is not installed')
  }
  for (const measure of others) {
    const redis = await startRedis()
    try {
      results.push(await measure(redis.port, isQuick))
    } finally {
      await redis.stop()
    }
  }
  return results
}

/** @param {boolean} isQuick */
async function measureCheck(isQuick) {
  const { setup, close } = await startIssuer('EdDSA')
  const tokens = await mintMany(setup.key, setup.issuer, WORKING_SET)
  const sides = []
  for (const [name, count] of Object.entries(SIDES)) {
    const revocations = count === undefined ? undefined : createRevocations({ store: listStore(count) })
    await revocations?.ready()
    const options = { logtoUrl: setup.logtoUrl, audience: AUDIENCE, ...(revocations && { revocations }) }
    sides.push({ name, revocations, verifier: createVerifier(options) })
  }
  const figures = await alternate(sides, isQuick ? 11 : 51, async ({ name, verifier, revocations }) => {
    const before = process.cpuUsage()
    for (let i = 0; i < SLICE; i += 1) {
      // As often as 100 times per second at 500,000 verifications per second.
      if (i % 5000 === 0 && name.includes('new')) await revocations?.revokeSubject(`${Math.random()}`)
      await verifier.verify(tokens[i % WORKING_SET])
    }
    const { user, system } = process.cpuUsage(before)
    return (user + system) / SLICE
  })
  for (const { revocations } of sides) await revocations?.close()
  close()
  const [base] = [...figures.values()]
  const rows = [['', 'µs of CPU time', 'relative to no revocations', 'quartiles']]
  /** @type {Record<string, number>} */
  const costs = {}
  for (const [{ name }, times] of figures) {
    const { median, low, high } = ratio(times, base)
    costs[name] = 100 * (median - 1)
    rows.push([name, spread(times).median.toFixed(2), median.toFixed(3), `${low.toFixed(3)} to ${high.toFixed(3)}`])
  }
  const note = `Verifying a previously verified token, one of ${WORKING_SET}. The sides alternate in one process. CPU time, because it depends less on other load than the rate.`
  return { id: CASES[0], title: 'The check for revocations', note, rows, figures: costs }
}

/** A store with this many entries, which it delivers like Redis, in pages. @param {number} count */
function listStore(count) {
  return {
    append: async () => {},
    read: async (/** @type {string | null} */ position) => {
      const from = Number(position ?? 0)
      if (from === count && position !== null) await pause(1000, null, { ref: false })
      const to = Math.min(from + 1000, count)
      const entries = Array.from({ length: to - from }, (_, i) => entry(`user-${from + i}`))
      return { entries, position: `${to}`, complete: to === count }
    },
  }
}

/** @type {(port: number, isQuick: boolean) => Promise<import('../results').Result>} */
async function measureLoad(port) {
  await fill(port, MILLION)
  const { seconds, cpuSeconds, mebibytes, entries } = await inChild(FUNCTIONS, 'load', { port })
  const rows = [
    ['', ''],
    ['seconds until `ready()`', seconds.toFixed(1)],
    ['seconds of CPU time', cpuSeconds.toFixed(1)],
    ['MiB of memory', mebibytes.toFixed(0)],
  ]
  const note = `${entries.toLocaleString('en')} revocations in Redis, loaded by a new process. Memory after garbage collection.`
  return {
    id: CASES[1],
    title: 'Loading a million revocations',
    note,
    rows,
    figures: { seconds, cpuSeconds, mebibytes },
  }
}

/** @type {(port: number, isQuick: boolean) => Promise<import('../results').Result>} */
async function measureLatency(port, isQuick) {
  const count = isQuick ? 100 : 1000
  const { setup, close } = await startIssuer('EdDSA')
  const tokens = Array.from({ length: count }, (_, i) => minter(setup.key, setup.issuer, { sub: `user-${i}` })())
  const children = Array.from({ length: 4 }, () => new Child(FUNCTIONS))
  try {
    await Promise.all(children.map((child) => child.call('startInstance', { port, setup, tokens })))
    const [first, ...others] = children
    const latencies = []
    for (let i = 0; i < count; i += 1) {
      const rejected = others.map((child) => child.call('rejectedAt', i))
      await pause(5)
      const revokedAt = await first.call('revokeUser', i)
      latencies.push(Math.max(...(await Promise.all(rejected))) - revokedAt)
    }
    const figures = { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), max: Math.max(...latencies) }
    const rows = [['', 'ms'], ...Object.entries(figures).map(([name, value]) => [name, value.toFixed(1)])]
    const note = `From \`revokeSubject\` in one process to the first rejection in the last of three others, which verify a remembered token every millisecond. Redis on the same machine, ${count} revocations.`
    return { id: CASES[2], title: 'From revocation to rejection, four processes', note, rows, figures }
  } finally {
    await Promise.all(children.map((child) => child.stop()))
    close()
  }
}

const MIRRORS = 200
const PER_SECOND = 1000

/** @type {(port: number, isQuick: boolean) => Promise<import('../results').Result>} */
async function measureMirrors(port, isQuick) {
  const seconds = isQuick ? 3 : 20
  const children = Array.from({ length: 2 }, () => new Child(FUNCTIONS))
  const client = new Redis(port)
  try {
    await Promise.all(children.map((child) => child.call('startMirrors', { port, count: MIRRORS / children.length })))
    const start = performance.now()
    for (let sent = 0; sent < PER_SECOND * seconds; ) {
      const due = Math.min(PER_SECOND * seconds, Math.floor(((performance.now() - start) / 1000) * PER_SECOND))
      const appended = []
      for (; sent < due; sent += 1) appended.push(client.call('XADD', KEY, '*', 'e', entry(`${machineTime()} ${sent}`)))
      await Promise.all(appended)
      await pause(1)
    }
    const expected = MIRRORS * PER_SECOND * seconds
    await Promise.all(children.map((child) => child.call('received', expected / children.length)))
    const all = await Promise.all(children.map((child) => child.call('lags')))
    const lags = all.flatMap(({ sample }) => sample)
    const figures = { p50: quantile(lags, 0.5), p99: quantile(lags, 0.99), max: Math.max(...all.map(({ max }) => max)) }
    const rows = [['', 'ms'], ...Object.entries(figures).map(([name, value]) => [name, value.toFixed(0)])]
    const note = `${PER_SECOND.toLocaleString('en')} revocations per second, and ${MIRRORS} mirrors in two processes, for ${seconds} s, with Redis on the same two cores. From appending an entry to its arrival in a mirror.`
    return { id: CASES[3], title: `${MIRRORS} mirrors of one Redis`, note, rows, figures }
  } finally {
    client.disconnect()
    await Promise.all(children.map((child) => child.stop()))
  }
}

module.exports = { CASES, run }
