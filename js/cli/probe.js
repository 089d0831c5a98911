/** Questions to the core that take no key of Logto's: tokens signed with a key of this process that nobody trusts. */

const { generateKeyPairSync, randomUUID, sign } = require('node:crypto')
const { AuthError, verifyLogtoToken } = require('../index')

/** @typedef {import('../..').VerifyAuthOptions} Options */

const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})
const jwk = require('node:crypto').createPublicKey(publicKey).export({ format: 'jwk' })

/** The key set of that key. Its id is no token's. */
const THROWAWAY_KEYS = { keys: [{ ...jwk, kid: randomUUID() }] }

/**
 * A token signed with that key.
 *
 * @param {Record<string, unknown>} header - `alg` and `kid` are this key's.
 * @param {string} payload - As it stands in a token.
 */
function signed(header, payload) {
  const text = `${encoded({ ...header, alg: 'EdDSA', kid: undefined })}.${payload}`
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`
}

/** @param {unknown} value */
const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * Why the core refuses a token; null if it does not.
 *
 * @param {string} token
 * @param {Options} options
 * @returns {Promise<import('../..').AuthError | null>}
 */
async function refusal(token, options) {
  try {
    await verifyLogtoToken(token, options)
    return null
  } catch (error) {
    if (error instanceof AuthError) return error
    throw error
  }
}

/**
 * The issuers that these options accept, as the core spells them.
 *
 * @param {Options} options
 * @returns {Promise<string[]>}
 */
async function acceptedIssuers(options) {
  const token = signed({ typ: 'at+jwt' }, encoded({ iss: '' }))
  const { logtoUrl, audience, issuer } = options
  const given = { logtoUrl, audience, ...(issuer === undefined ? {} : { issuer }) }
  const error = await refusal(token, { ...given, jwks: THROWAWAY_KEYS })
  return /** @type {string[]} */ (error?.details.expected)
}

/**
 * Which of these algorithms the core would check with that key of a key set.
 *
 * @param {import('../..').Jwk} key
 * @param {readonly import('../..').Algorithm[]} algorithms
 */
async function servedAlgorithms(key, algorithms) {
  const served = []
  for (const alg of algorithms) {
    const token = `${encoded({ alg, typ: 'at+jwt', kid: key.kid })}.e30.AAAA`
    try {
      const error = await refusal(token, {
        logtoUrl: NOWHERE,
        audience: null,
        jwks: { keys: [key] },
        algorithms: [alg],
      })
      if (error?.code === 'invalid_signature') served.push(alg)
    } catch {
      // No usable key: it serves none.
    }
  }
  return served
}

/** For options that no server belongs to. */
const NOWHERE = 'https://logto.invalid'

/** The option `algorithms` unless it is set. @type {import('../..').Algorithm[]} */
const DEFAULT_ALGORITHMS = ['ES384', 'RS256', 'ES256', 'EdDSA']

module.exports = {
  DEFAULT_ALGORITHMS,
  NOWHERE,
  THROWAWAY_KEYS,
  acceptedIssuers,
  encoded,
  refusal,
  servedAlgorithms,
  signed,
}
