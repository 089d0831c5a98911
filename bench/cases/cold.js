/** 1,000 concurrent verifications with an empty key set cache. */

const { setTimeout: pause } = require('node:timers/promises')
const { inChild } = require('../children')
const { startIssuer } = require('../issuer')
const { OURS, PEERS } = require('../peers')
const { alternate, spread } = require('../rounds')
const { mintMany } = require('../tokens')

const TOKEN_COUNT = 1000
const SIDES = [OURS, 'jose']

/** @param {{ isQuick: boolean }} options */
async function run({ isQuick }) {
  const { setup, requests, close } = await startIssuer('ES384')
  const tokens = await mintMany(setup.key, setup.issuer, TOKEN_COUNT)
  const starts = await alternate(SIDES, isQuick ? 3 : 9, async (name) => {
    const before = requests.length
    const ms = await inChild(__filename, 'start', { name, setup, tokens })
    return { ms, fetches: requests.length - before }
  })
  close()
  const rows = SIDES.map((name) => {
    const own = starts.get(name) ?? []
    const { median, low, high } = spread(own.map(({ ms }) => ms))
    const fetches = Math.max(...own.map(({ fetches }) => fetches))
    return [name, median.toFixed(0), `${low.toFixed(0)} to ${high.toFixed(0)}`, String(fetches)]
  })
  const head = ['', 'milliseconds', 'quartiles', 'key set requests (maximum)']
  const note = `${TOKEN_COUNT.toLocaleString('en')} distinct ES384 tokens verified at once in a fresh process with an empty key cache: time until the last one is verified. The key server is another process.`
  return [{ id: 'cold', title: 'Cold start', note, rows: [head, ...rows] }]
}

/** Runs in the new process. @param {{ name: string, setup: import('../peers').Setup, tokens: string[] }} options */
async function start({ name, setup, tokens }) {
  const verify = PEERS.find((peer) => peer.name === name)?.create(setup)
  // Gives module loading and garbage collection time to finish.
  await pause(50)
  const begin = performance.now()
  await Promise.all(tokens.map((token) => verify?.(token)))
  return performance.now() - begin
}

module.exports = { run, start }
