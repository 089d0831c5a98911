/** Verifiers: parsed options, and the way from an input to a context. */

const { isPromise } = require('node:util/types')
const native = require('./addon')
const { context, guestOrThrow, seenContext } = require('./context')
const { isWatched, tellKeyFetches, watched } = require('./diagnostics')
const { authError, challenged, wrongOption } = require('./errors')
const { credentials, parsedCookie } = require('./request')
const { createCore, own, sharedCore } = require('./options')
const { doneElsewhere, doneHere, mayBeHere } = require('./inline-checks')

/** Longest token that the core looks at, in characters. */
const LONGEST_TOKEN = 16 * 1024

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('../..').RequestLike} RequestLike */
/** @typedef {import('../..').VerifyAuthOptions} VerifyAuthOptions */
/** @typedef {import('../native/binding').Refused} Refused */
/** @typedef {import('./diagnostics').Watch} Watch */
/** @typedef {ReturnType<import('../native/binding').NativeVerifier['verifyToken']>} Answer */
/** @typedef {import('./options').Core} Core */
/** @typedef {{ core: Core, getToken?: Function | undefined, isRevoked?: Function | undefined, resourceMetadata?: string | undefined }} Parsed */

/** @typedef {import('../..').Verifier} VerifierContract */

/** @implements {VerifierContract} */
class Verifier {
  /** @type {Parsed} */
  #parsed

  /** @param {Parsed} parsed */
  constructor(parsed) {
    this.#parsed = parsed
  }

  /** @param {string | RequestLike} input */
  verify(input) {
    const auth = typeof input === 'string' ? verifyToken(input, this.#parsed) : promised(input, this.#parsed)
    const { resourceMetadata } = this.#parsed
    if (resourceMetadata === undefined) return auth
    return auth.catch((error) => Promise.reject(challenged(error, resourceMetadata)))
  }

  async prefetch() {
    const outcome = await this.#parsed.core.verifier.prefetch()
    tellKeyFetches()
    if (typeof outcome !== 'string') throw authError(/** @type {Refused} */ (outcome))
  }

  /** @returns {import('../..').VerifierStats} */
  stats() {
    tellKeyFetches()
    const { size, hits, misses, state, keys, fetches, failures, fetchedAt, lastError } =
      this.#parsed.core.verifier.stats()
    return {
      tokens: { size, hits, misses },
      jwks: {
        state: /** @type {'empty' | 'fresh' | 'stale'} */ (state),
        keys,
        fetches,
        failures,
        fetchedAt,
        lastError,
      },
    }
  }
}

/** @param {VerifyAuthOptions} options */
function createVerifier(options) {
  return new Verifier(withFunctions(createCore(options), options))
}

/**
 * @param {string | RequestLike} input
 * @param {VerifyAuthOptions | import('../..').Verifier} options
 * @returns {Promise<AuthContext>}
 */
function verifyAuth(input, options) {
  try {
    const verifier = options instanceof Verifier ? options : sharedVerifier(/** @type {VerifyAuthOptions} */ (options))
    return verifier.verify(input)
  } catch (error) {
    return Promise.reject(error)
  }
}

/**
 * A verifier that shares everything with others of equal options.
 *
 * @param {VerifyAuthOptions} options
 */
function sharedVerifier(options) {
  return new Verifier(parse(options))
}

/**
 * @param {string} token
 * @param {VerifyAuthOptions | import('../..').Verifier} options
 * @returns {Promise<import('../..').AuthenticatedContext>}
 */
async function verifyLogtoToken(token, options) {
  if (token !== undefined && token !== null && typeof token !== 'string') {
    throw new TypeError(`Expected a token (a string), got ${typeof token}`)
  }
  const auth = await verifyAuth(token ?? '', options)
  return /** @type {import('../..').AuthenticatedContext} */ (auth)
}

/**
 * For callers that may have the same options on every request: equal ones are parsed once.
 *
 * @param {VerifyAuthOptions} options
 * @returns {Parsed}
 */
function parse(options) {
  return withFunctions(sharedCore(options), options)
}

/**
 * @param {Core} core
 * @param {any} options
 * @returns {Parsed}
 */
function withFunctions(core, options) {
  const metadata = own(options, 'resourceMetadata')
  return {
    core,
    getToken: own(options, 'getToken'),
    isRevoked: own(options, 'isRevoked'),
    resourceMetadata: metadata === undefined ? undefined : new URL(metadata).href,
  }
}

/**
 * @param {string} token
 * @param {Parsed} parsed
 */
const verifyToken = (token, parsed) =>
  isWatched() ? watched((watch) => checkToken(token, parsed, watch)) : checkToken(token, parsed)

/**
 * @param {RequestLike} request
 * @param {Parsed} parsed
 * @param {string | null} [organizationId] - The organization that this request is about, where that depends on it.
 * @param {unknown} [original] - The framework's own request, for the application's functions.
 */
const verifyRequest = (request, parsed, organizationId, original) =>
  isWatched()
    ? watched((watch) => checkRequest(request, parsed, organizationId, original, watch))
    : checkRequest(request, parsed, organizationId, original)

/** @param {RequestLike} request @param {Parsed} parsed @returns {Promise<AuthContext>} */
const promised = async (request, parsed) => verifyRequest(request, parsed)

/**
 * @param {string} token
 * @param {Parsed} parsed
 * @param {Watch} [watch]
 * @returns {Promise<AuthContext>}
 */
async function checkToken(token, { core: { verifier }, isRevoked }, watch) {
  const answer = verifier.verifyToken(capped(token), mayBeHere())
  const auth = typeof answer === 'number' && watch === undefined ? seenContext(answer) : await settled(answer, watch)
  if (isRefused(auth)) throw authError(auth)
  if (isRevoked !== undefined && (await isRevoked(auth))) throw authError(native.refusal('token_revoked'))
  return auth
}

/**
 * At once where nothing has to be waited for: the token was seen before. Then it may throw, too.
 *
 * @param {RequestLike} request
 * @param {Parsed} parsed
 * @param {string | null} [organizationId]
 * @param {unknown} [original]
 * @param {Watch} [watch]
 * @returns {AuthContext | Promise<AuthContext>}
 */
function checkRequest(request, parsed, organizationId, original = request, watch) {
  const { core, getToken, isRevoked } = parsed
  const { values, cookies } = credentials(request)
  const token = getToken === undefined ? undefined : ownToken(getToken, original)
  const cookie = parsedCookie(request, core.cookieName)
  const guestCookie = core.guestCookieName === null ? undefined : parsedCookie(request, core.guestCookieName)
  const isPlain =
    token === undefined && cookie === undefined && guestCookie === undefined && organizationId === undefined
  const noOrganization = organizationId === null
  const organization = organizationId ?? undefined
  /** @param {number} revoked */
  const ask = (revoked) => {
    // An object takes longer to cross than all the strings.
    /** @type {any} */
    const rest =
      isPlain && revoked === 0 ? undefined : { token, cookie, guestCookie, organization, noOrganization, revoked }
    return core.verifier.verifyRequest(mayBeHere(), values, cookies, rest)
  }
  const first = ask(0)
  if (typeof first === 'number' && watch === undefined && isRevoked === undefined) return seenContext(first)
  return checkAnswer(first, ask, isRevoked, watch)
}

/**
 * A revoked token is refused like any other with a 401: the other source is tried, which may hold one that is not.
 *
 * @param {Answer} answer
 * @param {(revoked: number) => Answer} ask - Without the first so many tokens.
 * @param {Function | undefined} isRevoked
 * @param {Watch} [watch]
 * @returns {Promise<AuthContext>}
 */
async function checkAnswer(answer, ask, isRevoked, watch) {
  for (let revoked = 1; ; revoked += 1) {
    const auth = await settled(answer, watch)
    if (isRefused(auth)) return guestOrThrow(auth)
    if (isRevoked === undefined || !(await isRevoked(auth))) return auth
    answer = ask(revoked)
  }
}

/**
 * @param {Answer} answer
 * @param {Watch} [watch]
 * @returns {AuthContext | Refused | Promise<AuthContext | Refused>}
 */
function settled(answer, watch) {
  if (watch !== undefined) watch.remembered = typeof answer === 'number' || own(answer, 'seen') === true
  if (typeof answer === 'number') return seenContext(answer)
  if (typeof answer === 'string') return context(answer)
  // Not `instanceof`: the addon's promises are of Node's own realm, this module may be of another, in Jest for instance.
  if (isPromise(answer)) return doneElsewhere(answer).then((late) => settled(late, watch))
  if (answer.slow) doneHere()
  return Object.hasOwn(answer, 'context')
    ? context(/** @type {any} */ (answer).context)
    : /** @type {Refused} */ (answer)
}

/**
 * Own members alone tell: a polluted prototype must not make a context of a refusal.
 *
 * @param {AuthContext | Refused} outcome
 * @returns {outcome is Refused}
 */
const isRefused = (outcome) => Object.hasOwn(outcome, 'code')

/**
 * A string that is refused for its length is not copied to be refused: one character too many says it all.
 *
 * @param {string} token
 */
const capped = (token) => (token.length > LONGEST_TOKEN ? token.slice(0, LONGEST_TOKEN + 1) : token)

/**
 * @param {Function} getToken
 * @param {unknown} request
 * @returns {string | undefined}
 */
function ownToken(getToken, request) {
  const token = getToken(request)
  if (token === null || token === undefined) return undefined
  if (typeof token === 'string') return capped(token)
  throw wrongOption('getToken', 'it to return a string, null or undefined', token)
}

module.exports = {
  createVerifier,
  parse,
  sharedVerifier,
  verifyAuth,
  verifyLogtoToken,
  verifyRequest,
}
