/** Errors for mistakes in calling `logtoAuth` and `protect`. */

/**
 * Throws if a framework has called `logtoAuth` or `protect`. This happens if the application passes one of them without
 * calling it, as in `app.get('/', protect, …)`.
 *
 * @param {string} correct - The code that the application should contain.
 * @param {unknown[]} given - The arguments after the first.
 */
function assertCalledByApplication(correct, given) {
  // Frameworks pass `next`, a response or a reply. The application may call either function through an array method
  // such as `map`, which passes an index and an array.
  if (given.some((item) => typeof item === 'function' || (typeof item === 'object' && item && !Array.isArray(item)))) {
    throw new TypeError(`${correct.slice(0, correct.indexOf('('))} is not middleware itself: write ${correct}`)
  }
}

module.exports = { assertCalledByApplication }
