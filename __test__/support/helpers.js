/** What several tests need: issuers, keys, tokens made by hand, and the outcome of a verification. */

const assert = require('node:assert/strict')
const { constants, generateKeyPairSync, randomUUID, sign } = require('node:crypto')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { AuthError } = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')

/**
 * @typedef {import('node:test').TestContext} TestContext
 * @typedef {import('logto-authkit').AuthContext} AuthContext
 * @typedef {import('logto-authkit').AuthenticatedContext} AuthenticatedContext
 * @typedef {import('logto-authkit/testing').TestIssuer} TestIssuer
 * @typedef {{ alg: string, privateKey: import('node:crypto').KeyObject, jwk: any }} TestKey
 */

/** The API of the tests, and a Logto that is never asked anything: its keys are given. */
const AUDIENCE = 'https://api.example.com'
const LOGTO_URL = 'https://auth.example.test'
const ISSUER = `${LOGTO_URL}/oidc`

/** @type {(t: TestContext, options?: import('logto-authkit/testing').TestIssuerOptions) => Promise<TestIssuer>} */
async function startIssuer(t, options) {
  const issuer = await createTestIssuer(options)
  t.after(() => issuer.close())
  return issuer
}

/**
 * A server on 127.0.0.1.
 *
 * @param {TestContext} t
 * @param {import('node:http').RequestListener} listener
 * @returns {Promise<{ url: string, port: number, connections: () => number }>}
 */
async function startServer(t, listener) {
  let connections = 0
  const server = createServer(listener).on('connection', () => {
    connections += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { url: `http://127.0.0.1:${port}`, port, connections: () => connections }
}

/**
 * The error that a verification is refused with.
 *
 * @type {(verification: Promise<unknown>) => Promise<AuthError>}
 */
async function refusal(verification) {
  const error = await verification.then(
    () => assert.fail('verified, but it should be refused'),
    (error) => error,
  )
  if (!(error instanceof AuthError)) throw error
  return error
}

/**
 * `'accepted'`, or the code that a verification is refused with.
 *
 * @type {(verification: Promise<unknown>) => Promise<string>}
 */
async function verdict(verification) {
  try {
    await verification
    return 'accepted'
  } catch (error) {
    if (error instanceof AuthError) return error.code
    throw error
  }
}

/**
 * A new key; `jwk` changes how it is published.
 *
 * @type {(alg: string, jwk?: object) => TestKey}
 */
function makeKey(alg, jwk) {
  const { privateKey, publicKey } = generate(alg)
  return { alg, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid: randomUUID(), ...jwk } }
}

/** @type {(alg: string) => import('node:crypto').KeyPairKeyObjectResult} */
function generate(alg) {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519')
  if (alg.startsWith('ES')) return generateKeyPairSync('ec', { namedCurve: `P-${alg.slice(2)}` })
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

/**
 * A compact JWS that is really signed. Header and payload are objects, or the very text or bytes to be encoded.
 *
 * @type {(key: TestKey, header: object | string, payload: object | string) => string}
 */
function compact(key, header, payload) {
  return signed(key, `${encode(header)}.${encode(payload)}`)
}

/** @type {(key: TestKey, input: string) => string} */
function signed(key, input) {
  return `${input}.${signature(key, input).toString('base64url')}`
}

/** @type {(key: TestKey, input: string) => Buffer} */
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

/** @type {(key: TestKey, change?: object) => Record<string, unknown>} */
const headerOf = ({ alg, jwk }, change) => ({ alg, typ: 'at+jwt', kid: jwk.kid, ...change })

/**
 * The claims of a good token of the Logto above.
 *
 * @type {(change?: object) => Record<string, unknown>}
 */
function goodClaims(change) {
  const now = Math.floor(Date.now() / 1000)
  const client = { client_id: 'test-app', iss: ISSUER, aud: AUDIENCE }
  return { jti: randomUUID(), sub: 'test-user', iat: now, exp: now + 3600, scope: '', ...client, ...change }
}

/** @type {(key: TestKey, claims?: object, header?: object) => string} */
const goodToken = (key, claims, header) => compact(key, headerOf(key, header), goodClaims(claims))

/** @type {(token: string) => { headers: { authorization: string } }} */
const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } })

/**
 * Gives every object a member, as a hole in some other package does.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} name
 * @param {unknown} value
 */
function pollute(t, name, value) {
  const prototype = /** @type {any} */ (Object.prototype)
  t.after(() => delete prototype[name])
  prototype[name] = value
}

module.exports = {
  AUDIENCE,
  ISSUER,
  LOGTO_URL,
  bearer,
  compact,
  encode,
  goodClaims,
  goodToken,
  headerOf,
  makeKey,
  pollute,
  refusal,
  signature,
  signed,
  startIssuer,
  startServer,
  verdict,
}
