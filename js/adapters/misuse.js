/** Errors for mistakes in calling `logtoAuth` and `protect`. */

/**
 * Throws if a framework, rather than the application, has called `logtoAuth` or `protect`, because the application
 * passed the function without calling it, as in `app.get('/', protect, …)`.
 *
 * @param {string} correct - The code that the application should contain.
 * @param {unknown[]} given - The second and later arguments of the call.
 */
function assertCalledByApplication(correct, given) {
  // A framework's further arguments include `next`, a response or a reply. If the application passes `logtoAuth` or
  // `protect` to an array method such as `map`, the further arguments are an index and an array, which are allowed.
  if (given.some((item) => typeof item === 'function' || (typeof item === 'object' && item && !Array.isArray(item)))) {
    throw new TypeError(`${correct.slice(0, correct.indexOf('('))} is not middleware itself: write ${correct}`)
  }
}

module.exports = { assertCalledByApplication }
