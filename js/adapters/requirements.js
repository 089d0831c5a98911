/** Checks whether the context of a request meets the requirements that a route passes to `protect`. */

const { runCheck } = require('../core/acceptance')
const native = require('../core/addon')
const { verifiedRecordOf, rejectionOf } = require('../core/context')
const { authError, invalidOption, valueOrThrow } = require('../core/errors')
const { snapshot } = require('../core/options')
const { organizationFrom } = require('../core/organization')
const { isPromise } = require('../core/settle')
const { printError, printRejection } = require('../core/warnings')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('../core/context').VerifiedRecord} VerifiedRecord */

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
   * Throws an `AuthError` unless the context meets the requirements. A guest is rejected with the guest's `guestReason`
   * as the error code. Contexts that this package has not created are also rejected. Returns a promise only if one of
   * the application's functions returns a promise.
   *
   * @type {(auth: AuthContext | undefined, source: unknown) => Promise<void> | void}
   */
  check(auth, source) {
    const record = verifiedRecordOf(auth)
    if (record === undefined) {
      const rejection = rejectionOf(auth)
      const outcome = rejection === undefined ? undefined : 'rejectedGuest'
      throw authError(printRejection(rejection ?? native.rejection('missing_token'), source, outcome))
    }
    const organizationOf = this.#organizationOf
    if (organizationOf === undefined) {
      // Without an `organizationId` function, the core's check of a context always has the same result, so a success is
      // remembered. The application's `check` runs every time.
      if (!record.metRequirements?.has(this)) {
        this.#checkNatively(record, undefined, source)
        record.metRequirements ??= new WeakSet()
        record.metRequirements.add(this)
      }
      return this.#check === undefined ? undefined : this.#checkApplication(auth, source)
    }
    const organization = organizationFrom(organizationOf, source)
    if (isPromise(organization)) {
      return organization.then((settled) => this.#checkForOrganization(settled, record, auth, source))
    }
    return this.#checkForOrganization(organization, record, auth, source)
  }

  /** @type {(organization: string | null, record: VerifiedRecord, auth: AuthContext | undefined, source: unknown) => Promise<void> | void} */
  #checkForOrganization(organization, record, auth, source) {
    this.#checkNatively(record, organization, source)
    return this.#check === undefined ? undefined : this.#checkApplication(auth, source)
  }

  /** @type {(record: VerifiedRecord, organization: string | null | undefined, source: unknown) => void} */
  #checkNatively({ json }, organization, source) {
    const rejection = this.#native.check(json, organization ?? undefined, organization === null)
    if (rejection !== null) throw authError(printRejection(rejection, source))
  }

  /** @type {(auth: any, source: unknown) => Promise<void> | void} */
  #checkApplication(auth, source) {
    const rejection = runCheck(/** @type {Function} */ (this.#check), auth, source)
    const finish = (/** @type {any} */ settled) => throwIfRejected(settled, source)
    return isPromise(rejection) ? rejection.then(finish) : finish(rejection)
  }
}

/** @type {(rejection: InstanceType<typeof import('../core/errors').AuthError> | undefined, source: unknown) => void} */
function throwIfRejected(rejection, source) {
  if (rejection === undefined) return
  printError(rejection, source)
  throw rejection
}

module.exports = { Requirements }
