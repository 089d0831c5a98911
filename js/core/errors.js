/** What the native core's failures, which cross as data, become in JavaScript. */

/** @typedef {import('../native/binding').Refused} Refused */
/** @typedef {import('../native/binding').OptionsFault} OptionsFault */

/** Only this module and what it is given to may make an `AuthError`: its codes and texts come from one table. */
const KEY = Symbol('AuthError')

class AuthError extends Error {
  /**
   * @param {symbol} key
   * @param {Refused} refused
   * @param {string} message
   */
  constructor(key, refused, message) {
    if (key !== KEY) throw new TypeError('AuthError cannot be constructed: it comes from verifications')
    super(message, refused.cause === null ? undefined : { cause: new Error(refused.cause) })
    this.code = /** @type {import('../..').AuthErrorCode} */ (refused.code)
    this.status = /** @type {import('../..').AuthError['status']} */ (refused.status)
    this.wwwAuthenticate = refused.challenge
    /** @type {Record<string, string>} */
    this.headers = { 'Cache-Control': 'no-store' }
    if (refused.challenge !== null) this.headers['WWW-Authenticate'] = refused.challenge
    if (refused.retryAfter !== null) this.headers['Retry-After'] = String(refused.retryAfter)
    /** @type {Readonly<Record<string, unknown>>} */
    this.details = JSON.parse(refused.details)
  }

  /** What may be shown, for an error that is put into an answer as it is. */
  toJSON() {
    return { name: 'AuthError', code: this.code, status: this.status, message: this.message }
  }
}
// On the prototype, as with the errors of the language: an own property would show in every log line.
Object.defineProperty(AuthError.prototype, 'name', { value: 'AuthError', configurable: true, writable: true })

/**
 * @param {Refused} refused
 * @param {string} [message] - Instead of the table's.
 */
const authError = (refused, message = refused.message) => new AuthError(KEY, refused, message)

/**
 * Tells the client where it learns who grants tokens for this resource (RFC 9728 section 5.1), unless it is told already.
 *
 * @template T
 * @param {T} error
 * @param {string | undefined} address - That of a parsed URL without a query: no quote, no backslash.
 * @returns {T}
 */
function challenged(error, address) {
  if (address === undefined || !(error instanceof AuthError) || error.wwwAuthenticate === null) return error
  if (/ resource_metadata="[^"]*"$/.test(error.wwwAuthenticate)) return error
  error.wwwAuthenticate += `${error.wwwAuthenticate === 'Bearer' ? ' ' : ', '}resource_metadata="${address}"`
  error.headers['WWW-Authenticate'] = error.wwwAuthenticate
  return error
}

/**
 * The error of a wrong option.
 *
 * @param {string} message
 */
const optionsError = (message) => Object.assign(new TypeError(message), { code: 'invalid_options' })

/**
 * The same, of one that is not what is wanted.
 *
 * @param {string} option
 * @param {string} wanted
 * @param {unknown} given
 */
const wrongOption = (option, wanted, given) =>
  optionsError(`Invalid option "${option}": expected ${wanted}, got ${described(given)}`)

/**
 * The same, of one that there is not.
 *
 * @param {string} option
 * @param {string[]} known
 */
const unknownOption = (option, known) =>
  optionsError(`Unknown option ${JSON.stringify(option)}: known options are ${known.join(', ')}`)

/**
 * What was given, in the core's words. What is in an array or an object is not shown: it may be a token.
 *
 * @param {unknown} given
 */
function described(given) {
  if (given === '') return 'an empty string'
  if (typeof given === 'string') return JSON.stringify(given)
  if (typeof given === 'function') return 'a function'
  if (typeof given !== 'object' || given === null) return String(given)
  return Array.isArray(given) ? 'an array' : 'an object'
}

/**
 * What the core answered, unless it is a wrong option.
 *
 * @template T
 * @param {T | OptionsFault} answer
 * @returns {T}
 */
function orThrow(answer) {
  if (typeof answer === 'object' && answer !== null && Object.hasOwn(answer, 'option')) {
    throw optionsError(/** @type {OptionsFault} */ (answer).message)
  }
  return /** @type {T} */ (answer)
}

module.exports = { AuthError, authError, challenged, optionsError, orThrow, unknownOption, wrongOption }
