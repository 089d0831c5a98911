/**
 * Options parsed once, however often they come: `verifyAuth(request, { … })` with a fresh literal for every request costs
 * a comparison, and memory stays bounded.
 */

const native = require('./addon')
const { optionsError, orThrow } = require('./errors')

/** Different options remembered. An application has as many as it has literals in its source, unless they are computed. */
const MOST = 1000

/** Those of them that are told apart by other options than the index has. */
const MOST_ALIKE = 16

/** Deepest nesting that is compared and copied, more than the core reads. */
const DEEPEST = 8

/** @typedef {{ verifier: import('../native/binding').NativeVerifier, cookieName: string, guestCookieName: string | null }} Core */

/** Those that are looked at before the index: most applications have no more. */
const MOST_RECENT = 4

/** @typedef {{ options: unknown, core: Core }} Entry */

/** @type {Map<string, Entry[]>} - by what options mostly differ in, the last used last */
const remembered = new Map()

/** @type {Entry[]} - the last found in the index first */
const recent = []

/**
 * The core for these options, the same one for equal options.
 *
 * @param {unknown} options
 * @returns {Core}
 */
function sharedCore(options) {
  for (let i = 0; i < recent.length; i += 1) if (same(recent[i].options, options, DEEPEST)) return recent[i].core
  const key = indexOf(options)
  const entries = remembered.get(key) ?? []
  const found = entries.find((entry) => same(entry.options, options, DEEPEST))
  if (found !== undefined) {
    refresh(key, entries, found)
    return found.core
  }
  const own = copy(options, DEEPEST)
  const entry = { options: own, core: createCore(own) }
  // What could change unseen, or is another one every time (a date), is parsed every time.
  if (isComparable(own, DEEPEST)) {
    refresh(key, [entry, ...entries.slice(0, MOST_ALIKE - 1)], entry)
    if (remembered.size > MOST) remembered.delete(remembered.keys().next().value ?? '')
  }
  return entry.core
}

/**
 * @param {string} key
 * @param {Entry[]} entries
 * @param {Entry} used
 */
function refresh(key, entries, used) {
  remembered.delete(key)
  remembered.set(key, entries)
  recent.unshift(used)
  recent.length = Math.min(recent.length, MOST_RECENT)
}

/**
 * @param {any} options
 * @returns {string}
 */
function indexOf(options) {
  if (typeof options !== 'object' || options === null) return ''
  let key = ''
  for (const name of ['logtoUrl', 'audience', 'requiredScope', 'organizationId']) {
    const value = own(options, name)
    key += typeof value === 'string' ? `\n${value}` : '\n'
  }
  return key
}

/**
 * A core of its own for these options.
 *
 * @param {unknown} options
 * @returns {Core}
 */
function createCore(options) {
  refuseInherited(options)
  const verifier = orThrow(native.createVerifier(options))
  const exposed = verifier.takeWarning()
  if (exposed !== null) {
    process.emitWarning(`Keys are fetched from ${exposed} over plain http: whoever is on the way can replace them`, {
      type: 'SecurityWarning',
      code: 'LOGTO_AUTHKIT_PLAIN_HTTP',
    })
  }
  return { verifier, cookieName: verifier.cookieName, guestCookieName: verifier.guestCookieName }
}

/**
 * Only an object's own members are options. A requirement that it inherits, from a class or another object, must not be lost
 * without a word.
 *
 * @param {unknown} options
 */
function refuseInherited(options) {
  if (typeof options !== 'object' || options === null || isPlain(options)) return
  for (let from = Object.getPrototypeOf(options); !isRoot(from); from = Object.getPrototypeOf(from)) {
    const option = Object.getOwnPropertyNames(from).find((name) => name !== 'constructor')
    if (option !== undefined) {
      throw optionsError(`Invalid option "${option}": expected a member of the options itself, got an inherited one`)
    }
  }
}

/**
 * Whether two values give the same verifier. Of a function it only counts that it is one: it is called from the caller's own
 * options.
 *
 * @param {any} a - Comparable.
 * @param {any} b
 * @param {number} depth
 * @returns {boolean}
 */
function same(a, b, depth) {
  if (Object.is(a, b)) return true
  if (typeof a !== typeof b || depth === 0) return false
  if (typeof a === 'function') return true
  if (typeof a !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b) || !isPlain(b))
    return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  for (const key of keys) if (!Object.hasOwn(b, key) || !same(a[key], b[key], depth - 1)) return false
  return true
}

/**
 * A copy of what is plain; the rest stays what it is.
 *
 * @param {any} value
 * @param {number} depth
 * @returns {unknown}
 */
function copy(value, depth) {
  if (typeof value !== 'object' || value === null || depth === 0 || !isPlain(value)) return value
  if (Array.isArray(value)) return value.map((item) => copy(item, depth - 1))
  /** @type {Record<string, unknown>} */
  const own = Object.create(null)
  for (const key of Object.keys(value)) own[key] = copy(value[key], depth - 1)
  return own
}

/**
 * Whether `same` can see every change of it: there is nothing in it but plain objects, arrays and what is not an object.
 *
 * @param {any} value
 * @param {number} depth
 * @returns {boolean}
 */
function isComparable(value, depth) {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && isPlain(value) && Object.values(value).every((item) => isComparable(item, depth - 1))
}

/**
 * An array, or an object that inherits nothing, or nothing but what every object does, in whatever realm.
 *
 * @param {object} value
 */
function isPlain(value) {
  return Array.isArray(value) || isRoot(Object.getPrototypeOf(value))
}

/**
 * Whether a prototype is the end of the chain, or what every object inherits from. An object made without a prototype may
 * be another's, and has members then that count.
 *
 * @param {object | null} prototype
 */
const isRoot = (prototype) =>
  prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty'))

/**
 * A member of an object itself: what a polluted prototype offers is nobody's option.
 *
 * @param {any} object
 * @param {string} name
 */
const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined)

/**
 * The members of options, to take some out before the rest is parsed.
 *
 * @param {any} options
 * @returns {any}
 */
function ownMembers(options) {
  refuseInherited(options)
  return Object.assign(Object.create(null), options)
}

/**
 * Options that the core does not know, and the rest, which is for the core. What has none of them stays the very thing that
 * was given: if that is no object, the core says so.
 *
 * @param {any} options
 * @param {string[]} names
 * @param {(value: unknown) => boolean} [isOurs]
 * @returns {{ taken: Record<string, any>, rest: any }}
 */
function split(options, names, isOurs = () => true) {
  const rest = ownMembers(options)
  /** @type {Record<string, unknown>} */
  const taken = Object.create(null)
  for (const name of names) {
    if (!Object.hasOwn(rest, name) || !isOurs(rest[name])) continue
    taken[name] = rest[name]
    delete rest[name]
  }
  return { taken, rest: Object.keys(taken).length === 0 ? options : rest }
}

module.exports = { createCore, own, ownMembers, sharedCore, split }
