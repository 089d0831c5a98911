/** The requirements of a route, checked against contexts. */

const { runCheck } = require('../core/acceptance')
const native = require('../core/addon')
const { proofOf, rejectionOf } = require('../core/context')
const { authError, invalidOption, valueOrThrow } = require('../core/errors')
const { snapshot } = require('../core/options')
const { organizationFrom } = require('../core/organization')
const { isPromise } = require('../core/settle')
const { printRejection } = require('../core/warnings')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('../core/context').Proof} Proof */

class Requirements {
  #native
  #organizationOf
  #check

  /**
   * @param {any[]} given - The arguments of a `protect` call. The requirements may be omitted, but must not be
   * `undefined`, because an unset variable must not remove a check. `organizationId` may be a function.
   */
  constructor(...given) {
    const [requirements] = given
    if (given.length > 0 && requirements === undefined) throw invalidOption('requirements', 'an object', undefined)
    const members = snapshot(requirements)
    this.#native = valueOrThrow(native.createRequirements(members))
    this.#organizationOf = typeof members?.organizationId === 'function' ? members.organizationId : undefined
    this.#check = members?.check
  }

  /**
   * Throws an `AuthError` unless the context meets the requirements. A guest is rejected with the
   * guest's `guestReason` as the error code. Contexts that this package has not created are also rejected. Returns a promise only if one of the application's
   * functions returns a promise.
   *
   * @type {(auth: AuthContext | undefined, source: unknown) => Promise<void> | void}
   */
  check(auth, source) {
    const proof = proofOf(auth)
    if (proof === undefined) throw authError(printRejection(rejectionOf(auth) ?? native.rejection('missing_token')))
    const organizationOf = this.#organizationOf
    if (organizationOf === undefined) {
      // Without an `organizationId` function, the core's check of a context always has the same result, so a success is
      // remembered. The application's `check` runs every time.
      if (!proof.metRequirements?.has(this)) {
        this.#checkNatively(proof, undefined)
        proof.metRequirements ??= new WeakSet()
        proof.metRequirements.add(this)
      }
      return this.#check === undefined ? undefined : this.#checkApplication(auth, source)
    }
    const organization = organizationFrom(organizationOf, source)
    if (isPromise(organization)) {
      return organization.then((settled) => this.#checkWith(settled, proof, auth, source))
    }
    return this.#checkWith(organization, proof, auth, source)
  }

  /** @type {(organization: string | null, proof: Proof, auth: AuthContext | undefined, source: unknown) => Promise<void> | void} */
  #checkWith(organization, proof, auth, source) {
    this.#checkNatively(proof, organization)
    return this.#check === undefined ? undefined : this.#checkApplication(auth, source)
  }

  /** @type {(proof: Proof, organization: string | null | undefined) => void} */
  #checkNatively({ json }, organization) {
    const refusal = this.#native.check(json, organization ?? undefined, organization === null)
    if (refusal !== null) throw authError(printRejection(refusal))
  }

  /** @type {(auth: any, source: unknown) => Promise<void> | void} */
  #checkApplication(auth, source) {
    const rejection = runCheck(/** @type {Function} */ (this.#check), auth, source)
    return isPromise(rejection) ? rejection.then(throwIfRejected) : throwIfRejected(rejection)
  }
}

/** @param {Error | undefined} rejection */
function throwIfRejected(rejection) {
  if (rejection !== undefined) throw rejection
}

module.exports = { Requirements }
