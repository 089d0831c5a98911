/** Warnings for operators, each at most once per process, so that outsiders cannot flood the log. */

/**
 * Returns a function that emits a warning on its first call.
 *
 * @param {string} code
 * @param {string} message
 * @param {string} [type]
 */
function warningOnce(code, message, type) {
  let hasWarned = false
  return () => {
    if (hasWarned) return
    hasWarned = true
    process.emitWarning(message, { type, code })
  }
}

module.exports = { warningOnce }
