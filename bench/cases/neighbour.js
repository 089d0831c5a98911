/** New ES384 tokens on a single core that is shared with a busy process. */

const { spawn } = require('node:child_process')
const { join } = require('node:path')
const { setImmediate: nextTurn } = require('node:timers/promises')
const { Child, pinToCores } = require('../children')
const { startIssuer } = require('../issuer')
const { OURS, PEERS } = require('../peers')
const { alternate, quantile, ratio, spread } = require('../rounds')
const { mintMany } = require('../tokens')

const SIDES = [OURS, 'jose', 'fast-jwt']
const CLIENTS = 16
const CORE = '0'
const SLICE_SECONDS = 1
/** Exceeds the number of tokens that any side can verify on half a core. */
const TOKENS_PER_SLICE = 4500 * SLICE_SECONDS

/** Keeps a core busy, and ends with the parent process. */
const BUSY_LOOP = 'const parent = process.ppid; while (process.ppid === parent) for (let i = 0; i < 1e7; i += 1);'

/** @param {{ selectedIds: string[], isQuick: boolean }} options */
async function run({ selectedIds, isQuick }) {
  const results = []
  for (const id of selectedIds) {
    const sides = await measure({ seconds: isQuick ? 2 : 8, isExpress: id === 'neighbour-express' })
    results.push({ id, title: CASES[id], note: NOTE, rows: [HEAD, ...sides.map(row)], figures: figuresOf(sides) })
  }
  return results
}

/** @type {Record<string, string>} */
const CASES = {
  neighbour: 'One core shared with a busy process, new ES384 tokens',
  'neighbour-express': 'One core shared with a busy process, new ES384 tokens, Express 5',
}
const HEAD = ['', 'tokens per second', 'quartiles', 'p50, milliseconds', 'p99, milliseconds', 'relative to `jose`']
const NOTE = `The process runs on one core next to a process that never sleeps, at the same nice value and in the same session (Linux weighs nice values within a session). ${CLIENTS} clients send tokens that have not been verified before, each the next one as soon as the last one has been answered. A wait for the event loop counts.`

/**
 * @param {object} options
 * @param {number} options.seconds - For each side.
 * @param {string[]} [options.names]
 * @param {boolean} [options.isExpress] - Whether to send requests to an Express application from another core, instead
 * of calling the library.
 * @param {boolean} [options.hasOwnSession] - Whether the busy process has its own session, as services and containers
 * do. The kernel's autogroups then give each session half of the core, regardless of nice values.
 * @param {boolean} [options.isQuiet] - Whether to measure without the busy process, for comparison.
 */
async function measure({ seconds, names = SIDES, isExpress = false, hasOwnSession = false, isQuiet = false }) {
  const { setup, close } = await startIssuer('ES384')
  const rounds = Math.max(1, Math.round(seconds / SLICE_SECONDS))
  const tokens = await mintMany(setup.key, setup.issuer, (isQuiet ? 2 : 1) * TOKENS_PER_SLICE * (rounds + 1))
  const loader = isExpress ? new Child(join(__dirname, '../load'), [], '1') : undefined
  const file = isExpress ? join(__dirname, '../apps') : __filename
  const sides = names.map((name) => ({ name, child: new Child(file, [], CORE), url: '', round: 0 }))
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let busy
  try {
    for (const side of sides) side.url = await side.child.call('serve', { name: side.name, setup })
    if (!isQuiet) {
      const { execPath, execArgv } = pinToCores(CORE, ['--eval', BUSY_LOOP])
      busy = spawn(execPath, execArgv, { stdio: 'ignore', detached: hasOwnSession })
    }
    const figures = await alternate(sides, rounds, async (side) => {
      const share = tokens.length / (rounds + 1)
      const own = tokens.slice(side.round * share, (side.round + 1) * share)
      side.round += 1
      if (loader === undefined) return side.child.call('verifyAll', { tokens: own, ms: SLICE_SECONDS * 1000 })
      const load = { url: side.url, tokens: own, isRepeated: false, seconds: SLICE_SECONDS, connections: CLIENTS }
      return loader.call('load', load)
    })
    return summarize(new Map([...figures].map(([{ name }, rounds]) => [name, rounds])))
  } finally {
    busy?.kill()
    await Promise.all([loader, ...sides.map(({ child }) => child)].map((child) => child?.stop()))
    close()
  }
}

/** @param {Map<string, { rate: number, p50: number, p99: number }[]>} sides */
function summarize(sides) {
  const rates = (/** @type {string} */ name) => sides.get(name)?.map(({ rate }) => rate)
  const jose = rates('jose')
  return [...sides].map(([name, rounds]) => {
    const median = (/** @type {'p50' | 'p99'} */ kind) => spread(rounds.map((round) => round[kind])).median
    const times = jose && ratio(rates(name) ?? [], jose).median
    return { name, rate: spread(rates(name) ?? []), p50: median('p50'), p99: median('p99'), times }
  })
}

/** @typedef {ReturnType<typeof summarize>[number]} Side */

/** @param {Side} side */
function row({ name, rate: { median, low, high }, p50, p99, times }) {
  const [perSecond, from, to] = [median, low, high].map((rate) => Math.round(rate).toLocaleString('en'))
  return [name, perSecond, `${from} to ${to}`, p50.toFixed(1), p99.toFixed(1), `${times?.toFixed(2) ?? '?'} x`]
}

/** @param {Side[]} sides */
function figuresOf(sides) {
  const figures = sides.flatMap(({ name, p50, p99, times = null }) => [
    [`${name} p50`, p50],
    [`${name} p99`, p99],
    [`${name} times`, times],
  ])
  return Object.fromEntries(figures)
}

/** @type {(token: string) => unknown} */
let verify

/** Runs in the measured process. @param {{ name: string, setup: import('../peers').Setup }} options */
function serve({ name, setup }) {
  verify = PEERS.find((peer) => peer.name === name)?.create({ ...setup, inFlight: CLIENTS }) ?? verify
  return ''
}

/** Runs in the measured process. @param {{ tokens: string[], ms: number }} slice */
async function verifyAll({ tokens, ms }) {
  /** @type {number[]} */
  const times = []
  let next = 0
  const begin = performance.now()
  const client = async () => {
    while (next < tokens.length && performance.now() - begin < ms) {
      const token = tokens[next]
      next += 1
      const start = performance.now()
      // A token arrives through the event loop, like a request, and waits while the check of another token blocks the
      // loop.
      await nextTurn()
      await verify(token)
      times.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  const rate = (times.length / (performance.now() - begin)) * 1000
  return { rate, p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
}

module.exports = { CASES, measure, run, serve, verifyAll }
