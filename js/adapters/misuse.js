/** Errors for mistakes in calling `logtoAuth` and `protect`. */

/**
 * Throws if a framework, rather than the application, has called `logtoAuth` or `protect`, because the application
 * passed the function without calling it, as in `app.get('/', protect, …)`.
 *
 * @param {string} correct - The code that the application should contain.
 * @param {unknown[]} given - The second and later arguments of the call.
 */
function assertCalledByApplication(correct, given) {
  // If a framework calls `logtoAuth` or `protect`, it also passes `next`, a response or a reply. If the application
  // uses one of these functions as the callback of an array method such as `map`, the method also passes an index and
  // the array, which is allowed.
  if (given.some((item) => typeof item === 'function' || (typeof item === 'object' && item && !Array.isArray(item)))) {
    throw new TypeError(`${correct.slice(0, correct.indexOf('('))} is not middleware itself: write ${correct}`)
  }
}

module.exports = { assertCalledByApplication }
