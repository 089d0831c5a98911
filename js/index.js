/** The package's main entry: see index.d.ts for its contract. */

const { errorResponse } = require('./adapters/response')
const native = require('./core/addon')
const { contract } = require('./core/contract')
const { AuthError, forbidden, valueOrThrow, invalidOption } = require('./core/errors')
const { hasRole, hasScopes, requireRole, requireScopes } = require('./core/permissions')
const { snapshot } = require('./core/options')
const { tokenOf } = require('./core/context')
const { createVerifier, verifyAuth, verifyLogtoToken } = require('./core/verifier')

const ANY_ORGANIZATION = contract().anyOrganization

/** @type {typeof import('..').buildAuthCookieHeader} */
const buildAuthCookieHeader = (token, options) =>
  valueOrThrow(native.authCookieHeader(requireString('token', token), snapshot(options)))

/** @type {typeof import('..').buildGuestCookieHeader} */
const buildGuestCookieHeader = (guestId, guestCookie) =>
  valueOrThrow(native.guestCookieHeader(requireString('guestId', guestId), snapshot(guestCookie)))

/** @type {typeof import('..').invalidateJwksCache} */
const invalidateJwksCache = (logtoUrl) => valueOrThrow(native.invalidateJwksCache(logtoUrl))

/** @type {typeof import('..').clearJwksCache} */
const clearJwksCache = () => native.clearJwksCache()

/** @type {(name: string, value: unknown) => string} */
function requireString(name, value) {
  if (typeof value === 'string') return value
  throw invalidOption(name, 'a string', value)
}

module.exports = {
  ANY_ORGANIZATION,
  AuthError,
  buildAuthCookieHeader,
  buildGuestCookieHeader,
  clearJwksCache,
  createVerifier,
  errorResponse,
  forbidden,
  hasRole,
  hasScopes,
  invalidateJwksCache,
  requireRole,
  requireScopes,
  tokenOf,
  verifyAuth,
  verifyLogtoToken,
}
