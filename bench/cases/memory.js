/** Resident memory, with nothing remembered, with a full cache, and after a flood of other valid tokens. */

const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { inChild } = require('../children')
const { startIssuer } = require('../issuer')
const { spread } = require('../rounds')
const { AUDIENCE, minter } = require('../tokens')

const REMEMBERED = 5000

/** A young generation of the usual size comes and goes with more than is measured here. */
const NODE_OPTIONS = ['--expose-gc', '--max-semi-space-size=1']

/** @param {{ isQuick: boolean }} options */
async function run({ isQuick }) {
  const { setup, close } = await startIssuer('EdDSA')
  const flood = isQuick ? 50_000 : 1_000_000
  const fillings = []
  for (let i = 0; i < (isQuick ? 1 : 5); i += 1) {
    const { none, full } = await inChild(__filename, 'measure', { setup, flood: 0 }, NODE_OPTIONS)
    fillings.push((full - none) / 2 ** 20)
  }
  const { full, flooded, size } = await inChild(__filename, 'measure', { setup, flood }, NODE_OPTIONS)
  close()
  const filling = spread(fillings)
  const flooding = (flooded - full) / 2 ** 20
  const rows = [
    ['', 'more than before, MiB', 'quartiles'],
    [
      `${REMEMBERED.toLocaleString('en')} tokens remembered`,
      filling.median.toFixed(1),
      `${filling.low.toFixed(1)} to ${filling.high.toFixed(1)}`,
    ],
    [`after ${flood.toLocaleString('en')} others, ${size.toLocaleString('en')} remembered`, flooding.toFixed(1), ''],
  ]
  const figures = { filling: filling.median, flooding: isQuick ? null : flooding }
  return [{ id: 'memory', title: 'Memory', note: NOTE, rows, figures }]
}

const NOTE = `Resident memory after garbage collection, in fresh processes that have verified tokens before, without remembering any. The tokens are distinct, valid and of Logto's form, but signed with EdDSA, as a million ES384 signatures would take minutes.`

/** In the fresh process. @param {{ setup: import('../peers').Setup, flood: number }} options */
async function measure({ setup, flood }) {
  const mint = minter(setup.key, setup.issuer)
  const options = { logtoUrl: setup.logtoUrl, audience: AUDIENCE }
  const forgetful = createVerifier({ ...options, tokenCacheSize: 0 })
  const verifier = createVerifier({ ...options, tokenCacheSize: REMEMBERED })

  /**
   * @param {import('logto-authkit').Verifier} verifier
   * @param {number} count
   */
  const verify = async (verifier, count) => {
    for (let i = 0; i < count; i += 1) await verifier.verify(mint())
    return resident()
  }

  await verify(forgetful, 4 * REMEMBERED)
  const none = await verify(forgetful, REMEMBERED)
  const full = await verify(verifier, REMEMBERED)
  const flooded = await verify(verifier, flood)
  return { none, full, flooded, size: verifier.stats().tokens.size }
}

async function resident() {
  for (let i = 0; i < 5; i += 1) {
    global.gc?.()
    await pause(50)
  }
  return process.memoryUsage.rss()
}

module.exports = { measure, run }
