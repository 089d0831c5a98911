/**
 * Calls a function, and passes its result to a callback, immediately or when the returned promise settles. An `await`
 * would defer the rest of the request even if the result is already known.
 *
 * @template T, U, V
 * @param {() => T | Promise<T>} run
 * @param {(value: T) => U} onValue
 * @param {(error: any) => V} onError
 * @returns {U | V | Promise<Awaited<U> | Awaited<V>>}
 */
function settle(run, onValue, onError) {
  let value
  try {
    value = run()
  } catch (error) {
    return onError(error)
  }
  return isPromise(value) ? /** @type {any} */ (Promise.resolve(value).then(onValue, onError)) : onValue(value)
}

/**
 * Returns whether a value is a promise. `instanceof Promise` would not work, because the addon's promises belong to
 * Node's own realm, these modules may run in another realm (Jest), and applications may replace the global `Promise`.
 *
 * @template T
 * @param {T | Promise<T>} value
 * @returns {value is Promise<T>}
 */
const isPromise = (value) => typeof (/** @type {any} */ (value)?.then) === 'function'

/**
 * Rethrows an error.
 *
 * @type {(error: unknown) => never}
 */
const rethrow = (error) => {
  throw error
}

module.exports = { isPromise, rethrow, settle }
