/** The errors for a request that an `Authenticator` has processed. */

const { AuthError, asError } = require('../core/errors')
const { checkRequest, contextOf, recordsByRequest } = require('./authenticator')
const { Requirements } = require('./requirements')

/** @type {InstanceType<typeof Requirements> | undefined} */
let noRequirements

/**
 * Returns the context of a request with a valid token. For any other request, throws the error that `protect` would
 * respond with.
 *
 * @param {object} source
 * @returns {any}
 */
function requireContext(source) {
  noRequirements ??= new Requirements()
  try {
    checkRequest(noRequirements, source)
  } catch (error) {
    throw withMetadataOf(source, error)
  }
  return contextOf(source)
}

/**
 * Adds the resource metadata to the challenge of an `AuthError` that a handler has thrown. Returns all other errors
 * unchanged.
 *
 * @type {<T>(source: object, thrown: T) => T}
 */
function withMetadataOf(source, thrown) {
  const { authenticator, auth } = recordsByRequest.get(source) ?? {}
  return authenticator === undefined ? thrown : authenticator.withResourceMetadata(thrown, auth)
}

/**
 * Returns a rejection and the application's `onError`, if it has one. Rethrows errors that are not rejections.
 *
 * @type {(thrown: unknown, source: object) => { error: InstanceType<typeof AuthError>, onError: Function | undefined }}
 */
function rejectionOf(thrown, source) {
  if (!(thrown instanceof AuthError)) throw asError(thrown)
  return { error: withMetadataOf(source, thrown), onError: recordsByRequest.get(source)?.authenticator.onError }
}

module.exports = { rejectionOf, requireContext, withMetadataOf }
