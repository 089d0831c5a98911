/**
 * What all frameworks have in common: who is asking, whether the route lets them in, and what a refusal and a new
 * guest look like in HTTP.
 */

const { isNewGuest, origin } = require('../core/context')
const native = require('../core/addon')
const { AuthError, authError, challenged, orThrow, wrongOption } = require('../core/errors')
const { own, split } = require('../core/options')
const { parse, verifyRequest } = require('../core/verifier')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('../..').RequestLike} RequestLike */
/** @typedef {string | null | ((request: any) => string | null)} OrganizationOption */
/** @typedef {{ status: number, headers: Record<string, string>, body: string }} Answer */

/** A way in: parsed options, the requirements among them. */
class Guard {
  #parsed
  #organizationOf
  #guestCookie

  /** Whether a request without a session has a guest's. */
  allowsGuests

  /** @param {any} options - `VerifyAuthOptions`, `organizationId` also as a function of the request. */
  constructor(options) {
    const { taken, rest } = split(options, ['organizationId'], isFunction)
    this.#organizationOf = taken.organizationId
    this.#parsed = parse(rest)
    // A copy: what becomes of the caller's object later has not been checked.
    const guestCookie = own(options, 'guestCookie')
    this.#guestCookie = guestCookie && { ...guestCookie }
    this.allowsGuests = own(options, 'allowGuest') === true
  }

  /** The name of the token's cookie. */
  get cookieName() {
    return this.#parsed.core.cookieName
  }

  /**
   * At once, or by throwing, where nothing has to be waited for.
   *
   * @param {RequestLike} request
   * @param {unknown} [original] - The framework's own request, for the application's functions.
   * @returns {AuthContext | Promise<AuthContext>}
   */
  authenticate(request, original = request) {
    const organizationOf = this.#organizationOf
    const organizationId = organizationOf === undefined ? undefined : organization(organizationOf, original)
    return verifyRequest(request, this.#parsed, organizationId, original)
  }

  /**
   * A refusal, also one that came out of a handler, with what these options add to it.
   *
   * @param {InstanceType<typeof AuthError>} error
   */
  challenged(error) {
    return challenged(error, this.#parsed.resourceMetadata)
  }

  /**
   * The `Set-Cookie` that a response to this guest needs, null if it needs none: the id is made known once.
   *
   * @param {AuthContext} auth
   * @param {boolean} secure - Whether the browser keeps a `Secure` cookie of this host.
   * @returns {string | null}
   */
  guestCookie(auth, secure) {
    if (!auth.isGuest || this.#guestCookie === false || !isNewGuest(auth)) return null
    const attributes = { ...this.#guestCookie }
    // Browsers drop these without `Secure`; most take a `Secure` cookie from plain-http localhost.
    const needsSecure = /^__(Host|Secure)-/.test(attributes.name ?? '') || /^none$/i.test(attributes.sameSite ?? '')
    if (!secure && !needsSecure) attributes.secure ??= false
    return orThrow(native.guestCookieHeader(auth.guestId, attributes))
  }
}

/** What one route demands of a context. */
class Requirements {
  #native
  #organizationOf

  /** @param {any} requirements - `organizationId` also as a function of the request. */
  constructor(requirements) {
    const { taken, rest } = split(requirements, ['organizationId'], isFunction)
    this.#organizationOf = taken.organizationId
    this.#native = orThrow(native.createRequirements(rest))
  }

  /**
   * Throws an `AuthError` if the context does not meet them: a guest, and what was not made here, is nobody.
   *
   * @param {AuthContext | undefined} auth
   * @param {unknown} request - For the application's functions.
   */
  check(auth, request) {
    const source = auth === undefined ? undefined : origin(auth)
    if (source === undefined) throw authError(native.refusal('missing_token'))
    const organizationOf = this.#organizationOf
    if (organizationOf === undefined && source.meets?.has(this)) return
    const organizationId = organizationOf === undefined ? undefined : organization(organizationOf, request)
    const refused = this.#native.check(source.json, organizationId, organizationId === null)
    if (refused !== null) throw authError(refused)
    // Neither the claims nor these requirements change; what a function of the request says may.
    if (organizationOf === undefined) {
      source.meets ??= new WeakSet()
      source.meets.add(this)
    }
  }
}

/** @param {unknown} value */
const isFunction = (value) => typeof value === 'function'

/**
 * @param {Function} organizationOf
 * @param {unknown} request
 * @returns {string | null}
 */
function organization(organizationOf, request) {
  const id = organizationOf(request)
  if (id === null || (typeof id === 'string' && id !== '')) return id
  // Nothing, where a route's parameter is missing for instance, must not mean that nothing is checked.
  throw wrongOption('organizationId', 'it to return an organization id or null', id)
}

/**
 * What a client gets to see of a refusal, whatever the framework.
 *
 * @param {import('../..').AuthError} error
 * @returns {Answer}
 */
function answer({ code, status, message, headers }) {
  return {
    status,
    headers: { ...headers, 'Content-Type': 'application/json; charset=utf-8' },
    body: JSON.stringify({ error: title(code, status), code, message }),
  }
}

/**
 * @param {string} code
 * @param {number} status
 */
function title(code, status) {
  if (status === 503) return 'Service unavailable'
  if (status === 403) return 'Forbidden'
  return code === 'missing_token' ? 'Authentication required' : 'Authentication failed'
}

/**
 * Whether a browser keeps a `Secure` cookie of this address: only plain http to this very machine is let off.
 *
 * @param {string | undefined} protocol - `http`, `https`, also with a colon.
 * @param {string | undefined} host - With or without a port.
 */
function isSecure(protocol, host) {
  return !/^http:?$/.test(protocol ?? '') || !/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(host ?? '')
}

/**
 * `Vary` with one more name.
 *
 * @param {string | undefined | null} vary
 * @param {string} name
 */
function addVary(vary, name) {
  if (!vary) return name
  const names = vary.split(',').map((item) => item.trim().toLowerCase())
  return names.includes('*') || names.includes(name.toLowerCase()) ? vary : `${vary}, ${name}`
}

/**
 * Adds a new guest's cookie to the headers of a response; a `Cache-Control` that is there already stays.
 *
 * @param {Headers} headers
 * @param {string} setCookie
 * @param {string} [cacheControl]
 */
function introduce(headers, setCookie, cacheControl = 'private') {
  headers.append('Set-Cookie', setCookie)
  headers.set('Vary', addVary(headers.get('Vary'), 'Cookie'))
  if (!headers.has('Cache-Control')) headers.set('Cache-Control', cacheControl)
}

module.exports = { AuthError, Guard, Requirements, addVary, answer, introduce, isSecure }
