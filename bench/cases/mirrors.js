/** Many mirrors of one Redis: how late revocations arrive, and what limits the number of mirrors. */

const { join } = require('node:path')
const { Child } = require('../children')
const { quantile } = require('../rounds')
const { CLIENTS, append, startRedis, usage } = require('../redis')

/** The module whose functions child processes load and run. */
const FUNCTIONS = join(__dirname, '../mirrors')

const CASES = ['revocation-mirrors', 'revocation-readers']

const MIRRORS = 200
const REVOCATIONS_PER_SECOND = 1000
const PROCESSES = 2

/** The pause between two reads by a client that only reads. Mirrors of a busy store pause for at least as long. */
const PAUSE_MS = 80

/** How long to wait for late revocations. */
const OVERTIME_SECONDS = 30

/** @typedef {{ library: string, start: string, perSecond: number, mirrors: number, pauseMs?: number }} Load */

/** @param {{ selectedIds: string[], isQuick: boolean }} options */
async function run({ selectedIds, isQuick }) {
  const results = []
  if (selectedIds.includes(CASES[0])) results.push(await measureMirrors(isQuick))
  if (selectedIds.includes(CASES[1])) results.push(await measureReaders(isQuick))
  return results
}

/** @type {(isQuick: boolean) => Promise<import('../results').Result>} */
async function measureMirrors(isQuick) {
  const seconds = isQuick ? 3 : 20
  const rows = [HEAD]
  const p99 = []
  for (const library of Object.keys(CLIENTS)) {
    const load = { library, start: 'startMirrors', perSecond: REVOCATIONS_PER_SECOND, mirrors: MIRRORS }
    const measured = await measure(load, seconds)
    p99.push(measured.p99)
    rows.push(row(load, measured))
  }
  const note = `Revocations are appended at this rate for ${seconds} s, and the mirrors run in ${PROCESSES} processes, with Redis on the same two cores. The lag is the time from appending an entry until a mirror has applied it.`
  return { id: CASES[0], title: `${MIRRORS} mirrors of one Redis`, note, rows, figures: { p99: Math.max(...p99) } }
}

/**
 * Measures fewer revocations, fewer mirrors, and clients that only read, to find out what limits mirrors.
 *
 * @type {(isQuick: boolean) => Promise<import('../results').Result>}
 */
async function measureReaders(isQuick) {
  const seconds = isQuick ? 3 : 6
  const rows = [HEAD]
  for (const library of Object.keys(CLIENTS)) {
    for (const [start, perSecond, mirrors] of /** @type {[string, number, number][]} */ ([
      ['startMirrors', 100, MIRRORS],
      ['startMirrors', 500, MIRRORS],
      ['startMirrors', 2 * REVOCATIONS_PER_SECOND, MIRRORS / 4],
      ['startMirrors', 5 * REVOCATIONS_PER_SECOND, 4],
      ['startReaders', REVOCATIONS_PER_SECOND, MIRRORS],
    ])) {
      const load = { library, start, perSecond, mirrors, pauseMs: PAUSE_MS }
      rows.push(row(load, await measure(load, seconds)))
    }
  }
  const note = `As above, for ${seconds} s. *Clients* only read the stream, with the pauses of a mirror.`
  return { id: CASES[1], title: 'What limits mirrors', note, rows }
}

const HEAD = [
  '',
  'revocations per second',
  'lag p50, ms',
  'p99, ms',
  'max, ms',
  'cores of the mirrors',
  'cores of Redis',
  'µs per entry and mirror',
  'bytes per entry and mirror',
]

/** @type {(load: Load, measured: Awaited<ReturnType<typeof measure>>) => string[]} */
function row({ library, start, perSecond, mirrors }, { p50, p99, max, cores, redisCores, micros, bytes }) {
  const title = `${mirrors} ${start === 'startReaders' ? 'clients' : 'mirrors'}, ${library}`
  const figures = [p50, p99, max].map((ms) => ms.toFixed(0))
  const costs = [cores.toFixed(2), redisCores.toFixed(2), micros.toFixed(1), bytes.toFixed(0)]
  return [title, perSecond.toLocaleString('en'), ...figures, ...costs]
}

/** @param {Load} load @param {number} seconds */
async function measure({ library, start, perSecond, mirrors, pauseMs }, seconds) {
  const redis = await startRedis()
  const children = Array.from({ length: PROCESSES }, () => new Child(FUNCTIONS))
  try {
    const options = { port: redis.port, count: mirrors / PROCESSES, library, pauseMs }
    await Promise.all(children.map((child) => child.call(start, options)))
    const cpu = () => Promise.all(children.map((child) => child.call('cpuSeconds')))
    const [cpuBefore, before, startTime] = [await cpu(), await usage(redis.port), performance.now()]
    await append(redis.port, perSecond, seconds)
    const expected = { count: perSecond * seconds * options.count, seconds: OVERTIME_SECONDS }
    const arrived = await Promise.all(children.map((child) => child.call('received', expected)))
    const elapsed = (performance.now() - startTime) / 1000
    const [cpuAfter, after] = [await cpu(), await usage(redis.port)]
    const lags = (await Promise.all(children.map((child) => child.call('lags')))).flat()
    const used = cpuAfter.reduce((sum, time, i) => sum + time - cpuBefore[i], 0)
    const deliveries = arrived.reduce((sum, count) => sum + count, 0)
    const isComplete = deliveries === expected.count * PROCESSES
    return {
      p50: quantile(lags, 0.5),
      p99: isComplete ? quantile(lags, 0.99) : Number.POSITIVE_INFINITY,
      max: isComplete ? quantile(lags, 1) : Number.POSITIVE_INFINITY,
      cores: used / elapsed,
      redisCores: (after.cpuSeconds - before.cpuSeconds) / elapsed,
      micros: (used * 1e6) / deliveries,
      bytes: (after.sentBytes - before.sentBytes) / deliveries,
    }
  } finally {
    await Promise.all(children.map((child) => child.stop()))
    await redis.stop()
  }
}

module.exports = { CASES, run }
