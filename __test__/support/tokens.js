/** The one place where tests create signing keys and access tokens. It uses nothing but Node's own cryptography. */

const { constants, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign } = require('node:crypto')

/**
 * @typedef {{ alg: string, privateKey: import('node:crypto').KeyObject, jwk: any }} SigningKey
 * @typedef {SigningKey & { sign: (issuer: string, changes?: { claims?: object, header?: object }) => string }} Key
 */

/** The API under test, and a Logto that no test ever contacts: its keys are passed in. */
const AUDIENCE = 'https://api.example.com'
const LOGTO_URL = 'https://auth.example.test'
const ISSUER = `${LOGTO_URL}/oidc`

/**
 * A new signing key. The core verifies ES256 on the calling thread and ES384 on a thread pool, if it is busy.
 *
 * @param {string} [alg]
 * @param {object} [jwk] - Members to add to the published key, or to replace.
 * @returns {Key}
 */
function createKey(alg = 'ES256', jwk) {
  // The keys are exported while they are generated, because Node 20 can deadlock if it collects a finished generation
  // while a key object that came from it is being exported.
  const encodings = {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }
  const [type, parameters] =
    alg === 'EdDSA'
      ? ['ed25519', {}]
      : alg.startsWith('ES')
        ? ['ec', { namedCurve: `P-${alg.slice(2)}` }]
        : ['rsa', { modulusLength: 2048 }]
  const pair = generateKeyPairSync(/** @type {any} */ (type), { ...parameters, ...encodings })
  const published = createPublicKey(String(pair.publicKey)).export({ format: 'jwk' })
  const privateKey = createPrivateKey(String(pair.privateKey))
  const key = { alg, privateKey, jwk: { ...published, kid: randomUUID(), ...jwk } }
  return { ...key, sign: (issuer, { claims, header } = {}) => signToken(key, { iss: issuer, ...claims }, header) }
}

/**
 * A valid token with some claims and header members added or replaced; `undefined` removes one.
 *
 * @type {(key: SigningKey, claims?: object, header?: object) => string}
 */
const signToken = (key, claims, header) => signParts(key, headerFor(key, header), validClaims(claims))

/** @type {(key: SigningKey, changes?: object) => Record<string, unknown>} */
const headerFor = ({ alg, jwk }, changes) => ({ alg, typ: 'at+jwt', kid: jwk.kid, ...changes })

/** @type {(changes?: object) => Record<string, unknown>} */
function validClaims(changes) {
  const now = Math.floor(Date.now() / 1000)
  const client = { client_id: 'test-app', iss: ISSUER, aud: AUDIENCE }
  return { jti: randomUUID(), sub: 'alice', iat: now, exp: now + 3600, scope: '', ...client, ...changes }
}

/**
 * A compact JWS with a correct signature. Header and payload are objects, or the exact text or bytes to encode.
 *
 * @type {(key: SigningKey, header: object | string, payload: object | string) => string}
 */
const signParts = (key, header, payload) => withSignature(key, `${encode(header)}.${encode(payload)}`)

/** @type {(key: SigningKey, input: string) => string} */
const withSignature = (key, input) => `${input}.${signature(key, input).toString('base64url')}`

/** @type {(key: SigningKey, input: string) => Buffer} */
function signature({ alg, privateKey }, input) {
  const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`
  const padding = alg.startsWith('PS') ? constants.RSA_PKCS1_PSS_PADDING : undefined
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
  return sign(hash, Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363', padding, saltLength })
}

/** @type {(part: object | string) => string} */
function encode(part) {
  const bytes = typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part)
  return Buffer.from(bytes).toString('base64url')
}

/** The first token with the signature of the second. @type {(token: string, other: string) => string} */
const withSignatureOf = (token, other) =>
  `${token.slice(0, token.lastIndexOf('.'))}${other.slice(other.lastIndexOf('.'))}`

/** The claims of a token, without any check. @type {(token: string) => any} */
const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())

/**
 * Options that accept the tokens of these keys without any network access.
 *
 * @type {(keys: SigningKey | SigningKey[], changes?: object) => any}
 */
const optionsFor = (keys, changes) => ({
  logtoUrl: LOGTO_URL,
  audience: AUDIENCE,
  jwks: { keys: [keys].flat().map(({ jwk }) => jwk) },
  ...changes,
})

/** @type {(token: string) => { headers: { authorization: string } }} */
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
