/**
 * Warnings and debug output for operators. Each warning is emitted only once, so that outsiders cannot flood the log.
 */

const { debuglog } = require('node:util')

/** @typedef {import('../native/binding').RejectedRequest} RejectedRequest */

const MAX_CAUSE_LENGTH = 1000

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
 * @template {Pick<RejectedRequest, 'code' | 'status' | 'message' | 'details' | 'cause'>} T
 * @param {T} rejected
 * @param {string} [subject] - What was rejected, if it is not a request with an access token.
 */
function printRejection(rejected, subject = '') {
  if (printDebug.enabled) {
    const { code, status, message, details, cause } = rejected
    // A cause may be the error of the application's own store.
    const reason =
      cause === null ? '' : ` ${cause.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, MAX_CAUSE_LENGTH)}`
    printDebug('%srejected with %s (%d): %s %s%s', subject, code, status, message, withReadableTimes(details), reason)
  }
  return rejected
}

/** The details that contain Unix times in seconds, apart from `now`. */
const TIMES = ['exp', 'nbf', 'iat']

/**
 * Converts the Unix times in a rejection's details to ISO 8601, and adds their distance from the current time. The
 * conversion never fails, because the core has checked that a `Date` can represent each of these times.
 *
 * @param {string} details
 */
function withReadableTimes(details) {
  const { now } = JSON.parse(details)
  if (typeof now !== 'number') return details
  /** @type {string[]} */
  const distances = []
  const readable = JSON.stringify(JSON.parse(details), (name, value) => {
    if (typeof value !== 'number' || ![...TIMES, 'now'].includes(name)) return value
    const seconds = Math.round(now - value)
    if (name !== 'now') distances.push(`${name} ${seconds < 0 ? `in ${-seconds} s` : `${seconds} s ago`}`)
    return new Date(value * 1000).toISOString()
  })
  return distances.length === 0 ? readable : `${readable} (${distances.join(', ')})`
}

/**
 * Returns a function that emits a warning only the first time it is called. The details that are passed to that call
 * are appended to the message.
 *
 * @param {string} code
 * @param {string} message
 * @param {string} [type]
 */
function createOneTimeWarning(code, message, type) {
  let hasWarned = false
  return (details = '') => {
    if (hasWarned) return
    hasWarned = true
    process.emitWarning(message + details, { type, code })
  }
}

module.exports = { printRejection, reportRejection, createOneTimeWarning }
