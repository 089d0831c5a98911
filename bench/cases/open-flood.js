/** How an external flood of forged ES384 tokens at a fixed rate affects valid tokens and a server's memory. */

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { Child } = require('../children')
const { startIssuer } = require('../issuer')
const { OURS } = require('../peers')
const { quantile } = require('../rounds')
const { mintMany, minter } = require('../tokens')

const CONNECTIONS = 20
const REMEMBERED = { count: 50, rate: 100 }
const FRESH = { rate: 20 }
/** Durations in seconds: the phase before the flood, the pause after the flood, and the recovery. */
const PHASES = { idle: 2, pause: 2, recovery: 3 }
/** A response that takes longer than this counts as hanging. */
const HANGING_MS = 1500
const LARGE_TOKEN_BYTES = 8192
const MEMORY_SAMPLE_MS = 50

/**
 * @typedef {import('../clients').Sample} Sample
 * @typedef {object} Flood
 * @property {number} cores - With 1, the server has its own core. With 2, the server and the attacker share both cores.
 * @property {number} seconds
 * @property {number} [rate] - Forged tokens per second.
 * @property {boolean} [isLarge] - Whether forged tokens are 8 KiB long, instead of 600 bytes like Logto's tokens.
 * @property {boolean} [isPlain] - Whether the server uses `http` instead of Express.
 * @property {number} [backlog] - Maximum number of unanswered forged tokens.
 * @property {boolean} [disconnects] - Whether the attacker closes its connections at the end.
 * @property {string} [name] - The name of a middleware in `apps.js`.
 */

/** @type {Record<string, { title: string, flood: Pick<Flood, 'cores' | 'isLarge' | 'disconnects'> }>} */
const CASES = {
  'open-flood-2': { title: 'two cores', flood: { cores: 2 } },
  'open-flood-1': { title: 'one core', flood: { cores: 1 } },
  'open-flood-2-closed': { title: 'two cores, then closed connections', flood: { cores: 2, disconnects: true } },
  'open-flood-1-closed': { title: 'one core, then closed connections', flood: { cores: 1, disconnects: true } },
  'open-flood-2-large': { title: 'two cores, tokens of 8 KiB', flood: { cores: 2, isLarge: true } },
  'open-flood-1-large': { title: 'one core, tokens of 8 KiB', flood: { cores: 1, isLarge: true } },
}

/** @param {{ selectedIds: string[], isQuick: boolean }} options */
async function run({ selectedIds, isQuick }) {
  const results = []
  for (const id of selectedIds) {
    const { title, flood } = CASES[id]
    const report = await measure({ ...flood, seconds: isQuick ? 2 : 20 })
    results.push({ id, title: `Open-loop flood, ${title}`, note: NOTE, rows: rows(report), figures: figures(report) })
  }
  return results
}

const NOTE = `Another process sends 20,000 forged ES384 tokens per second to an Express 5 application, pipelined over ${CONNECTIONS} connections, without waiting for responses. A third process sends ${REMEMBERED.rate} requests per second with previously verified tokens and ${FRESH.rate} with new ones. A response later than ${HANGING_MS / 1000} s counts as hanging. The recovery starts ${PHASES.pause} s after the flood. Unless the attacker then closes its connections, about 100,000 requests in the kernel's socket buffers continue the flood for several seconds. With two cores, all processes share them; with one, the server has a core of its own.`

/** @param {Flood} flood */
async function measure({ cores, seconds, rate = 20_000, isLarge, isPlain, disconnects, backlog, name = OURS }) {
  const { setup, close } = await startIssuer('ES384')
  const probeSeconds = PHASES.idle + seconds + PHASES.pause + PHASES.recovery
  const remembered = await mintMany(setup.key, setup.issuer, REMEMBERED.count)
  const warmUp = await mintMany(setup.key, setup.issuer, 500)
  const fresh = await mintMany(setup.key, setup.issuer, FRESH.rate * (probeSeconds + 2))
  const token = minter(setup.key, setup.issuer, isLarge ? padding(minter(setup.key, setup.issuer)()) : {})()

  const outside = cores === 1 ? '1' : '0,1'
  const server = new Child(join(__dirname, '../apps'), [], cores === 1 ? '0' : '0,1')
  const attacker = new Child(join(__dirname, '../attacker'), [], outside)
  const clients = new Child(join(__dirname, '../clients'), [], outside)
  const memory = watchMemory(/** @type {number} */ (server.pid))
  try {
    const url = await server.call('serve', { name, setup, isPlain })
    // The first requests fill the token cache and let the JIT compiler compile the code.
    const warmUpTokens = [...remembered, ...warmUp]
    await clients.call('send', { url, streams: [{ name: '', tokens: warmUpTokens, rate: 500 }], seconds: 1.2 })
    const sending = clients.call('send', {
      url,
      streams: [
        { name: 'remembered', tokens: remembered, rate: REMEMBERED.rate },
        { name: 'fresh', tokens: fresh, rate: FRESH.rate },
      ],
      seconds: probeSeconds,
    })
    const idleFrom = Date.now()
    await pause(PHASES.idle * 1000)
    await server.call('watchLoop')
    const floodFrom = Date.now()
    const sent = await attacker.call('attack', { url, token, rate, seconds, connections: CONNECTIONS, backlog })
    const floodTo = Date.now()
    if (disconnects) await attacker.call('disconnect')
    // The server responds to this call once its event loop is no longer blocked.
    const loop = server.call('loopDelay')
    await pause(PHASES.pause * 1000)
    const recoveryFrom = Date.now()
    const answers = await attacker.call('answers')
    const { samples, loopDelay: clientDelay } = await sending
    const recoveryTo = Date.now()

    const idle = memory.between(idleFrom, floodFrom)
    return {
      tokenBytes: token.length,
      sentPerSecond: sent.sentPerSecond,
      forged: answers,
      memory: {
        idle,
        peak: memory.between(floodFrom, recoveryTo) - idle,
        recovery: memory.between(recoveryFrom, recoveryTo) - idle,
      },
      idle: phase(samples, idleFrom, floodFrom),
      flood: phase(samples, floodFrom, floodTo),
      after: phase(samples, floodTo, recoveryFrom),
      recovery: phase(samples, recoveryFrom, recoveryTo),
      loopDelay: await loop,
      clientDelay,
      floodSeconds: (floodTo - floodFrom) / 1000,
    }
  } finally {
    memory.stop()
    await Promise.all([server, attacker, clients].map((child) => child.stop()))
    close()
  }
}

/** @typedef {Awaited<ReturnType<typeof measure>>} Report */

/**
 * Returns claims that enlarge a token to 8 KiB.
 *
 * @param {string} token
 */
function padding(token) {
  const missing = LARGE_TOKEN_BYTES - token.length - 20
  return { padding: 'x'.repeat(Math.floor((missing * 3) / 4)) }
}

/**
 * Samples the resident memory of a process from another process.
 *
 * @param {number} pid
 */
function watchMemory(pid) {
  /** @type {{ at: number, mebibytes: number }[]} */
  const samples = []
  const timer = setInterval(() => {
    const kibibytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    if (kibibytes !== undefined) samples.push({ at: Date.now(), mebibytes: Number(kibibytes) / 1024 })
  }, MEMORY_SAMPLE_MS)
  return {
    /** Returns the peak memory usage. @param {number} from @param {number} to */
    between(from, to) {
      return Math.max(...samples.filter(({ at }) => at >= from && at <= to).map(({ mebibytes }) => mebibytes))
    },
    stop: () => clearInterval(timer),
  }
}

/** @param {Record<string, Sample[]>} samples @param {number} from @param {number} to */
function phase({ remembered, fresh }, from, to) {
  const within = (/** @type {Sample} */ { at }) => at >= from && at < to
  return { remembered: summarize(remembered.filter(within)), fresh: summarize(fresh.filter(within)) }
}

/** @param {Sample[]} samples */
function summarize(samples) {
  const times = samples.map(({ ms }) => ms)
  const count = (/** @type {number | null} */ status) => samples.filter((sample) => sample.status === status).length
  return {
    count: samples.length,
    statuses: Object.fromEntries([...new Set(samples.map(({ status }) => status))].map((key) => [key, count(key)])),
    hanging: samples.filter(({ status, ms }) => status === null || ms > HANGING_MS).length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    max: Math.max(...times),
  }
}

/** @typedef {ReturnType<typeof summarize>} Summary */

/** @param {Report} report */
function rows({ idle, flood, after, recovery, memory, forged, sentPerSecond }) {
  const milliseconds = (/** @type {number} */ ms) => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0))
  const row = (/** @type {string} */ name, /** @type {Summary} */ { statuses, hanging, p50, p99, max }) => {
    return [name, list(statuses), String(hanging), ...[p50, p99, max].map(milliseconds)]
  }
  const mebibytes = (/** @type {number} */ growth) => `${growth.toFixed(0)} MiB`
  const rate = Math.round(sentPerSecond).toLocaleString('en')
  return [
    ['', 'responses by status', 'hanging', 'p50, milliseconds', 'p99, milliseconds', 'maximum'],
    row('before: previously verified tokens', idle.remembered),
    row('before: new tokens', idle.fresh),
    row('flood: previously verified tokens', flood.remembered),
    row('flood: new tokens', flood.fresh),
    row(`${PHASES.pause} s after it: previously verified tokens`, after.remembered),
    row(`${PHASES.pause} s after it: new tokens`, after.fresh),
    row('recovery: previously verified tokens', recovery.remembered),
    row('recovery: new tokens', recovery.fresh),
    [`forged tokens, ${rate} per second`, list(forged.statuses), `${forged.unanswered}`, '', '', ''],
    [
      'memory above idle',
      `${mebibytes(memory.peak)}, during the recovery ${mebibytes(memory.recovery)}`,
      '',
      '',
      '',
      '',
    ],
  ]
}

/** @param {Record<string, number>} statuses */
function list(statuses) {
  return Object.entries(statuses)
    .map(([status, count]) => `${status === 'null' ? 'none' : status}: ${count.toLocaleString('en')}`)
    .join(', ')
}

/** @param {Report} report */
function figures({ flood, after, recovery, memory }) {
  const countOtherStatuses = (/** @type {Summary[]} */ summaries, /** @type {number[]} */ ...accepted) => {
    const total = summaries.reduce((sum, { count }) => sum + count, 0)
    return (
      total - summaries.reduce((sum, { statuses }) => sum + accepted.reduce((n, key) => n + (statuses[key] ?? 0), 0), 0)
    )
  }
  return {
    memory: memory.peak,
    'remembered rejected': countOtherStatuses([flood.remembered, after.remembered], 200),
    'remembered p99': flood.remembered.p99,
    'new hanging': flood.fresh.hanging + after.fresh.hanging,
    'new rejected': countOtherStatuses([flood.fresh, after.fresh], 200, 503),
    'recovery rejected': countOtherStatuses([recovery.remembered, recovery.fresh], 200),
    'recovery p99': recovery.fresh.p99,
  }
}

module.exports = { CASES, measure, run }
