/** @param {string} token @returns {any} the JOSE header of a JWT, unverified */
const headerOf = (token) => JSON.parse(base64UrlDecode(token.split('.')[0]))

/** @param {string} token @returns {any} the claims of a JWT, unverified */
const claimsOf = (token) => JSON.parse(base64UrlDecode(token.split('.')[1]))

/**
 * Replaces the claims but keeps the original signature.
 *
 * @param {string} token
 * @param {object} claims
 */
function withClaims(token, claims) {
  const [header, , signature] = token.split('.')
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
}

/** @param {string | undefined} part */
const base64UrlDecode = (part = '') => Buffer.from(part, 'base64url').toString()

module.exports = { headerOf, claimsOf, withClaims }
