/**
 * The drop-in for `@ouim/logto-authkit/server` 0.3: its names, shapes and answers over this core. See server.d.ts for
 * the contract and docs/migrating.md for what differs.
 */

const { isNewGuest } = require('./core/context')
const csrf = require('./csrf')
const { AuthError } = require('./core/errors')
const { answer } = require('./adapters/guard')
const core = require('./index')
const { fail, send, setAuth } = require('./adapters/node-response')
const { own, ownMembers } = require('./core/options')
const permissions = require('./core/permissions')
const { sharedVerifier } = require('./core/verifier')

/** @typedef {import('./server').AuthContext} AuthContext */
/** @typedef {import('./server').AuthPayload} AuthPayload */
/** @typedef {AuthContext | AuthPayload | null | undefined} AuthSubject */

/** @type {typeof import('./server').verifyAuth} */
async function verifyAuth(tokenOrRequest, options) {
  const verifier = verifierOf(options)
  try {
    return context(await verifier.verify(typeof tokenOrRequest === 'string' ? tokenOrRequest : request(tokenOrRequest)))
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    const isMissing = error.code === 'missing_token' && typeof tokenOrRequest !== 'string'
    throw new Error(isMissing ? 'No token found in request' : failure(error), { cause: error })
  }
}

/** @type {typeof import('./server').verifyLogtoToken} */
const verifyLogtoToken = (token, options) => verifyAuth(String(token ?? ''), options)

/** @type {typeof import('./server').verifyNextAuth} */
async function verifyNextAuth(nextRequest, options) {
  const verifier = verifierOf(options)
  try {
    return { success: true, auth: context(await verifier.verify(request(nextRequest))) }
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    return { success: false, error: wording(error) }
  }
}

/** @type {typeof import('./server').createExpressAuthMiddleware} */
function createExpressAuthMiddleware(options) {
  const verifier = verifierOf(options)

  return async function expressAuth(/** @type {any} */ req, /** @type {any} */ res, next) {
    try {
      const auth = context(await verifier.verify(req))
      if (res.headersSent) return
      setAuth(req, auth)
    } catch (error) {
      if (!(error instanceof AuthError)) fail(error, res, next)
      else if (!res.headersSent) send(res, refusal(error))
      return
    }
    next()
  }
}

/** @type {typeof import('./server').buildAuthCookieHeader} */
function buildAuthCookieHeader(token, options) {
  // The original's documentation passes these two, which the cookie has in any case.
  const { httpOnly, secure, ...rest } = /** @type {any} */ (options ?? {})
  return core.buildAuthCookieHeader(token, rest)
}

/** @type {typeof import('./server').hasScopes} */
const hasScopes = (subject, scopes, options) => permissions.hasScopes(claims(subject), words(scopes), options)

/** @type {typeof import('./server').requireScopes} */
const requireScopes = (subject, scopes, options) => permissions.requireScopes(claims(subject), words(scopes), options)

/** @type {typeof import('./server').hasRole} */
const hasRole = (subject, role, options) => permissions.hasRole(roleClaim(subject, options), role, options)

/** @type {typeof import('./server').requireRole} */
const requireRole = (subject, role, options) => permissions.requireRole(roleClaim(subject, options), role, options)

/** @param {import('./server').VerifyAuthOptions} options */
function verifierOf(options) {
  if (typeof options !== 'object' || options === null || own(options, 'audience') !== undefined) {
    return sharedVerifier(/** @type {import('..').VerifyAuthOptions} */ (options))
  }
  warnOfAudience()
  return sharedVerifier({ ...ownMembers(options), audience: null })
}

/**
 * @param {any} given - The original takes a request without headers, or without cookies.
 * @returns {import('..').RequestLike}
 */
const request = (given) =>
  typeof given === 'object' && given !== null && given.headers === undefined
    ? { headers: {}, cookies: given.cookies }
    : given

/**
 * The original's members, and no others: the object may well be sent as it is.
 *
 * @param {import('..').AuthContext} auth
 * @returns {AuthContext}
 */
function context(auth) {
  const { userId, isAuthenticated, isGuest } = auth
  const payload = /** @type {AuthPayload | null} */ (auth.payload)
  if (!isGuest) return { userId, isAuthenticated, payload, isGuest }
  // An id that nothing remembers would be another one with every request.
  return { userId, isAuthenticated, payload, isGuest, guestId: isNewGuest(auth) ? undefined : auth.guestId }
}

/** @param {import('..').AuthError} error */
const failure = (error) => `Token verification failed: ${error.message}`

/** @param {import('..').AuthError} error */
const wording = (error) => (error.code === 'missing_token' ? error.message : failure(error))

/**
 * @param {import('..').AuthError} error
 * @returns {import('./adapters/guard').Answer}
 */
function refusal(error) {
  const { headers } = answer(error)
  const title = error.code === 'missing_token' ? 'Authentication required' : 'Authentication failed'
  const body = JSON.stringify({ error: title, message: wording(error) })
  return { status: error.status === 503 ? 503 : 401, headers, body }
}

/**
 * The claims are all that the original looks at, so that a context may be made by hand.
 *
 * @param {AuthSubject} subject
 */
const claims = (subject) =>
  Object.hasOwn(Object(subject), 'isAuthenticated')
    ? /** @type {AuthContext['payload'] | undefined} */ (own(subject, 'payload'))
    : /** @type {AuthPayload | null | undefined} */ (subject)

/**
 * The first of the claims that holds roles, without those that would come after it.
 *
 * @param {AuthSubject} subject
 * @param {{ claimKeys?: readonly string[] | undefined } | undefined} options
 */
function roleClaim(subject, options) {
  const payload = Object(claims(subject))
  /** @type {readonly string[]} */
  const claimKeys = own(Object(options), 'claimKeys') ?? ['roles', 'role']
  const key = claimKeys.find((name) => [own(payload, name)].flat().every((role) => typeof role === 'string'))
  return key === undefined ? null : { [key]: payload[key] }
}

/**
 * @param {string | readonly string[]} scopes
 * @returns {string | readonly string[]}
 */
function words(scopes) {
  const isList = Array.isArray(scopes) && scopes.every((scope) => typeof scope === 'string')
  return isList ? scopes.flatMap((scope) => scope.split(/\s+/)).filter((word) => word !== '') : scopes
}

let isWarned = false

function warnOfAudience() {
  if (isWarned) return
  isWarned = true
  process.emitWarning('No audience is set: a token for any other API of the same Logto is accepted, too', {
    type: 'SecurityWarning',
    code: 'LOGTO_AUTHKIT_NO_AUDIENCE',
  })
}

const { CSRF_COOKIE_NAME, CSRF_HEADER_NAME } = csrf
const { buildCsrfCookieHeader, createCsrfMiddleware, generateCsrfToken, verifyCsrfToken } = csrf
const { clearJwksCache, invalidateJwksCache } = core

module.exports = {
  CSRF_COOKIE_NAME,
  CSRF_HEADER_NAME,
  buildAuthCookieHeader,
  buildCsrfCookieHeader,
  clearJwksCache,
  createCsrfMiddleware,
  createExpressAuthMiddleware,
  generateCsrfToken,
  hasRole,
  hasScopes,
  invalidateJwksCache,
  requireRole,
  requireScopes,
  verifyAuth,
  verifyCsrfToken,
  verifyLogtoToken,
  verifyNextAuth,
}
