/** Validates claims with the application's schema, from any library that implements Standard Schema 1. */

const native = require('./addon')
const { authError } = require('./errors')
const { isPromise } = require('./settle')

/** @typedef {import('../..').StandardSchemaV1<unknown, unknown>} Schema */
/** @typedef {Schema['~standard']['validate']} Validate */
/** @typedef {Awaited<ReturnType<Validate>>} ValidationResult */

/**
 * Returns a plain object with only the `version` and `validate` of a schema, which may be a function or an object with
 * further members. Other values are returned unchanged, and the core rejects them.
 *
 * @param {any} value - The `claims` option.
 */
function plainSchema(value) {
  const props =
    (typeof value === 'object' && value !== null) || typeof value === 'function' ? value['~standard'] : undefined
  if (typeof props !== 'object' || props === null || typeof props.validate !== 'function') return value
  /** @type {Validate} */
  const validate = (claims) => props.validate(claims)
  return { '~standard': { version: props.version, validate } }
}

/**
 * Returns the validation function of a schema that `plainSchema` returned.
 *
 * @param {any} schema
 * @returns {Validate}
 */
const validatorOf = (schema) => schema['~standard'].validate

/**
 * Stores the output of the schema in the context. Returns the rejection if the claims are invalid.
 *
 * @param {any} auth
 * @param {Function} validate
 */
function validateClaims(auth, validate) {
  const result = validate(auth.payload)
  return isPromise(result)
    ? Promise.resolve(result).then((settled) => applyValidationResult(auth, settled))
    : applyValidationResult(auth, result)
}

/** @type {(auth: any, result: ValidationResult) => InstanceType<typeof import('./errors').AuthError> | undefined} */
function applyValidationResult(auth, result) {
  if (result.issues !== undefined) return invalidClaimsError(result.issues)
  auth.claims = /** @type {any} */ (result).value
  return undefined
}

/** @param {NonNullable<ValidationResult['issues']>} issues */
function invalidClaimsError(issues) {
  const describedIssues = issues.map(({ message, path }) => ({
    message,
    claim: (path ?? []).map(claimNameOf).join('.') || 'payload',
  }))
  const details = describedIssues.map(({ message, claim }) => `${claim}: ${message}`).join('; ')
  return authError(native.rejection('invalid_claims', describedIssues[0]?.claim ?? 'payload', undefined, details))
}

/** @param {PropertyKey | { readonly key: PropertyKey }} segment */
const claimNameOf = (segment) => String(typeof segment === 'object' ? segment.key : segment)

module.exports = { plainSchema, validateClaims, validatorOf }
