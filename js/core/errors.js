/** Converts rejections and invalid options, which the native core returns as data, to errors. */

const native = require('./addon')

/** @typedef {import('../native/binding').RejectedRequest} RejectedRequest */
/** @typedef {import('../native/binding').OptionErrorData} OptionErrorData */

/** Prevents applications from constructing an `AuthError`, since codes and messages come only from the core. */
const CONSTRUCTOR_KEY = Symbol('AuthError')

/** Marks every `AuthError` from any copy of the package, including copies loaded after a module reset in tests. */
const AUTH_ERROR_BRAND = Symbol.for('logto-authkit.AuthError')

class AuthError extends Error {
  /**
   * @param {unknown} value
   * @returns {value is AuthError}
   */
  static [Symbol.hasInstance](value) {
    return typeof value === 'object' && value !== null && AUTH_ERROR_BRAND in value
  }

  constructor(/** @type {symbol} */ key, /** @type {RejectedRequest} */ rejected, /** @type {string} */ message) {
    if (key !== CONSTRUCTOR_KEY) throw new TypeError('AuthError cannot be constructed: only logto-authkit creates it')
    super(message, rejected.cause === null ? undefined : { cause: errorFromCause(rejected.cause, rejected.causeCode) })
    this.code = /** @type {import('../..').AuthErrorCode} */ (rejected.code)
    this.status = /** @type {import('../..').AuthError['status']} */ (rejected.status)
    // Fastify and http-errors read `statusCode`.
    this.statusCode = this.status
    this.wwwAuthenticate = rejected.challenge
    /** @type {Record<string, string>} */
    this.headers = { 'Cache-Control': 'no-store' }
    if (rejected.challenge !== null) this.headers['WWW-Authenticate'] = rejected.challenge
    if (rejected.retryAfter !== null) this.headers['Retry-After'] = String(rejected.retryAfter)
    /** @type {Readonly<Record<string, unknown>>} */
    this.details = JSON.parse(rejected.details)
  }

  /** Returns only the properties that clients may see, because applications may serialize the error into a response. */
  toJSON() {
    return { name: 'AuthError', code: this.code, status: this.status, message: this.message }
  }
}
// The brand and the `name` are on the prototype, like the `name` of built-in errors, because own properties would
// appear in every log line.
Object.defineProperty(AuthError.prototype, AUTH_ERROR_BRAND, { value: true })
Object.defineProperty(AuthError.prototype, 'name', { value: 'AuthError', configurable: true, writable: true })

/**
 * @param {RejectedRequest} rejected
 * @param {string} [message] - Replaces the core's message.
 */
const authError = (rejected, message = rejected.message) => new AuthError(CONSTRUCTOR_KEY, rejected, message)

/**
 * Returns the rejection that an error represents.
 *
 * @param {AuthError} error
 */
const rejectionFrom = ({ code, status, message, wwwAuthenticate, details }) => ({
  code,
  status,
  message,
  challenge: wwwAuthenticate,
  details: JSON.stringify(details),
})

/** @type {typeof import('../..').forbidden} */
function forbidden(message) {
  if (message !== undefined && (typeof message !== 'string' || message === '')) {
    throw invalidOption('message', 'a sentence', message)
  }
  return /** @type {any} */ (authError(native.rejection('forbidden', message)))
}

/**
 * Rejections whose challenge must not change any more, so that no later call adds `resource_metadata`.
 *
 * @type {WeakSet<object>}
 */
const finalRejections = new WeakSet()

/**
 * Adds the `resource_metadata` parameter to the challenge (RFC 9728 section 5.1), unless the challenge already has one.
 *
 * @template T
 * @param {T} error
 * @param {string | null} url - Serialized by `URL`, so it contains no quotes or backslashes.
 * @param {boolean} [isFinal] - Whether later calls must not add a URL.
 * @returns {T}
 */
function withResourceMetadata(error, url, isFinal = false) {
  if (!(error instanceof AuthError) || finalRejections.has(error)) return error
  if (isFinal) finalRejections.add(error)
  if (url === null || error.wwwAuthenticate === null) return error
  if (/ resource_metadata="[^"]*"$/.test(error.wwwAuthenticate)) return error
  error.wwwAuthenticate += `, resource_metadata="${url}"`
  error.headers['WWW-Authenticate'] = error.wwwAuthenticate
  return error
}

/**
 * Wraps thrown values that frameworks do not treat as errors: Express and Koa treat `undefined` as success, and Express
 * skips handlers if it receives the string 'route' or 'router'.
 *
 * @param {unknown} thrown
 */
const asError = (thrown) =>
  typeof thrown === 'object' && thrown !== null ? thrown : new Error(`Thrown: ${String(thrown)}`)

/** @type {(message: string, code: string | null) => Error} */
const errorFromCause = (message, code) =>
  code === null ? new Error(message) : Object.assign(new Error(message), { code })

/** @param {string} message */
const optionsError = (message) => Object.assign(new TypeError(message), { code: 'invalid_options' })

/**
 * @param {string} option
 * @param {string} expected
 * @param {unknown} actual
 * @param {boolean} [isSecret] - Whether to hide the value, which may be a token.
 */
const invalidOption = (option, expected, actual, isSecret = false) =>
  optionsError(native.invalidOption(option, expected, actual, isSecret).message)

/**
 * Returns the core's result, or throws if the result describes an invalid option.
 *
 * @template T
 * @param {T | OptionErrorData} result
 * @returns {T}
 */
function valueOrThrow(result) {
  if (typeof result === 'object' && result !== null && Object.hasOwn(result, 'option')) {
    throw optionsError(/** @type {OptionErrorData} */ (result).message)
  }
  return /** @type {T} */ (result)
}

module.exports = {
  AuthError,
  asError,
  authError,
  forbidden,
  invalidOption,
  optionsError,
  valueOrThrow,
  rejectionFrom,
  withResourceMetadata,
}
