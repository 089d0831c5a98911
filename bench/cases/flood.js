/** How a flood of forged ES384 tokens affects the other work of a process. */

const { once } = require('node:events')
const { readFile } = require('node:fs')
const { createServer, Agent, get } = require('node:http')
const { join } = require('node:path')
const { monitorEventLoopDelay } = require('node:perf_hooks')
const { setTimeout: pause } = require('node:timers/promises')
const { Child } = require('../children')
const { startIssuer } = require('../issuer')
const { OURS, PEERS } = require('../peers')
const { alternate, quantile, spread } = require('../rounds')
const { forge, mintMany } = require('../tokens')

const SIDES = ['jose', OURS]
const IN_FLIGHT = 64
const PROBE_FILE = join(__dirname, '../../package.json')

/** @param {{ isQuick: boolean }} options */
async function run({ isQuick }) {
  const { setup, close } = await startIssuer('ES384')
  const [seen, ...others] = await mintMany(setup.key, setup.issuer, isQuick ? 500 : 3000)
  const forged = forge(others)
  const [rounds, ms] = isQuick ? [1, 1000] : [7, 3000]
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const sides = []
  for (const name of SIDES) {
    const child = new Child(__filename)
    const url = await child.call('serve', { name, setup, seen, forged })
    for (const inFlight of [0, IN_FLIGHT]) {
      sides.push({ name: inFlight === 0 ? `${name}, no flood` : name, child, url, inFlight })
    }
  }

  const figures = await alternate(sides, rounds, async ({ child, url, inFlight }) => {
    const stopController = new AbortController()
    const requests = probe(url, seen, agent, stopController.signal)
    const { loop, file, rate } = await child.call('flood', { inFlight, ms })
    stopController.abort()
    return { loop, file, request: quantile(await requests, 0.99), rate }
  })
  agent.destroy()
  for (const { child } of sides) await child.stop()
  close()
  return [result(new Map([...figures].map(([{ name }, rounds]) => [name, rounds])))]
}

/** @param {Map<string, { loop: number, file: number, request: number, rate: number }[]>} sides */
function result(sides) {
  const rows = [HEAD]
  /** @type {Record<string, number>} */
  const figures = {}
  for (const [name, rounds] of sides) {
    const shown = KINDS.map((kind) => {
      const { median, low, high } = spread(rounds.map((round) => round[kind]))
      figures[`${name} ${kind}`] = median
      return `${median.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`
    })
    const { median } = spread(rounds.map(({ rate }) => rate))
    rows.push([name, ...shown, Math.round(median).toLocaleString('en')])
  }
  return { id: 'flood', title: 'A flood of forged ES384 tokens', note: NOTE, rows, figures }
}

const KINDS = /** @type {const} */ (['loop', 'file', 'request'])
const HEAD = [
  'p99, milliseconds (quartiles)',
  'event-loop delay',
  'fs.readFile',
  'request with a previously verified token',
  'rejected per second',
]
const NOTE = `${IN_FLIGHT} verifications of forged tokens are in flight in a server process at any time. Meanwhile it reads a small file every 2 ms, its event-loop delay is sampled by \`perf_hooks.monitorEventLoopDelay({ resolution: 1 })\` (an idle loop reports a little over 1 ms), and another process sends requests with a previously verified token, one after the other. "No flood" is the same without forged tokens.`

/**
 * Sends requests one after another and returns their durations in milliseconds.
 *
 * @param {string} url
 * @param {string} token
 * @param {Agent} agent
 * @param {AbortSignal} signal
 */
async function probe(url, token, agent, signal) {
  const times = []
  while (!signal.aborted) {
    const start = performance.now()
    const [response] = await once(get(url, { agent, headers: { authorization: `Bearer ${token}` } }), 'response')
    await once(response.resume(), 'end')
    if (response.statusCode !== 200) throw new Error(`A previously verified token got status ${response.statusCode}`)
    times.push(performance.now() - start)
    await pause(1)
  }
  return times
}

/** @type {{ verify: (token: string) => any, forged: string[] }} */
let serverState

/** Runs in the server process. @param {{ name: string, setup: import('../peers').Setup, seen: string, forged: string[] }} options */
async function serve({ name, setup, seen, forged }) {
  const verify = PEERS.find((peer) => peer.name === name)?.create(setup) ?? (() => {})
  serverState = { verify, forged }
  await verify(seen)
  const server = createServer(async (req, res) => {
    await verify(req.headers.authorization?.slice('Bearer '.length)).then(
      () => res.end(),
      () => res.writeHead(401).end(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/`
}

/** Runs in the server process. @param {{ inFlight: number, ms: number }} options */
async function flood({ inFlight, ms }) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let [isOver, rejected] = [false, 0]
  const lane = async () => {
    while (!isOver) {
      const token = serverState.forged[rejected % serverState.forged.length]
      rejected += 1
      await serverState.verify(token).then(
        () => {
          throw new Error('A forged token was accepted')
        },
        () => {},
      )
    }
  }
  const lanes = Array.from({ length: inFlight }, lane)
  await pause(100)
  delay.enable()
  const end = performance.now() + ms
  const times = []
  while (performance.now() < end) {
    const start = performance.now()
    await new Promise((resolve) => readFile(PROBE_FILE, resolve))
    times.push(performance.now() - start)
    await pause(2)
  }
  delay.disable()
  isOver = true
  await Promise.all(lanes)
  return { loop: delay.percentile(99) / 1e6, file: quantile(times, 0.99), rate: (rejected / ms) * 1000 }
}

module.exports = { flood, run, serve }
