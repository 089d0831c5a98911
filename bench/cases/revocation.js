/**
 * Revocations: the cost of the check, loading a million revocations, and how fast a revocation reaches other instances.
 */

const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { createRevocations } = require('logto-authkit/revocation')
const { Child, inChild } = require('../children')
const { startIssuer } = require('../issuer')
const { alternate, quantile, ratio, spread } = require('../rounds')
const { AUDIENCE, mintMany, minter } = require('../tokens')
const { CLIENTS, entry, fill, startRedis, usage } = require('../redis')

/** The module whose functions child processes load and run. */
const FUNCTIONS = join(__dirname, '../mirrors')

const MILLION = 1_000_000
const WORKING_SET = 500
const VERIFICATIONS_PER_SLICE = 20_000

/**
 * For each side, the number of revocations, or `undefined` without the `revocations` option.
 *
 * @type {Record<string, number | undefined>}
 */
const SIDES = {
  'no revocations': undefined,
  '0 entries': 0,
  '1,000 entries': 1000,
  '1,000,000 entries': MILLION,
  '1,000,000 entries, 100 new ones per second': MILLION,
}

const CASES = ['revocation-check', 'revocation-load', 'revocation-latency']

/** @param {{ selectedIds: string[], isQuick: boolean }} options */
async function run({ selectedIds, isQuick }) {
  const results = []
  if (selectedIds.includes(CASES[0])) results.push(await measureCheck(isQuick))
  const others = [measureLoad, measureLatency].filter((_, i) => selectedIds.includes(CASES[i + 1]))
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
    for (let i = 0; i < VERIFICATIONS_PER_SLICE; i += 1) {
      // At 500,000 verifications per second, a revocation is made 100 times per second.
      if (i % 5000 === 0 && name.includes('new')) await revocations?.revokeSubject(`${Math.random()}`)
      await verifier.verify(tokens[i % WORKING_SET])
    }
    const { user, system } = process.cpuUsage(before)
    return (user + system) / VERIFICATIONS_PER_SLICE
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

/** Creates a store with this many revocations, which are read in pages, as from Redis. @param {number} count */
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
  const empty = await usage(port)
  await fill(port, MILLION)
  const bytesInRedis = ((await usage(port)).bytes - empty.bytes) / MILLION
  const sides = []
  for (const library of Object.keys(CLIENTS)) {
    const before = await usage(port)
    const side = await inChild(FUNCTIONS, 'load', { port, library, others: MILLION })
    const after = await usage(port)
    if (side.entries !== MILLION) throw new Error(`${library} has loaded ${side.entries} revocations`)
    const [redisSeconds, sentBytes] = [after.cpuSeconds - before.cpuSeconds, after.sentBytes - before.sentBytes]
    sides.push({ ...side, redisSeconds, sentBytes: sentBytes / MILLION, bytesInRedis })
  }
  /** @type {[title: string, name: string, digits: number][]} */
  const titles = [
    ['seconds until `ready()`', 'seconds', 1],
    ['seconds of CPU time', 'cpuSeconds', 1],
    ['seconds of CPU time of Redis', 'redisSeconds', 1],
    ['longest delay of the event loop, in ms', 'blockMs', 0],
    ['MiB of memory', 'mebibytes', 0],
    ['bytes from Redis per revocation', 'sentBytes', 0],
    ['bytes of memory of Redis per revocation', 'bytesInRedis', 0],
    ['of a million other users, revoked by mistake', 'falsePositives', 0],
  ]
  const rows = titles.map(([title, name, digits]) => [title, ...sides.map((side) => side[name].toFixed(digits))])
  const worst = (/** @type {string} */ name) => [name, Math.max(...sides.map((side) => side[name]))]
  return {
    id: CASES[1],
    title: 'Loading a million revocations',
    note: `${MILLION.toLocaleString('en')} revocations in Redis, each of which was appended separately, loaded by a new process. Memory after garbage collection.`,
    rows: [['', ...Object.keys(CLIENTS)], ...rows],
    figures: Object.fromEntries(['seconds', 'cpuSeconds', 'mebibytes', 'falsePositives'].map(worst)),
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

module.exports = { CASES, run }
