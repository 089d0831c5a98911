/** Creates the tokens of `logto-authkit dev`. */

const { randomBytes } = require('node:crypto')
const { optionsError } = require('../core/errors')
const { DEFAULT_CLIENT_ID, DEFAULT_ORGANIZATION, DEFAULT_USER } = require('./dev-defaults')
const { decodePart } = require('./jwt-parts')

/**
 * @typedef {import('../testing/index').TestIssuer} TestIssuer
 * @typedef {import('../testing/index').MintOptions} MintOptions
 */

/**
 * The kinds of JWTs. Each function converts the options of a token request, with defaults added, to options for
 * `TestIssuer.mint`.
 *
 * @type {Record<string, (options: MintOptions) => MintOptions>}
 */
const JWT_KINDS = {
  access: (options) => options,
  machine: (options) => ({ ...options, sub: options.clientId }),
  resource: ({ organizationId = DEFAULT_ORGANIZATION, ...options }) => ({ ...options, organizationId }),
  organization: ({ organizationId = DEFAULT_ORGANIZATION, ...options }) => ({
    ...options,
    audience: `urn:logto:organization:${organizationId}`,
  }),
  id: ({ sub, clientId, expiresIn, claims }) => ({
    sub,
    expiresIn,
    audience: clientId,
    header: { typ: undefined },
    claims: { jti: undefined, scope: undefined, client_id: undefined, ...claims },
  }),
}

/** The prefixes of the kinds of tokens that are not JWTs. @type {Record<string, string>} */
const OPAQUE_KINDS = { opaque: '', personal: 'pat_' }

/** The names of all kinds of tokens, starting with the default kind. */
const TOKEN_KINDS = [...Object.keys(JWT_KINDS), ...Object.keys(OPAQUE_KINDS)]

const INVALID_KIND_MESSAGE = `Invalid option "kind": expected ${TOKEN_KINDS.slice(0, -1).join(', ')} or ${TOKEN_KINDS.at(-1)}`

/**
 * Creates a token. If the token is a JWT, also returns its decoded header and claims.
 *
 * @param {Record<string, any>} options - The mint options, and `kind`.
 * @param {TestIssuer} issuer
 */
function createToken({ kind = TOKEN_KINDS[0], ...options }, issuer) {
  if (!TOKEN_KINDS.includes(kind)) throw optionsError(INVALID_KIND_MESSAGE)
  if (Object.hasOwn(OPAQUE_KINDS, kind))
    return { token: OPAQUE_KINDS[kind] + randomBytes(32).toString('base64url'), header: null, claims: null }
  const token = mint(JWT_KINDS[kind]({ sub: DEFAULT_USER, clientId: DEFAULT_CLIENT_ID, ...options }), issuer)
  const [header, claims] = token.split('.', 2).map(decodePart)
  return { token, header, claims }
}

/**
 * Calls `mint`, and adds `kind` to the known options in an error, because `mint` does not know that option.
 *
 * @param {MintOptions} options
 * @param {TestIssuer} issuer
 */
function mint(options, issuer) {
  try {
    return issuer.mint(options)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const [problem, names] = error.message.split('known options are ')
    if (names === undefined) throw error
    throw optionsError(`${problem}known options are ${[...names.split(', '), 'kind'].sort().join(', ')}`)
  }
}

/**
 * Reads token options from the query of `GET /token`, so that scripts can get tokens without sending JSON.
 *
 * @param {import('node:http').IncomingMessage} request
 * @returns {Record<string, any>}
 */
function tokenOptionsFromQuery({ url }) {
  const options = [...new URL(String(url), 'http://localhost').searchParams]
  return Object.fromEntries(options.map(([name, value]) => [name, QUERY_PARSERS.get(name)?.(value) ?? value]))
}

/** Converts text to a number. `Number('')` is 0, which would create an expired token. @param {string} text */
const toNumber = (text) => (text.trim() === '' ? Number.NaN : Number(text))

/**
 * Parses the text of `claims`. Returns a JSON object, or throws an error.
 *
 * @param {string} text
 */
function toClaims(text) {
  try {
    const claims = JSON.parse(text)
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) return claims
  } catch {
    // Invalid JSON causes the same error as JSON that is not an object.
  }
  throw optionsError(`Invalid option "claims": expected a JSON object such as {"roles":["admin"]}, got "${text}"`)
}

/**
 * Parsers for the token options whose values are not strings, keyed by option name.
 *
 * @type {Map<string, (text: string) => unknown>}
 */
const QUERY_PARSERS = new Map([
  ['claims', toClaims],
  ['expiresIn', toNumber],
  ['notBefore', toNumber],
])

module.exports = { TOKEN_KINDS, createToken, tokenOptionsFromQuery }
