/** Objects that all copies of the package in a process share, including copies loaded after a module reset in tests. */

/**
 * Returns the shared object with this name, which the first copy of the package creates. A name must never change,
 * because copies of different releases find each other's objects by it.
 *
 * @template T
 * @param {string} name
 * @param {() => T} create
 * @returns {T}
 */
function globalSingleton(name, create) {
  const key = Symbol.for(`logto-authkit.1.${name}`)
  if (!Object.hasOwn(globalThis, key)) Object.defineProperty(globalThis, key, { value: create() })
  return /** @type {any} */ (globalThis)[key]
}

/** The property by which a verifier is recognized, even if another copy of the package has created it. */
const VERIFIER_BRAND = Symbol.for('logto-authkit.Verifier')

/**
 * Returns whether a value is a verifier from any copy of the package.
 *
 * @param {any} value
 * @returns {value is import('../..').Verifier}
 */
const isVerifier = (value) => typeof value === 'object' && value !== null && VERIFIER_BRAND in value

module.exports = { VERIFIER_BRAND, isVerifier, globalSingleton }
