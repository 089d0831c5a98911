/** The application's own checks of a context, and the principals that it accepts without a token. */

const native = require('./addon')
const { newContext } = require('./context')
const { AuthError, authError, invalidOption, orThrow } = require('./errors')
const { own, snapshot } = require('./options')
const { validateClaims } = require('./schema')
const { isPending, rethrow, settle } = require('./settle')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {InstanceType<typeof AuthError>} Rejection */
/** @typedef {import('./options').Functions} Functions */

/**
 * Returns whether the application has checks of its own.
 *
 * @param {Functions} functions
 */
const hasChecks = ({ claims, check, isRevoked }) =>
  isRevoked !== undefined || check !== undefined || claims !== undefined

/**
 * Performs the application's own checks of a context that has passed all others. Returns the rejection, if any, and a promise
 * only if one of the functions does.
 *
 * @type {(auth: AuthContext, functions: Functions, source: unknown) => Rejection | undefined | Promise<Rejection | undefined>}
 */
function applicationRejection(auth, { claims, check, isRevoked }, source) {
  return firstRejection([
    () => (claims === undefined ? undefined : validateClaims(auth, claims)),
    () => (check === undefined ? undefined : checkRejection(check, auth, source)),
    () => (isRevoked === undefined ? undefined : settle(() => isRevoked(auth), revokedRejection, rethrow)),
  ])
}

/** @type {(checks: (() => any)[]) => Rejection | undefined | Promise<Rejection | undefined>} */
function firstRejection(checks) {
  for (const [index, run] of checks.entries()) {
    const rejection = run()
    if (isPending(rejection)) {
      return rejection.then((settled) => settled ?? firstRejection(checks.slice(index + 1)))
    }
    if (rejection !== undefined) return rejection
  }
  return undefined
}

/**
 * Returns the rejection if the application's `check` does not permit the request. An `AuthError` that it throws is the rejection.
 *
 * @type {(check: Function, auth: AuthContext, source: unknown) => Rejection | undefined | Promise<Rejection | undefined>}
 */
const checkRejection = (check, auth, source) =>
  settle(
    () => check(auth, source),
    forbiddenUnless,
    (error) => {
      if (error instanceof AuthError) return error
      throw error
    },
  )

/** @param {unknown} isPermitted */
function forbiddenUnless(isPermitted) {
  if (isPermitted === true) return undefined
  // An object, such as an empty array of memberships, would pass by mistake.
  if (isPermitted) throw invalidOption('check', 'it to return a boolean', isPermitted)
  return authError(native.refusal('forbidden'))
}

/** @param {unknown} isRevoked */
const revokedRejection = (isRevoked) => (isRevoked ? authError(native.refusal('token_revoked')) : undefined)

/**
 * Returns the context of the principal that the application's `fallback` returned, or the rejection if the principal does not meet
 * the requirements.
 *
 * @type {(returned: any, parsed: import('./options').Parsed, extras: any) => AuthContext | Rejection}
 */
function externalContext(returned, { core }, extras) {
  const principal = snapshot(returned)
  const claims = typeof principal === 'object' ? own(principal, 'claims') : undefined
  const payload = JSON.stringify({ sub: own(Object(principal), 'userId'), ...claims })
  const result = orThrow(
    core.verifier.acceptPrincipal(principal, payload, extras?.organization, extras?.noOrganization),
  )
  return typeof result === 'string' ? newContext(result, undefined) : authError(result)
}

module.exports = { applicationRejection, checkRejection, externalContext, hasChecks }
