/** The organization that the application requires for a request. */

const { invalidOption } = require('./errors')
const { isPromise } = require('./settle')

/**
 * Returns the organization that the application's function requires for a request. If the request names no
 * organization, returns `''`, which matches no token. A missing route parameter, for instance, must not disable the
 * check.
 *
 * @type {(organizationOf: Function, source: unknown) => string | null | Promise<string | null>}
 */
function organizationFrom(organizationOf, source) {
  const id = organizationOf(source)
  return isPromise(id) ? Promise.resolve(id).then(organizationId) : organizationId(id)
}

/**
 * @param {any} id
 * @returns {string | null}
 */
function organizationId(id) {
  if (id === null || typeof id === 'string') return id
  // Query parsers return an array or an object for `?org=a&org=b` and `?org[x]=a`. An array or object must not cause an
  // application error, because any client can send one.
  if (id === undefined || typeof id === 'object') return ''
  throw invalidOption('organizationId', 'it to return an organization id, null or undefined', id)
}

module.exports = { organizationFrom }
