/**
 * Parses equal options only once. `verifyAuth(request, { … })` with a new literal for every request costs only a
 * comparison, and memory usage stays bounded.
 */

const native = require('./addon')
const { NO_VARIABLES, environmentFor, optionsOrEmpty, withMissingOptionHint } = require('./environment')
const { optionsError, valueOrThrow } = require('./errors')
const { outcomeQueue } = require('./pending')
const { usedRevocations, withRevocationsId } = require('./revocations')
const {
  deepCopy,
  isComparable,
  isEqual,
  isPlainObjectOrArray,
  isObjectPrototype,
  ownNames,
  ownProperty,
} = require('./plain')
const { plainSchema, validatorOf } = require('./schema')
const { isVerifier } = require('./shared')

/**
 * Maximum number of cache keys. An application needs about one cache key for each place in its code that passes
 * options, unless the options differ from request to request.
 */
const MAX_CACHE_KEYS = 1000

/**
 * Maximum number of options objects that are cached under the same key. Different options objects can have the same
 * key, because the key contains only the options that usually differ.
 */
const MAX_ENTRIES_PER_KEY = 16

/**
 * How many of the most recently used options objects are compared with the given one before a cache key is computed.
 * Most applications pass at most four different options objects.
 */
const MAX_RECENT_ENTRIES = 4

/** Maximum nesting depth to which options are compared and copied, which is deeper than the core reads. */
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
 * @property {Core} core - Shared by all callers with equal options.
 * @property {Readonly<Record<string, any>>} options - A snapshot of the options, so that later changes to the caller's
 * object have no effect.
 * @property {Readonly<OptionFunctions>} functions - The functions that this caller passed.
 * @property {Parsed[] | undefined} servers - The parsed options of each Logto server, if there are several servers. All
 * other properties apply to the first server.
 */

/** @typedef {import('./environment').Environment} Environment */
/**
 * @typedef {{ environment: Environment | null }} WithEnvironment - The values of the environment variables that stand
 * in for missing options.
 */
/** @typedef {Omit<Parsed, 'functions'> & WithEnvironment & { optionSet: string, keys: string[] }} Entry */

/** @type {Map<string, Entry[]>} - The least recently used entry comes first. */
const entriesByKey = new Map()

/** @type {Entry[]} - The most recently used entry comes first. */
const recentEntries = []

/**
 * Parses options according to an option set. Callers with equal options share one native verifier.
 *
 * @type {(optionSet: string, options: unknown) => Parsed}
 */
function parse(optionSet, given) {
  const options = optionsOrEmpty(optionSet, given)
  for (let i = 0; i < recentEntries.length; i += 1) {
    // A getter in the given options may call `parse`, which reorders `recentEntries`, so the entry is read first.
    const entry = recentEntries[i]
    const functions = matchingFunctions(entry, optionSet, options)
    if (functions !== null) return { core: entry.core, options: entry.options, functions, servers: undefined }
  }
  const key = cacheKeyOf(optionSet, options)
  const entries = entriesByKey.get(key) ?? []
  for (const entry of entries) {
    const functions = matchingFunctions(entry, optionSet, options)
    if (functions === null) continue
    markAsUsed(key, entries, entry)
    return { core: entry.core, options: entry.options, functions, servers: undefined }
  }
  const parsed = create(optionSet, options)
  // Options with values that cannot be compared (instances of classes, dates) are parsed every time.
  if (isPlainObjectOrArray(/** @type {object} */ (options)) && isComparable(parsed.options, MAX_DEPTH)) {
    const { functions: _, ...cached } = parsed
    const entry = { optionSet, keys: Object.keys(parsed.options), ...cached }
    markAsUsed(key, [entry, ...entries.slice(0, MAX_ENTRIES_PER_KEY - 1)], entry)
    if (entriesByKey.size > MAX_CACHE_KEYS) entriesByKey.delete(entriesByKey.keys().next().value ?? '')
  }
  return parsed
}

/** @type {(key: string, entries: Entry[], used: Entry) => void} */
function markAsUsed(key, entries, used) {
  entriesByKey.delete(key)
  entriesByKey.set(key, entries)
  recentEntries.unshift(used)
  recentEntries.length = Math.min(recentEntries.length, MAX_RECENT_ENTRIES)
}

/**
 * @param {string} optionSet
 * @param {any} options
 */
function cacheKeyOf(optionSet, options) {
  let key = optionSet
  if (typeof options !== 'object' || options === null) return key
  for (const name of ['logtoUrl', 'audience', 'requiredScope', 'organizationId']) {
    const value = ownProperty(options, name)
    key += typeof value === 'string' ? `\n${value}` : '\n'
  }
  return key
}

/** @typedef {'check' | 'claims' | 'currentDate' | 'fallback' | 'getToken' | 'isRevoked' | 'next' | 'onError' | 'onRefused' | 'organizationId' | 'signInUrl'} FunctionName */
/** @typedef {{ [name in FunctionName]: Function | undefined }} OptionFunctions */

/**
 * The object always has the same properties, which makes reading them fast on every request. Every property is an own
 * property, because other code could pollute the prototype.
 *
 * @returns {OptionFunctions}
 */
const newOptionFunctions = () => ({
  check: undefined,
  claims: undefined,
  currentDate: undefined,
  fallback: undefined,
  getToken: undefined,
  isRevoked: undefined,
  next: undefined,
  onError: undefined,
  onRefused: undefined,
  organizationId: undefined,
  signInUrl: undefined,
})

const NO_OPTION_FUNCTIONS = newOptionFunctions()

/**
 * Returns the functions in the given options if these options equal those in a cache entry, otherwise null. Every
 * option is read only once, because a getter may return another value the next time.
 *
 * @param {Entry} entry
 * @param {string} optionSet
 * @param {any} options
 * @returns {OptionFunctions | null}
 */
function matchingFunctions(entry, optionSet, options) {
  if (entry.optionSet !== optionSet || typeof options !== 'object' || options === null || Array.isArray(options))
    return null
  if (!isPlainObjectOrArray(options)) return null
  const { keys, options: cachedOptions } = entry
  if (keys.length !== ownNames(options).length) return null
  let functions = NO_OPTION_FUNCTIONS
  for (const key of keys) {
    if (!Object.hasOwn(options, key)) return null
    const value = key === 'claims' ? plainSchema(options[key]) : options[key]
    if (!isEqual(cachedOptions[key], value, MAX_DEPTH)) return null
    const optionFunction = key === 'claims' && value !== undefined ? validatorOf(value) : value
    if (typeof optionFunction === 'function') {
      if (functions === NO_OPTION_FUNCTIONS) functions = newOptionFunctions()
      functions[/** @type {FunctionName} */ (key)] = optionFunction
    }
  }
  const { environment } = entry
  if (environment !== null && !isEqual(environment, environmentFor(optionSet, cachedOptions), 1)) return null
  return functions
}

/**
 * Parses options, and creates a native verifier that is not shared. Warns if the keys are fetched over plain http.
 *
 * @type {(optionSet: string, options: unknown) => Parsed & WithEnvironment}
 */
function create(optionSet, options) {
  const parsed = createWithoutWarning(optionSet, options)
  const insecureUrl = parsed.core.verifier.takeWarning()
  if (insecureUrl !== null) {
    process.emitWarning(
      `Keys are fetched from ${insecureUrl} over plain http, so anyone on the network path can replace them. Use https`,
      { type: 'SecurityWarning', code: 'LOGTO_AUTHKIT_PLAIN_HTTP' },
    )
  }
  return parsed
}

/** @type {typeof create} */
function createWithoutWarning(optionSet, options) {
  const members = snapshot(optionsOrEmpty(optionSet, options))
  const environment = environmentFor(optionSet, members)
  const result = native.createVerifier(optionSet, withRevocationsId(members), outcomeQueue, environment ?? NO_VARIABLES)
  const verifier = valueOrThrow(withMissingOptionHint(result, optionSet, members))
  if (members.revocations !== undefined) usedRevocations.add(members.revocations)
  const { cookieName, guestCookieName, resourceMetadata } = verifier
  const functions = newOptionFunctions()
  for (const [name, value] of Object.entries(members)) {
    if (typeof value === 'function') functions[/** @type {FunctionName} */ (name)] = value
  }
  if (members.claims !== undefined) functions.claims = validatorOf(members.claims)
  const core = { verifier, cookieName, guestCookieName, resourceMetadata }
  return { core, options: members, environment, functions, servers: undefined }
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
  const environment = environmentFor(optionSet, members) ?? NO_VARIABLES
  const result = native.checkOptions(optionSet, withRevocationsId(members), environment)
  valueOrThrow(withMissingOptionHint(result, optionSet, members))
  return members ?? Object.create(null)
}

/**
 * Copies options, so that the core and JavaScript read the same values even if the object has accessors or changes
 * later. Throws if any option is inherited.
 *
 * @param {unknown} options
 * @returns {any}
 */
function snapshot(options) {
  if (isVerifier(options)) {
    throw optionsError('Invalid options: expected an object, got a verifier. Pass the options that it was created from')
  }
  rejectInherited(options)
  if (typeof options === 'object' && options !== null)
    rejectInherited(ownProperty(options, 'guestCookie'), 'guestCookie.')
  return deepCopy(options, MAX_DEPTH, true)
}

/**
 * Throws if any option is inherited, for example from a class. Silently ignoring an inherited option could remove a
 * requirement.
 *
 * @param {unknown} options
 * @param {string} [prefix] - The option that contains these options.
 */
function rejectInherited(options, prefix = '') {
  if (typeof options !== 'object' || options === null || isPlainObjectOrArray(options)) return
  for (let proto = Object.getPrototypeOf(options); !isObjectPrototype(proto); proto = Object.getPrototypeOf(proto)) {
    const option = Object.getOwnPropertyNames(proto).find((name) => name !== 'constructor')
    if (option !== undefined) valueOrThrow(native.inheritedOption(prefix + option))
  }
}

module.exports = { check, create, createWithoutWarning, parse, snapshot }
