/** Resident memory with an empty token cache, with a full cache, and after verifying many more tokens. */

const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { inChild } = require('../children')
const { startIssuer } = require('../issuer')
const { spread } = require('../rounds')
const { AUDIENCE, minter } = require('../tokens')

const CACHED_TOKENS = 5000

/** With V8's default young generation, memory usage fluctuates by more than the measured difference. */
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
    ['', 'growth, MiB', 'quartiles'],
    [
      `${CACHED_TOKENS.toLocaleString('en')} tokens cached`,
      filling.median.toFixed(1),
      `${filling.low.toFixed(1)} to ${filling.high.toFixed(1)}`,
    ],
    [`after ${flood.toLocaleString('en')} more, ${size.toLocaleString('en')} cached`, flooding.toFixed(1), ''],
  ]
  const figures = { filling: filling.median, flooding: isQuick ? null : flooding }
  return [{ id: 'memory', title: 'Memory', note: NOTE, rows, figures }]
}

const NOTE = `Resident memory after garbage collection, in fresh processes that have already verified tokens with the cache disabled. The tokens are distinct, valid and in Logto's format, but signed with EdDSA, because a million ES384 signatures take minutes.`

/** Runs in the new process. @param {{ setup: import('../peers').Setup, flood: number }} options */
async function measure({ setup, flood }) {
  const mint = minter(setup.key, setup.issuer)
  const options = { logtoUrl: setup.logtoUrl, audience: AUDIENCE }
  const withoutCache = createVerifier({ ...options, tokenCacheSize: 0 })
  const verifier = createVerifier({ ...options, tokenCacheSize: CACHED_TOKENS })

  /**
   * @param {import('logto-authkit').Verifier} verifier
   * @param {number} count
   */
  const verify = async (verifier, count) => {
    for (let i = 0; i < count; i += 1) await verifier.verify(mint())
    return residentMemory()
  }

  await verify(withoutCache, 4 * CACHED_TOKENS)
  const none = await verify(withoutCache, CACHED_TOKENS)
  const full = await verify(verifier, CACHED_TOKENS)
  const flooded = await verify(verifier, flood)
  return { none, full, flooded, size: verifier.stats().tokens.size }
}

async function residentMemory() {
  for (let i = 0; i < 5; i += 1) {
    global.gc?.()
    await pause(50)
  }
  return process.memoryUsage.rss()
}

module.exports = { measure, run }
