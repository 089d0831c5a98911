/** Libraries that verify a token, each as its authors recommend, all with the same checks: signature, iss, aud, exp, scope. */

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
 * @property {number} [inFlight] how many verifications will be under way
 *
 * @typedef {((input: any) => any) & { hits?: () => number }} Verify rejects or throws if the token is bad; may tell how many
 * it has remembered
 * @typedef {object} Peer
 * @property {string} name
 * @property {string} [lacks] an algorithm that it cannot do
 * @property {boolean} [remembers] tokens that it has seen
 * @property {(token: string) => unknown} [prepare] what it is given, if that is not the token; made in advance
 * @property {(setup: Setup) => Verify} create with nothing remembered yet
 */

const OURS = 'logto-authkit'
const OUR_REQUEST = `${OURS}, verify(req)`
const OUR_LITERAL = `${OURS}, verifyAuth(req, {…})`
const ORIGINAL = "the original kit's way"

/** Verifiers of one key set and size share what they remember, so each has a size of its own. */
let size = 5000

/** @type {Peer[]} */
const PEERS = [
  { name: OURS, remembers: true, create: kept },
  { name: OUR_REQUEST, remembers: true, prepare: bearer, create: kept },
  {
    name: OUR_LITERAL,
    remembers: true,
    prepare: bearer,
    create({ logtoUrl }) {
      const tokenCacheSize = size++
      return (req) => verifyAuth(req, { logtoUrl, audience: AUDIENCE, requiredScope: SCOPE, tokenCacheSize })
    },
  },
  {
    name: 'jose',
    create({ issuer, jwksUri, key }) {
      const keys = jose.createRemoteJWKSet(new URL(jwksUri))
      const options = { issuer, audience: AUDIENCE, algorithms: [key.alg], requiredClaims: ['exp'] }
      return async (token) => scoped((await jose.jwtVerify(token, keys, options)).payload)
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
        return scoped((await jose.jwtVerify(token, key, { issuer, audience: AUDIENCE })).payload)
      }
    },
  },
  { name: 'fast-jwt', create: (setup) => fast(setup, false) },
  { name: 'fast-jwt, cache', remembers: true, create: (setup) => fast(setup, true) },
  {
    name: 'jsonwebtoken',
    lacks: 'EdDSA',
    create({ issuer, key }) {
      const publicKey = createPublicKey(key.publicKey)
      const options = { issuer, audience: AUDIENCE, algorithms: [/** @type {any} */ (key.alg)] }
      return (token) => scoped(jsonwebtoken.verify(token, publicKey, options))
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
    // On its threads where several verifications are under way, as one at a time pays only for the way there.
    name: '@node-rs/jsonwebtoken',
    create({ issuer, key, inFlight = 1 }) {
      const options = { iss: [issuer], aud: [AUDIENCE], algorithms: [/** @type {any} */ (key.alg)], leeway: 0 }
      if (inFlight === 1) return (token) => scoped(nodeRs.verifySync(token, key.publicKey, options))
      return async (token) => scoped(await nodeRs.verify(token, key.publicKey, options))
    },
  },
]

/** @param {Setup} setup */
function kept({ logtoUrl }) {
  const options = { logtoUrl, audience: AUDIENCE, requiredScope: SCOPE, tokenCacheSize: size++ }
  const verifier = createVerifier(options)
  const verify = (/** @type {any} */ input) => verifier.verify(input)
  return Object.assign(verify, { hits: () => verifier.stats().tokens.hits })
}

/**
 * @param {Setup} setup
 * @param {boolean} cache - of 1,000 tokens
 */
function fast({ issuer, key }, cache) {
  const verify = fastJwt.createVerifier({
    key: key.publicKey,
    algorithms: [/** @type {any} */ (key.alg)],
    allowedIss: issuer,
    allowedAud: AUDIENCE,
    requiredClaims: ['exp'],
    cache,
  })
  return (/** @type {string} */ token) => scoped(verify(token))
}

/** For libraries that leave scopes to their users. @param {any} payload */
function scoped(payload) {
  if (!payload.scope.split(' ').includes(SCOPE)) throw new Error('Missing scope')
  return payload
}

/** @param {string} token */
function bearer(token) {
  return { headers: { authorization: `Bearer ${token}` } }
}

/**
 * What a side accepts of the samples, by name.
 *
 * @param {(token: string) => unknown} verify
 * @param {ReturnType<typeof import('./tokens').samples>} samples
 */
async function accepted(verify, { good, bad }) {
  const names = []
  for (const [name, token] of Object.entries({ good, ...bad })) {
    const passes = await new Promise((resolve) => resolve(verify(token))).then(
      (answer) => answer !== false,
      () => false,
    )
    if (passes) names.push(name)
  }
  return names
}

module.exports = { ORIGINAL, OURS, OUR_LITERAL, OUR_REQUEST, PEERS, accepted, bearer, scoped }
