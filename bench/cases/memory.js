/** Resident memory, with nothing remembered, with a full cache, and after a flood of other valid tokens. */

const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { Child, inChild } = require('../children')
const { startIssuer } = require('../issuer')
const { AUDIENCE } = require('../tokens')

const REMEMBERED = 5000
const BATCH = 5000

/** @param {{ isQuick: boolean }} options */
async function run({ isQuick }) {
  const { setup, close } = await startIssuer('EdDSA')
  const flood = isQuick ? 50_000 : 1_000_000
  const { none, full, flooded, size } = await inChild(__filename, 'measure', { setup, flood })
  close()
  const [filling, flooding] = [full - none, flooded - full]
  const shown = (/** @type {number} */ bytes) => (bytes / 2 ** 20).toFixed(1)
  const rows = [
    ['', 'resident, MiB', 'more than before, MiB'],
    ['nothing remembered', shown(none), ''],
    [`${REMEMBERED.toLocaleString('en')} tokens remembered`, shown(full), shown(filling)],
    [
      `after ${flood.toLocaleString('en')} others, ${size.toLocaleString('en')} remembered`,
      shown(flooded),
      shown(flooding),
    ],
  ]
  const figures = { filling: filling / 2 ** 20, flooding: isQuick ? null : flooding / 2 ** 20 }
  return [{ id: 'memory', title: 'Memory', note: NOTE, rows, figures }]
}

const NOTE = `After garbage collection, in a fresh process that has verified as many tokens without remembering any. The tokens are distinct, valid and of Logto's form, but signed with EdDSA, as a million ES384 signatures would take minutes; signed in another process.`

/** In the fresh process. @param {{ setup: import('../peers').Setup, flood: number }} options */
async function measure({ setup, flood }) {
  const mint = new Child(join(__dirname, '../tokens'), [])
  const options = { logtoUrl: setup.logtoUrl, audience: AUDIENCE }
  const forgetful = createVerifier({ ...options, tokenCacheSize: 0 })
  const verifier = createVerifier({ ...options, tokenCacheSize: REMEMBERED })

  /**
   * @param {import('logto-authkit').Verifier} verifier
   * @param {number} count
   */
  const verify = async (verifier, count) => {
    const batch = () => mint.call('mintSome', { key: setup.key, issuer: setup.issuer, count: BATCH })
    let coming = batch()
    for (let done = 0; done < count; done += BATCH) {
      const tokens = await coming
      if (done + BATCH < count) coming = batch()
      for (const token of tokens) await verifier.verify(token)
    }
    return resident()
  }

  // The heap and the buffers between the processes get as large as they will be.
  await verify(forgetful, 8 * BATCH)
  const none = await verify(forgetful, BATCH)
  const full = await verify(verifier, REMEMBERED)
  const flooded = await verify(verifier, flood)
  const { size } = verifier.stats().tokens
  await mint.stop()
  return { none, full, flooded, size }
}

async function resident() {
  for (let i = 0; i < 5; i += 1) {
    global.gc?.()
    await pause(50)
  }
  return process.memoryUsage.rss()
}

module.exports = { measure, run }
