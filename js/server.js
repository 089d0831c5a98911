/**
 * A drop-in replacement for `@ouim/logto-authkit/server` 0.3, with the same names, results and responses. See
 * server.d.ts for the contract and docs/migrating.md for the differences.
 */

const { setAuth } = require('./adapters/set-auth')
const { passToErrorHandler, jsonResponse, sendJson } = require('./adapters/response')
const { isContext, isNewGuest, attachRecord } = require('./core/context')
const { contract, errorTitle } = require('./core/contract')
const { AuthError } = require('./core/errors')
const { ownProperty } = require('./core/plain')
const permissions = require('./core/permissions')
const { sharedVerifier } = require('./core/verifier')
const { createOneTimeWarning } = require('./core/warnings')
const csrf = require('./csrf')
const mainEntry = require('./index')

/** @typedef {import('./server').AuthContext} AuthContext */
/** @typedef {import('./server').AuthPayload} AuthPayload */
/** @typedef {AuthContext | AuthPayload | null | undefined} AuthSubject */

/** @type {typeof import('./server').verifyAuth} */
async function verifyAuth(tokenOrRequest, options) {
  const verifier = verifierOf(options)
  const isTokenString = typeof tokenOrRequest === 'string'
  try {
    return toPublicContext(await verifier.verify(isTokenString ? tokenOrRequest : withEmptyHeaders(tokenOrRequest)))
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    const isMissingToken = error.code === 'missing_token' && !isTokenString
    throw new Error(isMissingToken ? 'No token found in request' : failureMessage(error), { cause: error })
  }
}

/** @type {typeof import('./server').verifyLogtoToken} */
const verifyLogtoToken = (token, options) => verifyAuth(String(token ?? ''), options)

/** @type {typeof import('./server').verifyNextAuth} */
async function verifyNextAuth(nextRequest, options) {
  const verifier = verifierOf(options)
  try {
    return { success: true, auth: toPublicContext(await verifier.verify(withEmptyHeaders(nextRequest))) }
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    return { success: false, error: clientMessage(error) }
  }
}

/** @type {typeof import('./server').createExpressAuthMiddleware} */
function createExpressAuthMiddleware(options) {
  const verifier = verifierOf(options)

  return async function expressAuth(/** @type {any} */ req, /** @type {any} */ res, next) {
    try {
      const auth = toPublicContext(await verifier.verify(req))
      if (res.headersSent) return
      setAuth(req, auth)
    } catch (error) {
      if (!(error instanceof AuthError)) passToErrorHandler(error, res, next)
      else if (!res.headersSent) sendJson(res, rejectionResponse(error))
      return
    }
    next()
  }
}

/** @type {typeof import('./server').buildAuthCookieHeader} */
function buildAuthCookieHeader(token, options) {
  // The `httpOnly` and `secure` options, which appear in examples of the original package, are ignored, because the
  // cookie always has both attributes.
  const { httpOnly, secure, ...rest } = /** @type {any} */ (options ?? {})
  return mainEntry.buildAuthCookieHeader(token, rest)
}

/** @type {typeof import('./server').hasScopes} */
const hasScopes = (subject, scopes, options) => permissions.hasScopes(claimsOf(subject), splitScopes(scopes), options)

/** @type {typeof import('./server').requireScopes} */
const requireScopes = (subject, scopes, options) =>
  permissions.requireScopes(claimsOf(subject), splitScopes(scopes), options)

/** @type {typeof import('./server').hasRole} */
const hasRole = (subject, role, options) => permissions.hasRole(roleClaim(subject, options), role, options)

/** @type {typeof import('./server').requireRole} */
const requireRole = (subject, role, options) => permissions.requireRole(roleClaim(subject, options), role, options)

/** @param {import('./server').VerifyAuthOptions} options */
function verifierOf(options) {
  const verifier = sharedVerifier(options, 'server')
  if (ownProperty(options, 'audience') === undefined) warnAboutMissingAudience()
  return verifier
}

/**
 * @param {any} request - The request may lack headers or cookies, as the original package allows.
 * @returns {import('..').RequestLike}
 */
const withEmptyHeaders = (request) =>
  typeof request === 'object' && request !== null && request.headers === undefined
    ? { headers: {}, cookies: request.cookies }
    : request

/**
 * Returns only the properties that the original package's contexts have, because applications may send the context to
 * clients.
 *
 * @param {import('..').AuthContext} auth
 * @returns {AuthContext}
 */
function toPublicContext(auth) {
  const { userId, isAuthenticated, isGuest } = auth
  const payload = /** @type {AuthPayload | null} */ (auth.payload)
  if (!isGuest) return attachRecord({ userId, isAuthenticated, payload, isGuest }, auth)
  // A new guest has no cookie yet, so the guest id would differ on every request.
  const guestId = isNewGuest(auth) ? undefined : auth.guestId
  return attachRecord({ userId, isAuthenticated, payload, isGuest, guestId }, auth)
}

/** @param {import('..').AuthError} error */
const failureMessage = (error) => `Token verification failed: ${error.message}`

/** @param {import('..').AuthError} error */
const clientMessage = (error) => (error.code === 'missing_token' ? error.message : failureMessage(error))

/**
 * @param {import('..').AuthError} error - Gets a 401 response, like every error in the original package, unless its
 * status is 503.
 */
function rejectionResponse(error) {
  const title = errorTitle(error.code === 'missing_token' ? error.code : 'invalid_claims')
  return jsonResponse(error.status === 503 ? 503 : 401, { error: title, message: clientMessage(error) }, error.headers)
}

/**
 * Returns a context's claims, as the original package does, but recognizes only contexts that this package created,
 * because custom claims may have the shape of a context.
 *
 * @param {AuthSubject} subject
 */
const claimsOf = (subject) =>
  isContext(subject)
    ? /** @type {AuthPayload | null} */ (subject.payload)
    : /** @type {AuthPayload | null | undefined} */ (subject)

/**
 * Returns the first claim that contains roles. Like the original package, ignores all other claims.
 *
 * @type {(subject: AuthSubject, options: { claimKeys?: readonly string[] | undefined } | undefined) => any}
 */
function roleClaim(subject, options) {
  const payload = Object(claimsOf(subject))
  /** @type {readonly string[]} */
  const claimKeys = ownProperty(Object(options), 'claimKeys') ?? contract().roleClaims
  const key = claimKeys.find((name) => [ownProperty(payload, name)].flat().every((role) => typeof role === 'string'))
  return key === undefined ? null : { [key]: payload[key] }
}

/**
 * @param {string | readonly string[]} scopes
 * @returns {string | readonly string[]}
 */
function splitScopes(scopes) {
  const isStringArray = Array.isArray(scopes) && scopes.every((scope) => typeof scope === 'string')
  return isStringArray ? scopes.flatMap((scope) => scope.split(/\s+/)).filter((word) => word !== '') : scopes
}

const warnAboutMissingAudience = createOneTimeWarning(
  'LOGTO_AUTHKIT_NO_AUDIENCE',
  'No audience is set, so tokens for any other API of the same Logto are accepted',
  'SecurityWarning',
)

const { CSRF_COOKIE_NAME, CSRF_HEADER_NAME } = csrf
const { buildCsrfCookieHeader, createCsrfMiddleware, generateCsrfToken, verifyCsrfToken } = csrf
const { clearJwksCache, invalidateJwksCache } = mainEntry

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
