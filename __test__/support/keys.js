/** Signing keys and the tokens they sign, made at once: for tests that need several keys, or thousands of tokens. */

const { createPublicKey, generateKeyPairSync, randomUUID, sign } = require('node:crypto')

/**
 * @typedef {'ES256' | 'ES384'} Alg
 * @typedef {{ claims?: Record<string, unknown>, header?: Record<string, unknown> }} Changes
 * @typedef {ReturnType<typeof createKey>} Key
 */

/**
 * An ES256 token is checked on the thread that asks, an ES384 token on a thread of the library's.
 *
 * @param {{ alg?: Alg, kid?: string }} [options]
 */
function createKey({ alg = 'ES256', kid = randomUUID() } = {}) {
  const { namedCurve, hash } = ALGORITHMS[alg]
  // Exported as they are made, because Node 20 can lock itself up when it collects a finished generation while the
  // key object that came of it is exported.
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })

  return {
    jwk: { ...createPublicKey(publicKey).export({ format: 'jwk' }), kid, alg, use: 'sig' },

    /**
     * A token of that issuer, with claims and header members added or replaced.
     *
     * @param {string} issuer
     * @param {Changes} [changes]
     */
    sign(issuer, { claims, header } = {}) {
      const now = Math.floor(Date.now() / 1000)
      const payload = {
        iss: issuer,
        aud: AUDIENCE,
        sub: 'alice',
        client_id: 'app',
        scope: '',
        exp: now + 3600,
        ...claims,
      }
      const signed = `${encode({ alg, typ: 'at+jwt', kid, ...header })}.${encode({ jti: randomUUID(), ...payload })}`
      const signature = sign(hash, Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${signed}.${signature.toString('base64url')}`
    },
  }
}

/** @param {object} value */
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

const AUDIENCE = 'https://api.example.com'
const ALGORITHMS = {
  ES256: { namedCurve: 'P-256', hash: 'sha256' },
  ES384: { namedCurve: 'P-384', hash: 'sha384' },
}

module.exports = { AUDIENCE, createKey }
