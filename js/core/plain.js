/** Compares and copies option values. */

const { isRevocationsHandle } = require('./revocations')
const { plainSchema } = require('./schema')

/**
 * Returns whether two values of an option are equal, so that callers who pass them can share a native verifier. All
 * functions count as equal, because the core never calls them.
 *
 * @param {any} a - A value that `isComparable` accepts.
 * @param {any} b
 * @param {number} depth
 * @returns {boolean}
 */
function isEqual(a, b, depth) {
  if (Object.is(a, b)) return true
  if (typeof a !== typeof b || depth === 0) return false
  if (typeof a === 'function') return true
  if (
    typeof a !== 'object' ||
    a === null ||
    b === null ||
    Array.isArray(a) !== Array.isArray(b) ||
    !isPlainObjectOrArray(b)
  )
    return false
  const keys = ownNames(a)
  if (keys.length !== ownNames(b).length) return false
  for (const key of keys) if (!Object.hasOwn(b, key) || !isEqual(a[key], b[key], depth - 1)) return false
  return true
}

/**
 * Makes a deep copy of plain objects and arrays. Functions and class instances in them are shared with the original
 * instead of copied.
 *
 * @type {(value: any, depth: number, isOptions?: boolean) => unknown}
 */
function deepCopy(value, depth, isOptions = false) {
  if (typeof value !== 'object' || value === null || depth === 0) return value
  if (Array.isArray(value)) return value.map((item) => deepCopy(item, depth - 1))
  // The options object itself may be a class instance if it inherits no options.
  if (!isOptions && !isPlainObjectOrArray(value)) return value
  /** @type {Record<string, unknown>} */
  const members = Object.create(null)
  for (const name of ownNames(value)) {
    members[name] = deepCopy(isOptions && name === 'claims' ? plainSchema(value[name]) : value[name], depth - 1)
  }
  return members
}

/**
 * Returns the names of an object's own properties. Non-enumerable properties are included, because ignoring an option
 * could remove a requirement.
 *
 * @type {(object: object) => string[]}
 */
const ownNames = Object.getOwnPropertyNames

/**
 * Returns whether `isEqual` can detect every change in a value.
 *
 * @type {(value: any, depth: number) => boolean}
 */
function isComparable(value, depth) {
  if (typeof value !== 'object' || value === null || isRevocationsHandle(value)) return true
  return depth > 0 && isPlainObjectOrArray(value) && Object.values(value).every((item) => isComparable(item, depth - 1))
}

/**
 * Returns whether a value is an array, or an object that inherits only from the `Object.prototype` of any realm.
 *
 * @param {object} value
 */
const isPlainObjectOrArray = (value) => Array.isArray(value) || isObjectPrototype(Object.getPrototypeOf(value))

/**
 * Returns whether a prototype is `null` or the `Object.prototype` of any realm. Returns false for any other object that
 * has no prototype itself, such as `Object.create(null)`: options inherited from such an object are rejected.
 *
 * @param {object | null} prototype
 */
const isObjectPrototype = (prototype) =>
  prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty'))

/**
 * Returns an object's own property, and ignores the properties of a polluted prototype.
 *
 * @type {(object: any, name: string) => any}
 */
const ownProperty = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined)

module.exports = { deepCopy, isComparable, isEqual, isPlainObjectOrArray, isObjectPrototype, ownNames, ownProperty }
