/**
 * Libraries that verify tokens, used as their authors recommend. Each library checks the signature, `iss`, `aud`, `exp`
 * and the scope.
 */

const { createPublicKey } = require('node:crypto')
const nodeRs = require('@node-rs/jsonwebtoken')
const { JwtVerifier } = require('aws-jwt-verify')
const fastJwt = require('fast-jwt')
const jose = require('jose')
const jsonwebtoken = require('jsonwebtoken')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { AUDIENCE, SCOPE } = require('./tokens')

/**
 * @typedef {object} Setup
 * @property {string} logtoUrl
 * @property {string} issuer
 * @property {string} jwksUri
 * @property {import('./tokens').Key} key
 * @property {number} [inFlight] - Number of concurrent verifications.
 *
 * @typedef {((input: any) => any) & { hits?: () => number }} Verify - Rejects or throws if the token is invalid. `hits`
 * returns the number of cache hits.
 * @typedef {object} Peer
 * @property {string} name
 * @property {string} [unsupported] - An algorithm that the library does not support.
 * @property {boolean} [cachesTokens] - Whether the library caches verified tokens.
 * @property {(token: string) => unknown} [prepare] - Converts a token to the input of `verify` before the measurement.
 * @property {(setup: Setup) => Verify} create - Returns a verification function with an empty cache.
 */

const OURS = 'logto-authkit'
const OUR_REQUEST = `${OURS}, verify(req)`
const OUR_LITERAL = `${OURS}, verifyAuth(req, {…})`
const ORIGINAL = '@ouim/logto-authkit'

/** Verifiers with the same key set and cache size share a cache, so each verifier gets a different size. */
let nextCacheSize = 5000

/** @type {Peer[]} */
const PEERS = [
  { name: OURS, cachesTokens: true, create: ourPeer },
  { name: OUR_REQUEST, cachesTokens: true, prepare: bearer, create: ourPeer },
  {
    name: OUR_LITERAL,
    cachesTokens: true,
    prepare: bearer,
    create({ logtoUrl }) {
      const tokenCacheSize = nextCacheSize++
      return (req) => verifyAuth(req, { logtoUrl, audience: AUDIENCE, requiredScope: SCOPE, tokenCacheSize })
    },
  },
  {
    name: 'jose',
    create({ issuer, jwksUri, key }) {
      const keys = jose.createRemoteJWKSet(new URL(jwksUri))
      const options = { issuer, audience: AUDIENCE, algorithms: [key.alg], requiredClaims: ['exp'] }
      return async (token) => requireScope((await jose.jwtVerify(token, keys, options)).payload)
    },
  },
  {
    name: ORIGINAL,
    create({ issuer, key }) {
      const keys = [key.jwk]
      return async (token) => {
        const { kid, alg } = jose.decodeProtectedHeader(token)
        const key = await jose.importJWK(
          keys.find((jwk) => jwk.kid === kid),
          alg,
        )
        return requireScope((await jose.jwtVerify(token, key, { issuer, audience: AUDIENCE })).payload)
      }
    },
  },
  { name: 'fast-jwt', create: (setup) => fastJwtPeer(setup, false) },
  { name: 'fast-jwt, cache', cachesTokens: true, create: (setup) => fastJwtPeer(setup, true) },
  {
    name: 'jsonwebtoken',
    unsupported: 'EdDSA',
    create({ issuer, key }) {
      const publicKey = createPublicKey(key.publicKey)
      const options = { issuer, audience: AUDIENCE, algorithms: [/** @type {any} */ (key.alg)] }
      return (token) => requireScope(jsonwebtoken.verify(token, publicKey, options))
    },
  },
  {
    name: 'aws-jwt-verify',
    create({ issuer, jwksUri, key }) {
      const verifier = JwtVerifier.create({ issuer, audience: AUDIENCE, scope: SCOPE, jwksUri })
      verifier.cacheJwks({ keys: [key.jwk] })
      return (token) => verifier.verify(token)
    },
  },
  {
    // Sequential verifications are synchronous, because the library's thread pool helps only with concurrent ones.
    name: '@node-rs/jsonwebtoken',
    create({ issuer, key, inFlight = 1 }) {
      const options = { iss: [issuer], aud: [AUDIENCE], algorithms: [/** @type {any} */ (key.alg)], leeway: 0 }
      if (inFlight === 1) return (token) => requireScope(nodeRs.verifySync(token, key.publicKey, options))
      return async (token) => requireScope(await nodeRs.verify(token, key.publicKey, options))
    },
  },
]

/** @param {Setup} setup */
function ourPeer({ logtoUrl }) {
  const options = { logtoUrl, audience: AUDIENCE, requiredScope: SCOPE, tokenCacheSize: nextCacheSize++ }
  const verifier = createVerifier(options)
  const verify = (/** @type {any} */ input) => verifier.verify(input)
  return Object.assign(verify, { hits: () => verifier.stats().tokens.hits })
}

/**
 * @param {Setup} setup
 * @param {boolean} cache - Whether to enable the library's cache of 1,000 tokens.
 */
function fastJwtPeer({ issuer, key }, cache) {
  const verify = fastJwt.createVerifier({
    key: key.publicKey,
    algorithms: [/** @type {any} */ (key.alg)],
    allowedIss: issuer,
    allowedAud: AUDIENCE,
    requiredClaims: ['exp'],
    cache,
  })
  return (/** @type {string} */ token) => requireScope(verify(token))
}

/** Checks the scope, for libraries that cannot check scopes. @param {any} payload */
function requireScope(payload) {
  if (!payload.scope.split(' ').includes(SCOPE)) throw new Error('Missing scope')
  return payload
}

/** @param {string} token */
function bearer(token) {
  return { headers: { authorization: `Bearer ${token}` } }
}

/**
 * Returns the names of the samples that a library accepts.
 *
 * @param {(token: string) => unknown} verify
 * @param {ReturnType<typeof import('./tokens').samples>} samples
 */
async function acceptedSamples(verify, { good, bad }) {
  const names = []
  for (const [name, token] of Object.entries({ good, ...bad })) {
    const isAccepted = await new Promise((resolve) => resolve(verify(token))).then(
      (result) => result !== false,
      () => false,
    )
    if (isAccepted) names.push(name)
  }
  return names
}

module.exports = { ORIGINAL, OURS, OUR_LITERAL, OUR_REQUEST, PEERS, acceptedSamples, bearer, requireScope }
