/** The requirements of a route, checked against contexts. */

const native = require('../core/addon')
const { proofOf, rejectionOf } = require('../core/context')
const { authError, invalidOption, orThrow } = require('../core/errors')
const { snapshot } = require('../core/options')

class Requirements {
  #native
  #organizationOf

  /** @param {any} requirements - `organizationId` may be a function of the request. */
  constructor(requirements) {
    const copied = snapshot(requirements)
    this.#native = orThrow(native.createRequirements(copied))
    this.#organizationOf = typeof copied?.organizationId === 'function' ? copied.organizationId : undefined
  }

  /**
   * Throws an `AuthError` unless the context meets the requirements. Rejects guests for the reason that made them guests, and
   * contexts created by other code.
   *
   * @type {(auth: import('../..').AuthContext | undefined, source: unknown) => void}
   */
  check(auth, source) {
    const proof = proofOf(auth)
    if (proof === undefined) throw authError(rejectionOf(auth) ?? native.refusal('missing_token'))
    const organizationOf = this.#organizationOf
    if (organizationOf === undefined && proof.metRequirements?.has(this)) return
    const organizationId = organizationOf === undefined ? undefined : organizationFrom(organizationOf, source)
    const refusal = this.#native.check(proof.json, organizationId, organizationId === null)
    if (refusal !== null) throw authError(refusal)
    // Claims and requirements never change, but the application's function may return a different organization.
    if (organizationOf === undefined) {
      proof.metRequirements ??= new WeakSet()
      proof.metRequirements.add(this)
    }
  }
}

/**
 * Returns the organization that the application's function requires for a request: `''`, which no token belongs to, if the
 * request names none. A missing route parameter, for instance, must not disable the check.
 *
 * @type {(organizationOf: Function, source: unknown) => string | null}
 */
function organizationFrom(organizationOf, source) {
  const id = organizationOf(source)
  if (id === null || typeof id === 'string') return id
  if (id === undefined) return ''
  throw invalidOption('organizationId', 'it to return an organization id, null or undefined', id)
}

module.exports = { Requirements, organizationFrom }
