/**
 * Warnings and debug output for operators. Each warning is emitted only once, so that outsiders cannot flood the log.
 */

const { debuglog } = require('node:util')

/** @typedef {import('../native/binding').RejectedRequest} RejectedRequest */

/** Prints only if `NODE_DEBUG` contains `logto-authkit`. */
const printDebug = debuglog('logto-authkit')

/**
 * Emits the rejection's warning, which the core creates once per error code and verifier, and prints the rejection for
 * debugging.
 *
 * @template {RejectedRequest} T
 * @param {T} rejected
 */
function reportRejection(rejected) {
  const { code, warning } = rejected
  if (warning !== null) process.emitWarning(warning, { code: `LOGTO_AUTHKIT_${code.toUpperCase()}` })
  return printRejection(rejected)
}

/**
 * Prints a rejection for debugging. The details of a rejection contain no token.
 *
 * @template {RejectedRequest} T
 * @param {T} rejected
 */
function printRejection(rejected) {
  if (printDebug.enabled) {
    const { code, status, message, details, cause } = rejected
    printDebug('rejected with %s (%d): %s %s%s', code, status, message, details, cause === null ? '' : ` ${cause}`)
  }
  return rejected
}

/**
 * Returns a function that emits a warning on its first call.
 *
 * @param {string} code
 * @param {string} message
 * @param {string} [type]
 */
function createOneTimeWarning(code, message, type) {
  let hasWarned = false
  return () => {
    if (hasWarned) return
    hasWarned = true
    process.emitWarning(message, { type, code })
  }
}

module.exports = { printRejection, reportRejection, createOneTimeWarning }
