/** Calls the application's `onRefused` for each rejection. */

const { inspect } = require('node:util')
const { rejectionOf } = require('./context')
const { contract } = require('./contract')
const { AuthError, authError } = require('./errors')
const { settle } = require('./settle')

/**
 * Maximum number of warnings per hour about failing `onRefused` functions. The process warns once about each function,
 * so an application that passes a new function for every request would otherwise flood the log.
 */
const MAX_WARNINGS = contract().limits.warningsPerHour
const WARNING_PERIOD_MS = 3_600_000

/**
 * The `onRefused` functions that have failed. The process warns only once about each of these functions, so that
 * clients cannot flood the log with rejected requests.
 *
 * @type {WeakSet<Function>}
 */
const failedObservers = new WeakSet()
let warningCount = 0
let periodStart = 0

/**
 * Runs a verification, and calls `onRefused` if the request is rejected or treated as a guest.
 *
 * @template T
 * @param {Function} onRefused
 * @param {unknown} source - The framework's request object.
 * @param {() => T | Promise<T>} run
 * @returns {T | Promise<T>}
 */
const observeRejection = (onRefused, source, run) =>
  settle(
    run,
    (auth) => {
      const rejected = rejectionOf(auth)
      if (rejected !== undefined) notifyObserver(onRefused, authError(rejected), source)
      return auth
    },
    (error) => {
      if (error instanceof AuthError) notifyObserver(onRefused, error, source)
      throw error
    },
  )

/**
 * Calls `onRefused`. If `onRefused` fails, the client gets the same response as if it had succeeded, and a warning
 * reports the error.
 *
 * @param {Function} onRefused
 * @param {InstanceType<typeof AuthError>} error
 * @param {unknown} source
 */
function notifyObserver(onRefused, error, source) {
  settle(
    () => onRefused(error, source),
    () => {},
    (failure) => {
      if (failedObservers.has(onRefused) || !takeWarning(performance.now())) return
      failedObservers.add(onRefused)
      const reason = failure instanceof Error ? failure.stack : inspect(failure)
      process.emitWarning(`onRefused failed, which changes no response: ${reason}`, {
        code: 'LOGTO_AUTHKIT_ON_REFUSED',
      })
    },
  )
}

/** Counts a warning, and returns whether the process may emit it. @param {number} now */
function takeWarning(now) {
  if (now - periodStart >= WARNING_PERIOD_MS) [warningCount, periodStart] = [0, now]
  warningCount += 1
  return warningCount <= MAX_WARNINGS
}

module.exports = { notifyObserver, observeRejection }
