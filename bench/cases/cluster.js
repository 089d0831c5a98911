/** An Express application in four processes (`node:cluster`) on two cores. */

/** The declarations of `node:cluster` cover only imports in ES modules. @type {import('node:cluster').Cluster} */
const cluster = /** @type {any} */ (require('node:cluster'))
const { join } = require('node:path')
const { Child, callIn } = require('../children')
const { startIssuer } = require('../issuer')
const { OURS } = require('../peers')
const { alternate, spread } = require('../rounds')
const { mintMany } = require('../tokens')

const SIDES = [OURS, 'jose']
const PROCESSES = 4
const CORES = '0,1'
const CONNECTIONS = 64
const WORKING_SET = 8 * CONNECTIONS
const SLICE_SECONDS = 2
/** Exceeds the number of tokens that either side can verify in a slice. */
const TOKENS_PER_SLICE = 6000 * SLICE_SECONDS

/** @type {Record<string, { title: string, isRepeated: boolean }>} */
const CASES = {
  'cluster-new': { title: 'new tokens', isRepeated: false },
  'cluster-seen': { title: 'previously verified tokens', isRepeated: true },
}

/** @param {{ selectedIds: string[], isQuick: boolean }} options */
async function run({ selectedIds, isQuick }) {
  const results = []
  for (const id of selectedIds) {
    const sides = await measure({ id, rounds: isQuick ? 1 : 5 })
    const title = `Four processes on two cores, Express 5, ES384, ${CASES[id].title}`
    results.push({ id, title, note: NOTE, rows: [HEAD, ...sides.map(row)], figures: figures(sides) })
  }
  return results
}

const HEAD = [
  'median (quartiles)',
  'requests per second',
  'p50, milliseconds',
  'p99, milliseconds',
  'p99 of the event-loop delay, milliseconds',
]
const NOTE = `${PROCESSES} processes of \`node:cluster\`, under load from another process on the same cores (autocannon, ${CONNECTIONS} connections). The event-loop delay is that of the process with the longest.`

/** @param {{ id: string, rounds: number, names?: string[] }} options */
async function measure({ id, rounds, names = SIDES }) {
  const { isRepeated } = CASES[id]
  const { setup, close } = await startIssuer('ES384')
  const count = isRepeated ? WORKING_SET : TOKENS_PER_SLICE * (rounds + 1)
  const tokens = await mintMany(setup.key, setup.issuer, count)
  const loader = new Child(join(__dirname, '../load'), [], CORES)
  const sides = names.map((name) => ({ name, child: new Child(__filename, [], CORES), url: '', round: 0 }))
  try {
    for (const side of sides) side.url = await side.child.call('serve', { name: side.name, setup })
    const load = { isRepeated, seconds: SLICE_SECONDS, connections: CONNECTIONS }
    const figures = await alternate(sides, rounds, async (side) => {
      const { child, url, round } = side
      side.round += 1
      const own = isRepeated ? tokens : tokens.slice(round * TOKENS_PER_SLICE, (round + 1) * TOKENS_PER_SLICE)
      // Connections are distributed anew in every slice, so each process must first verify the tokens of its new
      // connections.
      if (isRepeated) await loader.call('load', { ...load, url, tokens: own, seconds: 1 })
      await child.call('watchLoops')
      const { rate, p50, p99 } = await loader.call('load', { ...load, url, tokens: own })
      return { rate, p50, p99, loop: await child.call('loopDelays') }
    })
    return [...figures].map(([{ name }, figures]) => {
      const median = (/** @type {Metric} */ metric) => spread(figures.map((figure) => figure[metric]))
      return { name, rate: median('rate'), p50: median('p50'), p99: median('p99'), loop: median('loop') }
    })
  } finally {
    await Promise.all([loader, ...sides.map(({ child }) => child)].map((child) => child.stop()))
    close()
  }
}

/** @typedef {'rate' | 'p50' | 'p99' | 'loop'} Metric */
/** @typedef {Awaited<ReturnType<typeof measure>>[number]} Side */

/** @param {Side} side */
function row({ name, rate, p50, p99, loop }) {
  const shown = (/** @type {import('../rounds').Spread} */ { median, low, high }, /** @type {number} */ digits) => {
    const [middle, from, to] = [median, low, high].map((figure) =>
      figure.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    )
    return `${middle} (${from} to ${to})`
  }
  return [name, shown(rate, 0), ...[p50, p99, loop].map((figure) => shown(figure, 1))]
}

/** @param {Side[]} sides */
function figures(sides) {
  return Object.fromEntries(
    sides.flatMap(({ name, ...metrics }) =>
      Object.entries(metrics).map(([metric, { median }]) => [`${name} ${metric}`, median]),
    ),
  )
}

/** @type {import('node:child_process').ChildProcess[]} */
let workers

/**
 * Starts the application in the primary process, and returns its URL.
 *
 * @param {import('../apps').Application} application
 */
async function serve(application) {
  cluster.setupPrimary({
    exec: join(__dirname, '../children'),
    args: [join(__dirname, '../apps')],
    execArgv: [],
    serialization: 'advanced',
  })
  process.once('SIGTERM', () => {
    for (const worker of workers) worker.kill('SIGKILL')
    process.exit()
  })
  workers = Array.from({ length: PROCESSES }, () => cluster.fork().process)
  const urls = await Promise.all(workers.map((worker) => callIn(worker, 'serve', application)))
  return urls[0]
}

/** Measures the event-loop delay of all processes. Runs in the primary process. */
const watchLoops = () => Promise.all(workers.map((worker) => callIn(worker, 'watchLoop')))

/** Returns the p99 event-loop delay of the slowest process. Runs in the primary process. */
async function loopDelays() {
  const delays = await Promise.all(workers.map((worker) => callIn(worker, 'loopDelay')))
  return Math.max(...delays.map(({ p99 }) => p99))
}

module.exports = { CASES, loopDelays, measure, run, serve, watchLoops }
