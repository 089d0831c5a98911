/** Stores a context on a framework's request. */

/**
 * Sets the property that holds the context (`auth` by default), even if the target inherits such a property. Throws if
 * other middleware has made the property read-only. An assignment to a read-only property would fail silently, and
 * handlers would read the old value instead of our context.
 *
 * @type {(target: any, auth: unknown, property?: string) => void}
 */
function setAuth(target, auth, property = 'auth') {
  if (property in target || !Object.isExtensible(target)) {
    Object.defineProperty(target, property, { value: auth, writable: true, configurable: true, enumerable: true })
    // An assignment is ten times as fast as `defineProperty`.
  } else if (auth !== undefined) target[property] = auth
}

module.exports = { setAuth }
