/** Verifiers, which turn a token or request into a context according to parsed options. */

const { isDate } = require('node:util/types')
const native = require('./addon')
const { trackPending, yieldToOthers } = require('./connections')
const { cachedContext, guestOrThrow, newContext } = require('./context')
const { hasSubscribers, publishKeyFetches, traced } = require('./diagnostics')
const { authError, invalidOption, withResourceMetadata } = require('./errors')
const { contract } = require('./contract')
const { create, own, parse } = require('./options')
const { outcomeOf, scheduleEndOfTurn } = require('./pending')
const { credentials, parsedCookie } = require('./request')
const { isPending } = require('./settle')

/** Maximum length of a token, in characters. */
const MAX_TOKEN_LENGTH = contract().limits.tokenBytes

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('../..').RequestLike} RequestLike */
/** @typedef {import('../..').VerifyAuthOptions} VerifyAuthOptions */
/** @typedef {import('../native/binding').RejectedRequest} RejectedRequest */
/** @typedef {import('./diagnostics').Trace} Trace */
/** @typedef {ReturnType<import('../native/binding').NativeVerifier['verifyToken']>} Result */
/** @typedef {import('./options').Parsed} Parsed */

/** @typedef {import('../..').Verifier} VerifierContract - The public declaration. */

/** @implements {VerifierContract} */
class Verifier {
  /** @type {Parsed} */
  #parsed

  /** @param {Parsed} parsed */
  constructor(parsed) {
    this.#parsed = parsed
  }

  /** @param {string | RequestLike} input */
  async verify(input) {
    try {
      const auth = typeof input === 'string' ? verifyToken(input, this.#parsed) : verifyRequest(input, this.#parsed)
      return isPending(auth) ? await auth : auth
    } catch (error) {
      throw withResourceMetadata(error, this.#parsed.core.resourceMetadata)
    }
  }

  async prefetch() {
    const result = this.#parsed.core.verifier.prefetch()
    const outcome = typeof result === 'number' ? await outcomeOf(result) : result
    publishKeyFetches()
    if (typeof outcome !== 'string') throw authError(/** @type {RejectedRequest} */ (outcome))
  }

  /** @returns {import('../..').VerifierStats} */
  stats() {
    publishKeyFetches()
    const { size, hits, misses, state, ...jwks } = this.#parsed.core.verifier.stats()
    return {
      tokens: { size, hits, misses },
      jwks: { state: /** @type {'empty' | 'fresh' | 'stale'} */ (state), ...jwks },
    }
  }
}

/** @param {VerifyAuthOptions} [options] */
function createVerifier(options) {
  return new Verifier(create('verifier', options))
}

/**
 * @param {string | RequestLike} input
 * @param {VerifyAuthOptions | import('../..').Verifier} [options]
 * @returns {Promise<AuthContext>}
 */
function verifyAuth(input, options) {
  try {
    const verifier = options instanceof Verifier ? options : sharedVerifier(options)
    return verifier.verify(input)
  } catch (error) {
    return Promise.reject(error)
  }
}

/**
 * Returns a verifier that shares its caches with all verifiers created from equal options.
 *
 * @param {unknown} options
 * @param {string} [optionSet] - Name of the option set in the core.
 */
const sharedVerifier = (options, optionSet = 'verifier') => new Verifier(parse(optionSet, options))

/**
 * @param {string} token
 * @param {VerifyAuthOptions | import('../..').Verifier} [options]
 * @returns {Promise<import('../..').AuthenticatedContext>}
 */
async function verifyLogtoToken(token, options) {
  if (token !== undefined && token !== null && typeof token !== 'string') {
    throw new TypeError(`Expected a token (a string), got ${typeof token}`)
  }
  const auth = await verifyAuth(token ?? '', options)
  return /** @type {import('../..').AuthenticatedContext} */ (auth)
}

/** @type {(token: string, parsed: Parsed) => AuthContext | Promise<AuthContext>} */
function verifyToken(token, { core: { verifier }, functions: { currentDate, isRevoked } }) {
  const verify = () => verifier.verifyToken(truncate(token), now(currentDate))
  const rejectAsRevoked = () => native.refusal('token_revoked')
  if (hasSubscribers()) return traced((trace) => contextFrom(verify(), rejectAsRevoked, isRevoked, undefined, trace))
  return contextFrom(verify(), rejectAsRevoked, isRevoked)
}

/**
 * Verifies a request. Returns or throws synchronously unless it has to wait for something.
 *
 * @param {RequestLike} request
 * @param {Parsed} parsed
 * @param {string | null} [organizationId] - Set if it depends on the request.
 * @param {unknown} [source] - The framework's request object, which the application's functions receive.
 * @returns {AuthContext | Promise<AuthContext>}
 */
const verifyRequest = (request, parsed, organizationId, source = request) =>
  hasSubscribers()
    ? traced((trace) => checkRequest(request, parsed, organizationId, source, trace))
    : checkRequest(request, parsed, organizationId, source)

/**
 * @param {RequestLike} request
 * @param {Parsed} parsed
 * @param {string | null | undefined} organizationId
 * @param {unknown} source
 * @param {Trace} [trace]
 */
function checkRequest(request, { core, functions }, organizationId, source, trace) {
  const { currentDate, getToken, isRevoked } = functions
  const { authorization, cookies } = credentials(request)
  const token = getToken === undefined ? undefined : applicationToken(getToken(source))
  const cookie = parsedCookie(request, core.cookieName)
  const guestCookie = core.guestCookieName === null ? undefined : parsedCookie(request, core.guestCookieName)
  const hasHeadersOnly =
    token === undefined && cookie === undefined && guestCookie === undefined && organizationId === undefined
  const noOrganization = organizationId === null
  const organization = organizationId ?? undefined
  /** @param {number} revokedCount - Number of the request's tokens to skip. */
  const verify = (revokedCount) => {
    // Passing one object through N-API takes longer than passing all the strings.
    /** @type {any} */
    const extras =
      hasHeadersOnly && revokedCount === 0
        ? undefined
        : { token, cookie, guestCookie, organization, noOrganization, revoked: revokedCount }
    return core.verifier.verifyRequest(now(currentDate), authorization, cookies, extras)
  }
  return contextFrom(verify(0), verify, isRevoked, source, trace)
}

/**
 * Turns a native result into a context, or throws the rejection.
 *
 * @param {Result} result
 * @param {(revokedCount: number) => Result} verifyNext - Verifies the next token if this one is revoked, as after any other 401.
 * @param {Function | undefined} isRevoked
 * @param {unknown} [source] - The request, whose client may disconnect.
 * @param {Trace} [trace]
 * @param {number} [revokedCount]
 * @returns {AuthContext | Promise<AuthContext>}
 */
function contextFrom(result, verifyNext, isRevoked, source, trace, revokedCount = 0) {
  if (typeof result === 'number') {
    if (isPendingId(result)) {
      const outcome = outcomeOf(result)
      if (source !== undefined) trackPending(source, result, outcome)
      return outcome.then((settled) => contextFrom(settled, verifyNext, isRevoked, source, trace, revokedCount))
    }
    if (isRevoked === undefined && trace === undefined) return cachedContext(result)
  }
  if (source !== undefined && own(result, 'code') === 'overloaded') yieldToOthers(source)
  if (trace !== undefined) trace.cached = typeof result === 'number' || own(result, 'cached') === true
  const auth = contextFromSettled(result)
  if (auth.isGuest) return auth
  if (isRevoked === undefined) return typeof result === 'number' ? auth : deferred(auth)
  return unlessRevoked(auth, isRevoked, () =>
    contextFrom(verifyNext(revokedCount + 1), verifyNext, isRevoked, source, trace, revokedCount + 1),
  )
}

/** @type {(auth: AuthContext, isRevoked: Function, verifyNext: () => AuthContext | Promise<AuthContext>) => Promise<AuthContext>} */
const unlessRevoked = async (auth, isRevoked, verifyNext) => ((await isRevoked(auth)) ? verifyNext() : auth)

/**
 * Defers the context of a new token by a microtask, so that timing does not depend on which thread checks the signature.
 *
 * @param {AuthContext} auth
 */
const deferred = async (auth) => auth

/**
 * Returns whether a number is the id of a verification that continues on another thread, not of a cached token.
 *
 * @param {number} id
 */
const isPendingId = (id) => id < 0

/** @param {Result} result */
function contextFromSettled(result) {
  if (typeof result === 'number') return cachedContext(result)
  if (typeof result === 'string') return newContext(result)
  if (result.slow) scheduleEndOfTurn()
  // Check own properties only, because a polluted prototype must not turn a rejection into a context.
  return Object.hasOwn(result, 'context')
    ? newContext(/** @type {any} */ (result).context)
    : guestOrThrow(/** @type {RejectedRequest} */ (result))
}

/**
 * Cuts a token that is too long. One extra character is enough for the core to reject it, so the rest is not copied.
 *
 * @param {string} token
 */
const truncate = (token) => (token.length > MAX_TOKEN_LENGTH ? token.slice(0, MAX_TOKEN_LENGTH + 1) : token)

/**
 * Returns the date against which tokens are checked, in milliseconds since 1970. `Date` is looked up each time, because fake
 * timers in tests replace it.
 *
 * @param {Function | undefined} currentDate - The application's option.
 * @returns {number}
 */
function now(currentDate) {
  if (currentDate === undefined) return Date.now()
  const date = currentDate()
  if (isDate(date) && Number.isFinite(date.getTime())) return date.getTime()
  throw invalidOption('currentDate', 'it to return a valid Date', date)
}

/**
 * @param {unknown} token - The value returned by the application's `getToken`.
 * @returns {string | undefined}
 */
function applicationToken(token) {
  if (token === null || token === undefined) return undefined
  if (typeof token === 'string') return truncate(token)
  throw invalidOption('getToken', 'it to return a string, null or undefined', token, true)
}

module.exports = { createVerifier, sharedVerifier, verifyAuth, verifyLogtoToken, verifyRequest }
