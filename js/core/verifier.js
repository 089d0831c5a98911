/** Verifiers, which turn a token or request into a context according to parsed options. */

const { RequestVerificationAttempt, TokenVerificationAttempt, truncateToken } = require('./attempt')
const { contextOf } = require('./verification')
const { hasSubscribers, publishKeyFetches, publishVerification } = require('./diagnostics')
const { authError, withResourceMetadata } = require('./errors')
const { observeRejection } = require('./observers')
const { create, parse } = require('./options')
const { awaitOutcome } = require('./pending')
const { readCredentials } = require('./request')
const { parseServers, readTokens, selectServer, totalStats } = require('./servers')
const { isPromise, rethrow, settle } = require('./settle')
const { VERIFIER_BRAND, isVerifier } = require('./shared')
const { emitRejectionWarning, printRejection } = require('./warnings')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('../..').RequestLike} RequestLike */
/** @typedef {import('../native/binding').RejectedRequest} RejectedRequest */
/** @typedef {import('./diagnostics').Trace} Trace */
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

  /**
   * @param {string | RequestLike} input
   * @returns {Promise<any>}
   */
  async verify(input) {
    try {
      const auth = typeof input === 'string' ? verifyToken(input, this.#parsed) : verifyRequest(input, this.#parsed)
      return isPromise(auth) ? await auth : auth
    } catch (error) {
      throw withResourceMetadata(error, this.#parsed.core.resourceMetadata)
    }
  }

  async prefetch() {
    await Promise.all((this.#parsed.servers ?? [this.#parsed]).map(prefetch))
  }

  /** @returns {import('../..').VerifierStats} */
  stats() {
    publishKeyFetches()
    const { servers } = this.#parsed
    return servers === undefined ? stats(this.#parsed) : totalStats(servers.map(stats))
  }
}
Object.defineProperty(Verifier.prototype, VERIFIER_BRAND, { value: true })

/** @param {Parsed} parsed */
async function prefetch({ core }) {
  const outcome = await awaitOutcome(core.verifier.prefetch())
  publishKeyFetches()
  if (typeof outcome === 'string') return
  const rejected = /** @type {RejectedRequest} */ (outcome)
  emitRejectionWarning(rejected)
  throw authError(printRejection(rejected))
}

/** @type {(parsed: Parsed) => import('../..').VerifierStats} */
function stats({ core }) {
  const { size, hits, misses, state, ...jwks } = core.verifier.stats()
  return {
    tokens: { size, hits, misses },
    jwks: { state: /** @type {'empty' | 'fresh' | 'stale'} */ (state), ...jwks },
  }
}

/** @param {unknown} [options] */
function createVerifier(options) {
  return new Verifier(parseServers(create, 'verifier', options))
}

/**
 * @param {string | RequestLike} input
 * @param {unknown} [options]
 * @returns {Promise<any>}
 */
function verifyAuth(input, options) {
  try {
    const verifier = isVerifier(options) ? options : new Verifier(parseServers(parse, 'verifier', options))
    return verifier.verify(input)
  } catch (error) {
    return Promise.reject(error)
  }
}

/**
 * Returns a verifier that shares its caches with all verifiers created from equal options.
 *
 * @param {unknown} options
 * @param {string} optionSet - Name of the option set in the core.
 */
const sharedVerifier = (options, optionSet) => new Verifier(parse(optionSet, options))

/**
 * @param {string} token
 * @param {unknown} [options]
 * @returns {Promise<any>}
 */
async function verifyLogtoToken(token, options) {
  if (token !== undefined && token !== null && typeof token !== 'string') {
    throw new TypeError(`Expected a token (a string), got ${typeof token}`)
  }
  return verifyAuth(token ?? '', options)
}

/** @type {(token: string, parsed: Parsed) => Parsed} */
function serverOf(token, parsed) {
  if (parsed.servers === undefined) return parsed
  const extras = /** @type {any} */ ({ __proto__: null, token: truncateToken(token) })
  return parsed.servers.find(({ core }) => core.verifier.route(undefined, undefined, extras) >= 0) ?? parsed
}

/** @type {(token: string, parsed: Parsed) => AuthContext | Promise<AuthContext>} */
function verifyToken(token, parsed) {
  const { onRefused } = parsed.functions
  const hasSeveralServers = parsed.servers !== undefined
  const attempt = new TokenVerificationAttempt(token, serverOf(token, parsed), hasSeveralServers)
  const verify = (/** @type {Trace | undefined} */ trace = undefined) =>
    hasSeveralServers ? verifyForLogtoServer(attempt, trace) : contextOf(attempt, trace)
  const run = () => (hasSubscribers() ? publishVerification(verify) : verify())
  return onRefused === undefined ? run() : observeRejection(onRefused, undefined, run)
}

/**
 * Verifies a request. Returns or throws synchronously if no part of the verification has to wait.
 *
 * @param {RequestLike} request
 * @param {Parsed} parsed
 * @param {unknown} [source] - The framework's request object, which the application's functions receive.
 * @returns {AuthContext | Promise<AuthContext>}
 */
function verifyRequest(request, parsed, source = request) {
  const { onRefused } = parsed.functions
  if (onRefused !== undefined) return observeRejection(onRefused, source, () => traceRequest(request, parsed, source))
  return traceRequest(request, parsed, source)
}

/** @type {(request: RequestLike, parsed: Parsed, source: unknown) => AuthContext | Promise<AuthContext>} */
const traceRequest = (request, parsed, source) =>
  hasSubscribers()
    ? publishVerification((trace) => checkRequest(request, parsed, source, trace))
    : checkRequest(request, parsed, source)

/** @type {(request: RequestLike, parsed: Parsed, source: unknown, trace?: Trace) => AuthContext | Promise<AuthContext>} */
function checkRequest(request, parsed, source, trace) {
  if (parsed.servers !== undefined) return selectServerAndVerify(request, parsed.servers, source, trace)
  const attempt = new RequestVerificationAttempt(request, readCredentials(request), parsed, source)
  const { getToken } = parsed.functions
  if (getToken === undefined) return contextOf(attempt, trace)
  return settle(
    () => getToken(source),
    (token) => {
      attempt.useToken(token)
      return contextOf(attempt, trace)
    },
    rethrow,
  )
}

/** @type {(request: RequestLike, servers: Parsed[], source: unknown, trace?: Trace) => AuthContext | Promise<AuthContext>} */
function selectServerAndVerify(request, servers, source, trace) {
  const credentials = readCredentials(request)
  const attempts = servers.map((server) => new RequestVerificationAttempt(request, credentials, server, source, true))
  return settle(
    () => readTokens(attempts, source),
    () => verifyForLogtoServer(selectServer(attempts), trace),
    rethrow,
  )
}

/**
 * Verifies a token string or a request with the options of one of several Logto servers. The `WWW-Authenticate`
 * challenge of a rejection points to this server's resource metadata, because only this server can issue a valid token
 * to the client.
 *
 * @type {(attempt: import('./attempt').VerificationAttempt, trace?: Trace) => AuthContext | Promise<AuthContext>}
 */
const verifyForLogtoServer = (attempt, trace) =>
  settle(
    () => contextOf(attempt, trace),
    (auth) => auth,
    (error) => {
      throw withResourceMetadata(error, attempt.parsed.core.resourceMetadata, true)
    },
  )

module.exports = { createVerifier, sharedVerifier, verifyAuth, verifyLogtoToken, verifyRequest }
