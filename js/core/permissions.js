/** Functions with which a handler checks the scopes and roles of a context or of claims. */

const native = require('./addon')
const { verificationAttemptOf, isContext } = require('./context')
const { authError, valueOrThrow, withResourceMetadata } = require('./errors')
const { snapshot } = require('./options')
const { ownProperty } = require('./plain')

/** @typedef {import('../..').AuthSubject} AuthSubject */

/** @type {(subject: AuthSubject, scopes: unknown, options?: object) => import('../native/binding').RejectedRequest | null} */
const checkScopes = (subject, scopes, options = {}) =>
  valueOrThrow(native.checkScopes(scopesOf(subject), scopes, snapshot(options).mode))

/** @type {(subject: AuthSubject, role: unknown, options?: object) => import('../native/binding').RejectedRequest | null} */
const checkRoles = (subject, role, options = {}) =>
  valueOrThrow(native.checkRoles(claimsOf(subject), role, snapshot(options).claimKeys))

/** @type {typeof import('../..').hasScopes} */
const hasScopes = (subject, scopes, options) => checkScopes(subject, scopes, options) === null

/** @type {typeof import('../..').hasRole} */
const hasRole = (subject, role, options) => checkRoles(subject, role, options) === null

/** @type {typeof import('../..').requireScopes} */
const requireScopes = (subject, scopes, options) => throwIfRejected(checkScopes(subject, scopes, options), subject)

/** @type {typeof import('../..').requireRole} */
const requireRole = (subject, role, options) => throwIfRejected(checkRoles(subject, role, options), subject)

/**
 * Throws a rejection. The challenge already contains the URL of the resource metadata for the Logto server that issued
 * the token, because the framework may turn the error into a response without calling this package.
 *
 * @type {(rejected: import('../native/binding').RejectedRequest | null, subject: AuthSubject) => void}
 */
function throwIfRejected(rejected, subject) {
  if (rejected === null) return
  const server = isContext(subject) ? verificationAttemptOf(subject)?.parsed : undefined
  throw withResourceMetadata(authError(rejected), server?.core.resourceMetadata ?? null)
}

/**
 * Returns the scopes of a context, or the `scope` claim if it is a string.
 *
 * @param {AuthSubject} subject
 */
function scopesOf(subject) {
  if (isContext(subject)) return subject.scopes
  const scope = ownProperty(Object(claimsOf(subject)), 'scope')
  return typeof scope === 'string' ? scope : undefined
}

/**
 * Returns the claims of a context, or of an object that contains claims. A copy of a guest's context, such as
 * `{ ...auth }`, is not mistaken for an object with claims.
 *
 * @param {AuthSubject} subject
 */
function claimsOf(subject) {
  if (isContext(subject)) return subject.payload
  return ownProperty(Object(subject), 'isGuest') === true ? null : subject
}

module.exports = { hasRole, hasScopes, requireRole, requireScopes }
