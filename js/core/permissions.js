/** Scopes and roles of a context or of claims, for checks inside a handler. */

const native = require('./addon')
const { authError, wrongOption } = require('./errors')
const { own, ownMembers } = require('./options')

/** @typedef {import('../..').AuthSubject} AuthSubject */

/** @type {typeof import('../..').hasScopes} */
function hasScopes(subject, scopes, options = {}) {
  const { mode = 'all' } = ownMembers(options)
  const wanted = required(scopes, mode)
  return satisfied(wanted, missing(wanted, heldScopes(subject)), mode)
}

/** @type {typeof import('../..').requireScopes} */
function requireScopes(subject, scopes, options = {}) {
  const { mode = 'all' } = ownMembers(options)
  const wanted = required(scopes, mode)
  const held = heldScopes(subject)
  const lacking = missing(wanted, held)
  if (satisfied(wanted, lacking, mode)) return
  const quantity = mode === 'all' ? 'all of' : 'at least one of'
  throw authError(
    native.refusal('missing_scope', list(lacking), wanted.join(' ')),
    `Missing required scopes (${quantity}: ${list(wanted)}). Token scopes: ${list(held)}. Missing: ${list(lacking)}`,
  )
}

/** @type {typeof import('../..').hasRole} */
function hasRole(subject, role, options = {}) {
  const { claimKeys = ['roles', 'role'] } = ownMembers(options)
  assertRole(role, claimKeys)
  return heldRoles(subject, claimKeys).includes(role)
}

/** @type {typeof import('../..').requireRole} */
function requireRole(subject, role, options = {}) {
  const { claimKeys = ['roles', 'role'] } = ownMembers(options)
  assertRole(role, claimKeys)
  const held = heldRoles(subject, claimKeys)
  if (held.includes(role)) return
  throw authError(
    native.refusal('missing_role', role),
    `Missing required role: ${role}. Checked claims: ${list(claimKeys)}. Token roles: ${list(held)}`,
  )
}

/**
 * @param {string | readonly string[]} scopes
 * @param {unknown} mode
 */
function required(scopes, mode) {
  if (mode !== 'all' && mode !== 'any') throw wrongOption('mode', "'all' or 'any'", mode)
  const wanted = typeof scopes === 'string' ? words(scopes) : scopes
  if (!isTexts(wanted))
    throw wrongOption('scopes', 'a scope, several separated by spaces, or an array of scopes', scopes)
  return wanted
}

/**
 * @param {unknown} role
 * @param {unknown} claimKeys
 */
function assertRole(role, claimKeys) {
  if (typeof role !== 'string' || role === '') throw wrongOption('role', 'a role', role)
  if (!isTexts(claimKeys)) throw wrongOption('claimKeys', 'a non-empty array of claim names', claimKeys)
}

/**
 * @param {AuthSubject} subject
 * @returns {string[]}
 */
function heldScopes(subject) {
  if (isContext(subject)) return subject.scopes
  const scope = own(Object(subject), 'scope')
  return typeof scope === 'string' ? words(scope) : []
}

/**
 * A role claim is one role or a list of roles; none is ever split.
 *
 * @param {AuthSubject} subject
 * @param {readonly string[]} claimKeys
 */
function heldRoles(subject, claimKeys) {
  const claims = isContext(subject) ? subject.payload : subject
  const roles = claimKeys.flatMap((key) => own(Object(claims), key) ?? [])
  return roles.filter((role) => typeof role === 'string')
}

/**
 * @param {AuthSubject} subject
 * @returns {subject is import('../..').AuthContext}
 */
function isContext(subject) {
  return (
    typeof own(Object(subject), 'isAuthenticated') === 'boolean' &&
    Object.hasOwn(Object(subject), 'payload') &&
    Array.isArray(own(Object(subject), 'scopes'))
  )
}

/**
 * @param {readonly string[]} wanted
 * @param {readonly string[]} held
 */
const missing = (wanted, held) => wanted.filter((scope) => !held.includes(scope))

/**
 * @param {readonly string[]} wanted
 * @param {readonly string[]} lacking
 * @param {'all' | 'any'} mode
 */
const satisfied = (wanted, lacking, mode) => lacking.length < (mode === 'all' ? 1 : wanted.length)

/** @param {string} text */
const words = (text) => text.split(' ').filter((word) => word !== '')

/** @param {readonly string[]} items */
const list = (items) => (items.length > 0 ? items.join(', ') : '(none)')

/**
 * @param {unknown} value
 * @returns {value is readonly string[]}
 */
const isTexts = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string' && item !== '')

module.exports = { hasRole, hasScopes, requireRole, requireScopes }
