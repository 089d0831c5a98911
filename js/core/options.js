/**
 * Parses equal options only once: `verifyAuth(request, { … })` with a new literal for every request costs only a comparison,
 * and memory usage stays bounded.
 */

const native = require('./addon')
const { NO_VARIABLES, environmentFor, optionsOrNone } = require('./environment')
const { orThrow } = require('./errors')
const { completions } = require('./pending')
const { isRevocations, withRevocationsId } = require('./revocations')

/** Maximum number of index keys. An application needs about one per options literal, unless it computes options. */
const MAX_ENTRIES = 1000

/** Maximum number of entries per index key. The key covers only the options that usually differ. */
const MAX_PER_KEY = 16

/** Number of recent entries to compare before using the index. Most applications have no more. */
const MAX_RECENT = 4

/** Maximum nesting depth to compare and copy. The core reads fewer levels. */
const MAX_DEPTH = 8

/**
 * @typedef {{
 *   verifier: import('../native/binding').NativeVerifier,
 *   cookieName: string,
 *   guestCookieName: string | null,
 *   resourceMetadata: string | null,
 * }} Core
 */

/**
 * @typedef {object} Parsed
 * @property {Core} core - Shared by equal options.
 * @property {Readonly<Record<string, any>>} options - A snapshot, so later changes to the caller's object have no effect.
 * @property {Readonly<Functions>} functions - This caller's options that are functions.
 */

/** @typedef {import('./environment').Environment} Environment */
/** @typedef {{ environment: Environment | null }} WithEnvironment - The variables that replace missing options. */
/** @typedef {Omit<Parsed, 'functions'> & WithEnvironment & { optionSet: string, keys: string[] }} Entry */

/** @type {Map<string, Entry[]>} - least recently used first */
const entriesByKey = new Map()

/** @type {Entry[]} - most recently used first */
const recent = []

/**
 * Parses the options of an option set. Equal options share a core.
 *
 * @type {(optionSet: string, options: unknown) => Parsed}
 */
function parse(optionSet, given) {
  const options = optionsOrNone(optionSet, given)
  for (let i = 0; i < recent.length; i += 1) {
    const functions = match(recent[i], optionSet, options)
    if (functions !== null) return { core: recent[i].core, options: recent[i].options, functions }
  }
  const key = indexKey(optionSet, options)
  const entries = entriesByKey.get(key) ?? []
  for (const entry of entries) {
    const functions = match(entry, optionSet, options)
    if (functions === null) continue
    touch(key, entries, entry)
    return { core: entry.core, options: entry.options, functions }
  }
  const parsed = create(optionSet, options)
  // Options with values that cannot be compared (class instances, dates) are parsed every time.
  if (isPlain(/** @type {object} */ (options)) && isComparable(parsed.options, MAX_DEPTH)) {
    const { functions: _, ...cached } = parsed
    const entry = { optionSet, keys: Object.keys(parsed.options), ...cached }
    touch(key, [entry, ...entries.slice(0, MAX_PER_KEY - 1)], entry)
    if (entriesByKey.size > MAX_ENTRIES) entriesByKey.delete(entriesByKey.keys().next().value ?? '')
  }
  return parsed
}

/** @type {(key: string, entries: Entry[], used: Entry) => void} */
function touch(key, entries, used) {
  entriesByKey.delete(key)
  entriesByKey.set(key, entries)
  recent.unshift(used)
  recent.length = Math.min(recent.length, MAX_RECENT)
}

/**
 * @param {string} optionSet
 * @param {any} options
 */
function indexKey(optionSet, options) {
  let key = optionSet
  if (typeof options !== 'object' || options === null) return key
  for (const name of ['logtoUrl', 'audience', 'requiredScope', 'organizationId']) {
    const value = own(options, name)
    key += typeof value === 'string' ? `\n${value}` : '\n'
  }
  return key
}

/** @typedef {{ [name in 'currentDate' | 'getToken' | 'isRevoked' | 'next' | 'onError' | 'organizationId' | 'signInUrl']: Function | undefined }} Functions */

/**
 * Has one shape and every name as an own member: it is read on every request, and must not show a polluted prototype.
 *
 * @returns {Functions}
 */
const noFunctions = () => ({
  currentDate: undefined,
  getToken: undefined,
  isRevoked: undefined,
  next: undefined,
  onError: undefined,
  organizationId: undefined,
  signInUrl: undefined,
})

const WITHOUT_FUNCTIONS = noFunctions()

/**
 * Compares options with those of an entry. Returns the functions among them, each read only once, or null if they differ.
 *
 * @param {Entry} entry
 * @param {string} optionSet
 * @param {any} options
 * @returns {Functions | null}
 */
function match(entry, optionSet, options) {
  if (entry.optionSet !== optionSet || typeof options !== 'object' || options === null || Array.isArray(options))
    return null
  if (!isPlain(options)) return null
  const { keys, options: cachedOptions } = entry
  if (keys.length !== namesOf(options).length) return null
  let functions = WITHOUT_FUNCTIONS
  for (const key of keys) {
    if (!Object.hasOwn(options, key)) return null
    const value = options[key]
    if (!isEqual(cachedOptions[key], value, MAX_DEPTH)) return null
    if (typeof value === 'function') {
      if (functions === WITHOUT_FUNCTIONS) functions = noFunctions()
      functions[/** @type {keyof Functions} */ (key)] = value
    }
  }
  const { environment } = entry
  if (environment !== null && !isEqual(environment, environmentFor(optionSet, cachedOptions), 1)) return null
  return functions
}

/**
 * Parses options into a new core, which is not shared.
 *
 * @type {(optionSet: string, options: unknown) => Parsed & WithEnvironment}
 */
function create(optionSet, options) {
  const members = snapshot(optionsOrNone(optionSet, options))
  const environment = environmentFor(optionSet, members)
  const verifier = orThrow(
    native.createVerifier(optionSet, withRevocationsId(members), completions, /** @type {any} */ (environment ?? NO_VARIABLES)),
  )
  const insecureUrl = verifier.takeWarning()
  if (insecureUrl !== null) {
    process.emitWarning(
      `Keys are fetched from ${insecureUrl} over plain http, so anyone on the network path can replace them`,
      {
        type: 'SecurityWarning',
        code: 'LOGTO_AUTHKIT_PLAIN_HTTP',
      },
    )
  }
  const { cookieName, guestCookieName, resourceMetadata } = verifier
  const functions = noFunctions()
  for (const [name, value] of Object.entries(members)) {
    if (typeof value === 'function') functions[/** @type {keyof Functions} */ (name)] = value
  }
  return { core: { verifier, cookieName, guestCookieName, resourceMetadata }, options: members, environment, functions }
}

/**
 * Checks options against an option set, and returns a snapshot of them.
 *
 * @param {string} optionSet
 * @param {unknown} options
 * @returns {Record<string, any>}
 */
function check(optionSet, options) {
  const members = snapshot(options)
  orThrow(native.checkOptions(optionSet, withRevocationsId(members)))
  return members ?? Object.create(null)
}

/**
 * Copies options, so that the core and JavaScript read the same values even if the object has accessors or changes later.
 * Throws if any option is inherited.
 *
 * @param {unknown} options
 * @returns {any}
 */
function snapshot(options) {
  rejectInherited(options)
  return deepCopy(options, MAX_DEPTH, true)
}

/**
 * Throws if any option is inherited, for example from a class. Silently ignoring it could drop a requirement.
 *
 * @param {unknown} options
 */
function rejectInherited(options) {
  if (typeof options !== 'object' || options === null || isPlain(options)) return
  for (let from = Object.getPrototypeOf(options); !isRoot(from); from = Object.getPrototypeOf(from)) {
    const option = Object.getOwnPropertyNames(from).find((name) => name !== 'constructor')
    if (option !== undefined) orThrow(native.inheritedOption(option))
  }
}

/**
 * Returns whether two values result in the same core. All functions are equal, since the core never calls them.
 *
 * @param {any} a - A value for which `isComparable` is true.
 * @param {any} b
 * @param {number} depth
 * @returns {boolean}
 */
function isEqual(a, b, depth) {
  if (Object.is(a, b)) return true
  if (typeof a !== typeof b || depth === 0) return false
  if (typeof a === 'function') return true
  if (typeof a !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b) || !isPlain(b))
    return false
  const keys = namesOf(a)
  if (keys.length !== namesOf(b).length) return false
  for (const key of keys) if (!Object.hasOwn(b, key) || !isEqual(a[key], b[key], depth - 1)) return false
  return true
}

/**
 * Makes a deep copy of plain objects and arrays. Other values are not copied.
 *
 * @type {(value: any, depth: number, isOptions?: boolean) => unknown}
 */
function deepCopy(value, depth, isOptions = false) {
  if (typeof value !== 'object' || value === null || depth === 0) return value
  if (Array.isArray(value)) return value.map((item) => deepCopy(item, depth - 1))
  // The options object itself may be a class instance, as long as it inherits no options.
  if (!isOptions && !isPlain(value)) return value
  /** @type {Record<string, unknown>} */
  const members = Object.create(null)
  for (const name of namesOf(value)) members[name] = deepCopy(value[name], depth - 1)
  return members
}

/**
 * Returns the names of an object's own members. An option counts even if it is not enumerable: it may be a requirement.
 *
 * @type {(object: object) => string[]}
 */
const namesOf = Object.getOwnPropertyNames

/**
 * Returns whether `isEqual` can detect every change in a value.
 *
 * @type {(value: any, depth: number) => boolean}
 */
function isComparable(value, depth) {
  if (typeof value !== 'object' || value === null || isRevocations(value)) return true
  return depth > 0 && isPlain(value) && Object.values(value).every((item) => isComparable(item, depth - 1))
}

/**
 * Returns whether this is an array, or an object that inherits only from the `Object.prototype` of any realm.
 *
 * @param {object} value
 */
const isPlain = (value) => Array.isArray(value) || isRoot(Object.getPrototypeOf(value))

/**
 * Returns whether this is `null` or an `Object.prototype`. Other objects without a prototype, such as `Object.create(null)`,
 * are not, so their members count as inherited options.
 *
 * @param {object | null} prototype
 */
const isRoot = (prototype) =>
  prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty'))

/**
 * Returns an own property, and ignores any that a polluted prototype adds.
 *
 * @type {(object: any, name: string) => any}
 */
const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined)

module.exports = { check, create, own, parse, snapshot }
