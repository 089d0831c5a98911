/** Framework-independent authentication of requests, including guests and their cookies. */

const { isNewGuest, verificationAttemptOf } = require('../core/context')
const { AuthError, valueOrThrow, withResourceMetadata } = require('../core/errors')
const { notifyObserver } = require('../core/observers')
const { parse } = require('../core/options')
const { readHeader } = require('../core/request')
const { withChangedOptions, parseServers } = require('../core/servers')
const { isPromise, settle } = require('../core/settle')
const { globalSingleton } = require('../core/shared')
const { verifyRequest } = require('../core/verifier')
const { createOneTimeWarning } = require('../core/warnings')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('../..').RequestLike} RequestLike */
/** @typedef {InstanceType<typeof import('./requirements').Requirements>} RouteRequirements */
/** @typedef {() => [protocol: string | undefined, host: string | undefined]} Origin */

/**
 * How an adapter reads and writes the framework's request object (`source`).
 *
 * @typedef {object} Framework
 * @property {(source: any) => RequestLike} request - Returns the headers and cookies of the request.
 * @property {(source: any) => ReturnType<Origin>} origin
 * @property {(source: any, auth: AuthContext | undefined, property: string) => void} store - Stores the context where
 * the application reads it.
 * @property {(source: any, property: string) => unknown} [stored] - Returns the current value of the request's context
 * property.
 * @property {(response: any, setCookie: string) => void} [addCookie]
 */

/**
 * Maps each request to its verified context. Other code can write to `req.auth`, so `protect` trusts only this map. The
 * map is a WeakMap because Express changes the prototype of every request, after which adding a property, even a
 * private one, takes 3 µs.
 *
 * @typedef {{ authenticator: Authenticator, auth: AuthContext | undefined }} RequestRecord
 * @type {WeakMap<object, RequestRecord>}
 */
const recordsByRequest = globalSingleton('requestRecords', () => new WeakMap())

/** Verifies requests with one set of options. */
class Authenticator {
  #optionSet
  #parsed
  #framework

  /** @type {Function | undefined} - The application's function that replaces the response to rejected requests. */
  onError

  /** Whether requests without a valid token are treated as guests. */
  allowsGuests

  /** @type {string} - The name under which the context is stored. */
  property

  /**
   * @param {'adapter' | 'nest' | 'next' | 'proxy' | 'upgrade'} optionSet - Name of the option set in the core.
   * @param {any} options
   * @param {Framework} [framework] - Required only by `authenticate`.
   */
  constructor(optionSet, options, framework) {
    this.#optionSet = optionSet
    this.#parsed = parseServers(parse, optionSet, options)
    this.onError = this.#parsed.functions.onError
    this.allowsGuests = this.#servers.some(({ core }) => core.guestCookieName !== null)
    this.property = this.#parsed.options.property ?? 'auth'
    this.#framework = /** @type {Framework} */ (framework)
  }

  /**
   * Returns an authenticator with the same options, except for `allowGuest` and the options in `changed`.
   *
   * @param {boolean} allowGuest
   * @param {object} [changed]
   */
  withGuests(allowGuest, changed) {
    const servers = this.#servers.map((server) => withChangedOptions(server, { allowGuest, ...changed }))
    return new Authenticator(this.#optionSet, servers.length > 1 ? servers : servers[0], this.#framework)
  }

  /** The validated options. */
  get options() {
    return this.#parsed.options
  }

  /**
   * The validated options, including the functions passed to this authenticator. Authenticators with equal options
   * share everything but the functions.
   */
  get ownOptions() {
    // The object has no prototype, because a polluted prototype could add options.
    return Object.assign(Object.create(null), withChangedOptions(this.#parsed, {}))
  }

  /** The name of the token cookie. */
  get cookieName() {
    return this.#parsed.core.cookieName
  }

  /** The names of the token cookies of all servers. */
  get cookieNames() {
    return this.#servers.map(({ core }) => core.cookieName)
  }

  /**
   * The cookies that identify a session: the token cookie if it is read, and the guest cookie if guests are allowed.
   *
   * @param {boolean} isTokenRead
   */
  sessionCookies(isTokenRead) {
    return this.#servers.flatMap(({ core, options }) => {
      const isTokenCookieRead = isTokenRead && options.tokenSources?.includes('cookie') !== false
      return [isTokenCookieRead ? core.cookieName : null, core.guestCookieName].filter((name) => name !== null)
    })
  }

  /** Returns whether the application has passed this function as an option. @param {'fallback' | 'getToken'} name */
  hasFunction(name) {
    return this.#servers.some(({ functions }) => functions[name] !== undefined)
  }

  get #servers() {
    return this.#parsed.servers ?? [this.#parsed]
  }

  /**
   * Verifies a request. Returns or throws synchronously if no part of the verification has to wait.
   *
   * @type {(request: RequestLike, source?: unknown) => AuthContext | Promise<AuthContext>}
   */
  verify(request, source = request) {
    return verifyRequest(request, this.#parsed, source)
  }

  /**
   * Checks the requirements of a route, and calls `onRefused` for a rejection. Returns a promise only if one of the
   * application's functions returns a promise.
   *
   * @type {(requirements: RouteRequirements, auth: AuthContext | undefined, source: unknown) => Promise<void> | void}
   */
  checkRequirements(requirements, auth, source) {
    const { onRefused } = this.#parsed.functions
    if (onRefused === undefined) return requirements.check(auth, source)
    return settle(
      () => requirements.check(auth, source),
      () => {},
      (error) => {
        if (error instanceof AuthError) notifyObserver(onRefused, error, source)
        throw error
      },
    )
  }

  /**
   * Verifies a framework's request, stores its context, and sets the cookie of a new guest. Returns a promise only if
   * the verification has to wait.
   *
   * @type {(source: any, response?: unknown) => Promise<void> | void}
   */
  authenticate(source, response) {
    const request = this.#framework.request(source)
    let auth
    try {
      auth = this.passesPreflight(request) ? undefined : this.verify(request, source)
    } catch (error) {
      this.#store(source, undefined)
      throw error
    }
    if (!isPromise(auth)) return this.#finish(source, response, auth)
    const completion = auth.then(
      (resolved) => this.#finish(source, response, resolved),
      (error) => {
        this.#store(source, undefined)
        throw error
      },
    )
    try {
      // A request is unauthenticated until its verification ends, even if other code has already stored a context.
      // Messages on the same connection share a request, so an earlier context is kept until the new verification ends.
      if (!this.#holdsOwnContext(source)) this.#store(source, undefined)
    } catch (error) {
      completion.catch(() => {})
      throw error
    }
    return completion
  }

  /**
   * Returns whether a request is a CORS preflight (`OPTIONS` with `Access-Control-Request-Method`) that the application
   * allows without a token. By default, preflights are verified like all other requests, because a handler for all
   * methods would otherwise run without authentication.
   *
   * @param {RequestLike & { method?: string }} request
   * @param {boolean} [allowPreflight]
   */
  passesPreflight(request, allowPreflight = this.options.allowPreflight) {
    if (request.method !== 'OPTIONS' || readHeader(request, 'access-control-request-method') === undefined) return false
    if (allowPreflight !== true) warnAboutPreflight()
    return allowPreflight === true
  }

  /** Returns whether the request holds a context that this authenticator has stored. @param {any} source */
  #holdsOwnContext(source) {
    const { authenticator, auth } = recordsByRequest.get(source) ?? {}
    return authenticator === this && auth !== undefined && auth === this.stored(source)
  }

  /** @type {(source: any, response: unknown, auth: AuthContext | undefined) => void} */
  #finish(source, response, auth) {
    this.#store(source, auth)
    const { addCookie, origin } = this.#framework
    if (!auth?.isGuest || addCookie === undefined) return
    const cookie = this.newGuestCookie(auth, () => origin(source))
    if (cookie !== null) addCookie(response, cookie)
  }

  /** @type {(source: any, auth: AuthContext | undefined) => void} */
  #store(source, auth) {
    const record = recordsByRequest.get(source)
    if (record === undefined) recordsByRequest.set(source, { authenticator: this, auth })
    else {
      record.authenticator = this
      record.auth = auth
    }
    this.#framework.store(source, auth, this.property)
  }

  /** @param {any} source */
  stored(source) {
    return this.#framework.stored?.(source, this.property)
  }

  /**
   * Returns the `Set-Cookie` header with the id of a new guest, or null if the response needs no cookie.
   *
   * @type {(auth: AuthContext | undefined, origin: Origin) => string | null}
   */
  newGuestCookie(auth, origin) {
    if (!auth?.isGuest || !isNewGuest(auth)) return null
    const { verifier } = (verificationAttemptOf(auth)?.parsed ?? this.#parsed).core
    return valueOrThrow(verifier.guestCookieHeader(auth.guestId, ...origin()))
  }

  /** Whether challenges contain the URL of the resource metadata. */
  get hasResourceMetadata() {
    return this.#servers.some(({ core }) => core.resourceMetadata !== null)
  }

  /** Adds the URL of the resource metadata to an error's challenge: that of the context's Logto server or, without a context, of the first server. @type {<T>(error: T, auth?: AuthContext) => T} */
  withResourceMetadata(error, auth) {
    const { core } = (auth && verificationAttemptOf(auth)?.parsed) ?? this.#parsed
    return withResourceMetadata(error, core.resourceMetadata)
  }
}

/**
 * Returns the context of a request that an `Authenticator` has processed.
 *
 * @param {object} source
 */
const contextOf = (source) => recordsByRequest.get(source)?.auth

/**
 * Throws unless the request has a context that meets the requirements. A context that other code has stored counts as
 * missing. Returns a promise only if one of the application's functions returns a promise.
 *
 * @type {(requirements: RouteRequirements, source: object, own?: RequestRecord) => Promise<void> | void} - `own` is the
 * record to check, if it can differ from the last record of the request.
 */
function checkRequest(requirements, source, own) {
  const record = recordsByRequest.get(source)
  if (record === undefined) {
    warnAboutMissingLogtoAuth()
    return requirements.check(undefined, source)
  }
  const { authenticator, auth } = own ?? record
  const isUnchanged = record.auth === record.authenticator.stored(source)
  return authenticator.checkRequirements(requirements, isUnchanged ? auth : undefined, source)
}

/** Warns if `logtoAuth()` is missing: every request then gets a 401, as if all tokens were invalid. */
const warnAboutMissingLogtoAuth = createOneTimeWarning(
  'LOGTO_AUTHKIT_UNSEEN_REQUEST',
  'protect() rejected a request that logtoAuth() has not seen: register logtoAuth() before it (in NestJS, add LogtoAuthGuard before @Protect())',
)

/** Warns that a CORS preflight was rejected, because browsers say only that the cross-origin request failed. */
const warnAboutPreflight = createOneTimeWarning(
  'LOGTO_AUTHKIT_PREFLIGHT',
  'A CORS preflight has reached logto-authkit. It carries no token, so it is not let through: handle CORS before authentication (in Express, register cors() before logtoAuth()), or set allowPreflight: true',
)

module.exports = {
  Authenticator,
  checkRequest,
  contextOf,
  recordsByRequest,
}
