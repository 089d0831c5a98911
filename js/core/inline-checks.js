/**
 * Decides whether a slow signature check (P-384, about 150 µs) may run on the event loop. A single check should, because
 * moving it to the thread pool and back takes another 10 to 40 µs. Concurrent checks should run in parallel on the pool.
 * Since it is not known on arrival whether more requests will follow, the decision is based on earlier checks.
 */

// Captured at load time, because fake timers in a test would replace the global and never fire.
const { setImmediate } = require('node:timers')

/** Maximum number of inline checks per turn of the event loop, which together block it for about 2.5 ms. */
const MAX_INLINE_CHECKS = 16

let inlineLimit = 1
let inlineThisTurn = 0
let pooledChecks = 0
let hadConcurrentChecks = false

const mayRunInline = () => inlineThisTurn < inlineLimit

function ranInline() {
  inlineThisTurn += 1
  if (inlineThisTurn === 1) setImmediate(startTurn)
}

function startTurn() {
  inlineThisTurn = 0
}

/**
 * @template T
 * @param {Promise<T>} check - Running on the thread pool.
 * @returns {Promise<T>}
 */
async function trackPoolCheck(check) {
  if (pooledChecks > 0) {
    hadConcurrentChecks = true
    inlineLimit = 1
  }
  pooledChecks += 1
  try {
    return await check
  } finally {
    pooledChecks -= 1
    if (pooledChecks === 0) {
      if (!hadConcurrentChecks) inlineLimit = Math.min(2 * inlineLimit, MAX_INLINE_CHECKS)
      hadConcurrentChecks = false
    }
  }
}

module.exports = { mayRunInline, ranInline, trackPoolCheck }
