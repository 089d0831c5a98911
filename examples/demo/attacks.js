const { createHmac, createPublicKey, generateKeyPairSync, sign } = require('node:crypto')
const { createServer } = require('node:http')
const { invalidateJwksCache, verifyAuth } = require('logto-authkit')
const { ORDERS, REPORTS } = require('./identity-server.js')
const { claimsOf, headerOf, withClaims } = require('./token-parts.js')
const { check, rejected } = require('./verdict.js')

/**
 * Six attacks with tokens that a client without permission can create from a valid token.
 *
 * @param {import('./identity-server.js').IdentityServer} server
 */
async function attackRows(server) {
  const token = await server.requestToken(ORDERS, 'read:orders')
  const { keys } = /** @type {any} */ (await (await fetch(`${server.logtoUrl}/oidc/jwks`)).json())
  const attacker = await startKeyServer()
  const api = { logtoUrl: server.logtoUrl, audience: ORDERS }
  const attack = (/** @type {string} */ name, /** @type {string} */ code, /** @type {string} */ forged) =>
    check(name, rejected(401, code), verifyAuth({ headers: { authorization: `Bearer ${forged}` } }, api))

  const [header, claims] = [headerOf(token), claimsOf(token)]
  const admin = { ...claims, scope: 'read:orders write:orders' }
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const ownKey = publicKey.export({ format: 'jwk' })
  const forge = (/** @type {object} */ more) => signed({ ...header, ...more }, admin, ecSignature(privateKey))
  const jwk = keys.find((/** @type {any} */ { kid }) => kid === header.kid)
  const secret = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const hmac = (/** @type {string} */ input) => createHmac('sha256', secret).update(input).digest('base64url')

  const rows = [
    await attack('Scope added to a signed token', 'invalid_signature', withClaims(token, admin)),
    await attack(
      'Signature removed (alg: none)',
      'malformed_token',
      signed({ ...header, alg: 'none' }, admin, () => ''),
    ),
    await attack(
      'Public key as a secret (HS256)',
      'unsupported_algorithm',
      signed({ ...header, alg: 'HS256' }, admin, hmac),
    ),
    await attack("Attacker's key in the token (jwk)", 'unknown_key', forge({ kid: 'own', jwk: ownKey })),
    await attack("Attacker's key server (jku)", 'unknown_key', forge({ kid: 'own', jku: attacker.url })),
    await attack(
      'Token for another API replayed',
      'invalid_audience',
      await server.requestToken(REPORTS, 'read:reports'),
    ),
  ]
  await attacker.close()
  // The made-up key ids have caused fetches, whose cooldown would delay the next demonstration.
  invalidateJwksCache(server.logtoUrl)
  const asked = { name: "Requests to the attacker's key server", expected: '0', got: String(attacker.requests()) }
  return [...rows, { ...asked, ok: asked.got === asked.expected, detail: '' }]
}

/**
 * @param {object} header
 * @param {object} claims
 * @param {(input: string) => string} signature
 */
function signed(header, claims, signature) {
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${signature(input)}`
}

/** @param {import('node:crypto').KeyObject} key */
const ecSignature = (key) => (/** @type {string} */ input) =>
  sign('sha384', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')

/** A server that counts requests. */
async function startKeyServer() {
  let requests = 0
  const server = createServer((_request, response) => {
    requests += 1
    response.end('{"keys":[]}')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${port}/jwks`,
    requests: () => requests,
    close: () => new Promise((resolve) => server.close(() => resolve(undefined))),
  }
}

module.exports = { attackRows }
