/** Creates signing keys and access tokens for all tests, using only Node's own cryptography. */

const { constants, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign } = require('node:crypto')

/**
 * @typedef {{ alg: string, privateKey: import('node:crypto').KeyObject, jwk: any }} SigningKey
 * @typedef {SigningKey & { sign: (issuer: string, changes?: { claims?: object, header?: object }) => string }} Key
 */

/** The API under test, and a Logto server that no test contacts, because its keys are passed in. */
const AUDIENCE = 'https://api.example.com'
const LOGTO_URL = 'https://auth.example.test'
const ISSUER = `${LOGTO_URL}/oidc`

/**
 * A new signing key. `jwk` adds members to the published key, or replaces them. The core verifies ES256 on the calling
 * thread, and concurrent ES384 tokens on a thread pool.
 */
function createKey(alg = 'ES256', jwk) {
  // The keys are exported while they are generated, because Node 20 can deadlock if it collects a finished generation
  // while a key object that came from it is being exported.
  const encodings = {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }
  const [type, parameters] = alg.startsWith('Ed')
    ? ['ed25519', {}]
    : alg.startsWith('ES')
      ? ['ec', { namedCurve: alg === 'ES512' ? 'P-521' : `P-${alg.slice(2)}` }]
      : ['rsa', { modulusLength: 2048 }]
  const pair = generateKeyPairSync(/** @type {any} */ (type), { ...parameters, ...encodings })
  const published = createPublicKey(String(pair.publicKey)).export({ format: 'jwk' })
  const privateKey = createPrivateKey(String(pair.privateKey))
  const key = { alg, privateKey, jwk: { ...published, kid: randomUUID(), ...jwk } }
  return {
    ...key,
    sign: (issuer, { claims, header } = /** @type {any} */ ({})) => signToken(key, { iss: issuer, ...claims }, header),
  }
}

/** A valid token with some claims and header members added or replaced; `undefined` removes one. */
const signToken = (key, claims, header) => signParts(key, headerFor(key, header), validClaims(claims))

const headerFor = ({ alg, jwk }, changes) => ({ alg, typ: 'at+jwt', kid: jwk.kid, ...changes })

function validClaims(changes) {
  const now = Math.floor(Date.now() / 1000)
  const client = { client_id: 'test-app', iss: ISSUER, aud: AUDIENCE }
  return { jti: randomUUID(), sub: 'alice', iat: now, exp: now + 3600, scope: '', ...client, ...changes }
}

/** A compact JWS with a correct signature. Header and payload are objects, or the exact text or bytes to encode. */
const signParts = (key, header, payload) => withSignature(key, `${encode(header)}.${encode(payload)}`)

const withSignature = (key, input) => `${input}.${signature(key, input).toString('base64url')}`

function signature({ alg, privateKey }, input) {
  const hash = alg.startsWith('Ed') ? null : `sha${alg.slice(2)}`
  const padding = alg.startsWith('PS') ? constants.RSA_PKCS1_PSS_PADDING : undefined
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
  return sign(hash, Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363', padding, saltLength })
}

function encode(part) {
  const bytes = typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part)
  return Buffer.from(bytes).toString('base64url')
}

/** The first token with the signature of the second. */
const withSignatureOf = (token, other) =>
  `${token.slice(0, token.lastIndexOf('.'))}${other.slice(other.lastIndexOf('.'))}`

/** The claims of a token, without any check. */
const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())

/** Options that accept the tokens of these keys without any network access. */
const optionsFor = (keys, changes) => ({
  logtoUrl: LOGTO_URL,
  audience: AUDIENCE,
  jwks: { keys: [keys].flat().map(({ jwk }) => jwk) },
  ...changes,
})

const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } })

module.exports = {
  AUDIENCE,
  ISSUER,
  LOGTO_URL,
  bearer,
  claimsOf,
  createKey,
  encode,
  headerFor,
  optionsFor,
  signParts,
  signToken,
  signature,
  validClaims,
  withSignature,
  withSignatureOf,
}
