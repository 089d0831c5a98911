/**
 * Waits for verifications that continue on other threads. A slow signature check (P-384, about 150 µs) runs on the
 * event loop if no other check is queued or running. Otherwise, the check waits for a thread. At the end of each turn,
 * the event loop also processes queued checks, for less than half a millisecond, because the loop would otherwise be
 * idle until the threads have finished.
 */

const native = require('./addon')
const { callAfterEventLoopTurn, keepAlive } = require('./timers')

/** @typedef {import('../native/binding').VerifiedContext | import('../native/binding').RejectedRequest | string} Outcome */
/** @typedef {{ resolve: (outcome: Outcome) => void, reject: (error: unknown) => void }} Waiter */

/** @type {Map<number, Waiter>} */
const waiters = new Map()
const outcomeQueue = new native.OutcomeInbox(deliverOutcomes)

let hasScheduledChecks = false

/**
 * Returns the outcome of a verification that continues on another thread.
 *
 * @param {number} id
 * @returns {Promise<Outcome>}
 */
function outcomeOf(id) {
  scheduleQueuedChecks()
  if (waiters.size === 0) keepAlive.ref()
  return new Promise((resolve, reject) => waiters.set(id, { resolve, reject }))
}

/**
 * Returns the outcome of a native call. The call returns a number if the verification continues on another thread.
 *
 * @template T
 * @param {number | T} result
 * @returns {Promise<T | Outcome>}
 */
const awaitOutcome = async (result) => (typeof result === 'number' ? outcomeOf(result) : result)

function deliverOutcomes() {
  const outcomes = outcomeQueue.take()
  for (let i = 0; i < outcomes.length; i += 2) {
    const id = /** @type {number} */ (outcomes[i])
    const waiter = /** @type {Waiter} */ (waiters.get(id))
    waiters.delete(id)
    settleWaiter(waiter, /** @type {Outcome | null} */ (outcomes[i + 1]))
  }
  if (waiters.size === 0) keepAlive.unref()
}

/** @type {(waiter: Waiter, outcome: Outcome | null) => void} */
function settleWaiter({ resolve, reject }, outcome) {
  if (outcome !== null) return resolve(outcome)
  try {
    native.throwInternalError()
  } catch (error) {
    reject(error)
  }
}

/** Schedules `runQueuedChecks`, which must follow each slow check on the event loop. */
function scheduleQueuedChecks() {
  if (hasScheduledChecks) return
  hasScheduledChecks = true
  callAfterEventLoopTurn(runQueuedChecks)
}

function runQueuedChecks() {
  hasScheduledChecks = false
  if (native.endEventLoopTurn()) scheduleQueuedChecks()
  deliverOutcomes()
}

module.exports = { outcomeQueue, outcomeOf, scheduleQueuedChecks, awaitOutcome }
