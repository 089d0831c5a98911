/**
 * An attempt to verify a token string or the tokens found in a request, with the accepted token if the attempt
 * succeeds.
 */

const { isDate } = require('node:util/types')
const { contract } = require('./contract')
const { invalidOption } = require('./errors')
const { parsedCookie } = require('./request')
const { printError } = require('./warnings')

/** @typedef {import('./options').Parsed} Parsed */
/** @typedef {InstanceType<typeof import('./errors').AuthError>} AuthError */
/** @typedef {ReturnType<import('../native/binding').NativeVerifier['verifyToken']>} Result */

/** @typedef {TokenVerificationAttempt | RequestVerificationAttempt} VerificationAttempt */

const MAX_TOKEN_CHARACTERS = contract().limits.tokenBytes

/** A token that the application passed as a string. */
class TokenVerificationAttempt {
  /** @param {string} token @param {Parsed} parsed @param {boolean} [hasSeveralServers] */
  constructor(token, parsed, hasSeveralServers) {
    this.text = token
    this.hasSeveralServers = hasSeveralServers
    this.parsed = parsed
    /** @type {unknown} */
    this.source = undefined
    /** @type {any} */
    this.extras = undefined
    this.position = 0
    /** @type {AuthError | undefined} */
    this.firstRejection = undefined
    /** @type {VerificationAttempt[] | undefined} */
    this.alternatives = undefined
    // As for an alternative token, the application's `fallback` is not called: it is called only for requests.
    this.isAlternative = true
  }

  verify() {
    const { core, functions } = this.parsed
    const [token, date] = [truncateToken(this.text), now(functions.currentDate)]
    return this.hasSeveralServers
      ? core.verifier.verifyTokenIssuerFirst(token, date)
      : core.verifier.verifyToken(token, date)
  }

  token() {
    return this.text
  }

  requireOrganization() {}

  /** @param {AuthError} error @returns {TokenVerificationAttempt} */
  withRejection(error) {
    printError(error)
    throw error
  }
}

/** The tokens of a request. */
class RequestVerificationAttempt {
  /**
   * The index of the accepted token among the request's tokens. A verification accepts at most one token, so this
   * index does not change after a context has been created.
   */
  position = 0

  /** @type {AuthError | undefined} - The application's rejection of the request's first token. */
  firstRejection = undefined

  /**
   * @type {any} - Request properties that are rarely present. The object has no prototype, because other code could
   * pollute a prototype.
   */
  extras = undefined

  /**
   * @type {RequestVerificationAttempt[] | undefined} - The attempts with the other Logto servers that the request's
   * tokens name as their issuers.
   */
  alternatives = undefined

  /**
   * Whether this attempt verifies an alternative token, whose rejection is not passed to the application's `fallback`.
   */
  isAlternative = false

  /**
   * @param {import('../..').RequestLike} request
   * @param {import('./request').Credentials} credentials
   * @param {Parsed} parsed
   * @param {unknown} source - The framework's request object, which the application's functions receive.
   * @param {boolean} [hasSeveralServers]
   */
  constructor(request, { authorization, cookies }, parsed, source, hasSeveralServers = false) {
    this.authorization = authorization
    this.cookies = cookies
    this.parsed = parsed
    this.source = source
    const { cookieName, guestCookieName } = parsed.core
    const cookie = parsedCookie(request, cookieName)
    const guestCookie = guestCookieName === null ? undefined : parsedCookie(request, guestCookieName)
    if (cookie !== undefined || guestCookie !== undefined || hasSeveralServers) {
      this.extras = { __proto__: null, cookie, guestCookie, checksIssuerFirst: hasSeveralServers }
    }
  }

  /** @param {unknown} token - The value that the application's `getToken` has returned. */
  useToken(token) {
    if (token === null || token === undefined) return
    if (typeof token !== 'string') {
      throw invalidOption('getToken', 'it to return a string, null or undefined', token, true)
    }
    this.extras = { __proto__: null, ...this.extras, token: truncateToken(token) }
  }

  /** @param {string | null} organization - The required organization, if it depends on the request. */
  requireOrganization(organization) {
    const requiredOrganization = { organization: organization ?? undefined, noOrganization: organization === null }
    this.extras = { __proto__: null, ...this.extras, ...requiredOrganization }
  }

  verify() {
    const { core, functions } = this.parsed
    // Passing an object through N-API takes longer than passing several strings.
    return core.verifier.verifyRequest(now(functions.currentDate), this.authorization, this.cookies, this.extras)
  }

  route() {
    return this.parsed.core.verifier.route(this.authorization, this.cookies, this.extras)
  }

  token() {
    return this.parsed.core.verifier.tokenAtPosition(this.position, this.authorization, this.cookies, this.extras)
  }

  /**
   * Returns a copy of this attempt that treats the accepted token as rejected. After a rejection with 401, the core
   * tries the next token of the request. Each further attempt skips the rejected tokens, so there is at most one
   * attempt per token.
   *
   * @param {AuthError} error
   * @returns {RequestVerificationAttempt}
   */
  withRejection(error) {
    const { position } = this
    const rejected = [...(this.extras?.rejected ?? []), { __proto__: null, position, code: error.code }]
    const extras = { __proto__: null, ...this.extras, rejected }
    const firstRejection = position === 0 ? error : this.firstRejection
    return Object.assign(Object.create(RequestVerificationAttempt.prototype), this, {
      position: 0,
      extras,
      firstRejection,
    })
  }
}

/**
 * Truncates a long token to one character more than the maximum, so that the core still rejects the token as too long.
 *
 * @param {string} token
 */
const truncateToken = (token) =>
  token.length > MAX_TOKEN_CHARACTERS ? token.slice(0, MAX_TOKEN_CHARACTERS + 1) : token

/**
 * Returns the time against which tokens are checked, as Unix time in milliseconds. `Date` is looked up on every call,
 * because fake timers in tests replace it.
 *
 * @param {Function | undefined} currentDate - The application's option `currentDate`.
 * @returns {number}
 */
function now(currentDate) {
  if (currentDate === undefined) return Date.now()
  const date = currentDate()
  if (isDate(date) && Number.isFinite(date.getTime())) return date.getTime()
  throw invalidOption('currentDate', 'it to return a valid Date', date)
}

module.exports = { RequestVerificationAttempt, TokenVerificationAttempt, now, truncateToken }
