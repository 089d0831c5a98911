/** Contents of tokens, cookies and keys never appear in errors, diagnostics messages, console output or statistics. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { inspect } = require('node:util')
const { AuthError, createVerifier, hasScopes, requireRole, requireScopes, verifyAuth } = require('logto-authkit')
const { logtoAuth } = require('logto-authkit/express')
const { inChild } = require('../support/child')
const { EXPRESSES } = require('../support/frameworks')
const { AUDIENCE, bearer, messagesOf, startIssuer, startServer } = require('../support/helpers')

/** A string in every token, cookie and unused claim. No part of this string may appear in any output. */
const MARK = 'q7Zk2mXw9RtL4vBn'

const CUSTOM = { jti: `${MARK}jti`, email: `${MARK}@example.test`, custom: { secret: MARK } }

/** Every reason for a rejection, each with a marked token. */
const REJECTED = {
  ambiguous_token: {},
  opaque_token: { edit: () => `${MARK}${MARK}opaque` },
  malformed_token: { mint: { header: { crit: ['exp'], x: MARK } } },
  unsupported_algorithm: { mint: { header: { alg: 'none', x: MARK } } },
  invalid_token_type: { mint: { header: { typ: 'JWT', x: MARK } } },
  unknown_key: { mint: { header: { kid: 'unknown', x: MARK } } },
  invalid_signature: { edit: (token) => `${token.slice(0, -20)}${MARK}${token.slice(-4)}` },
  invalid_claims: { mint: { claims: { exp: MARK } } },
  invalid_issuer: { mint: { claims: { iss: 'https://other.example.test' } } },
  invalid_audience: { mint: { audience: 'https://other.example.test' } },
  token_expired: { options: { currentDate: new Date('2100-01-01') } },
  token_not_active: { mint: { notBefore: 60 } },
  token_revoked: { options: { isRevoked: () => true } },
  wrong_organization: { options: { organizationId: 'mine' } },
  missing_scope: { options: { requiredScope: 'a' } },
  missing_role: { options: { requiredRole: 'admin' } },
  jwks_unavailable: { options: { jwksUri: 'http://127.0.0.1:1/jwks' } },
}

for (const [code, { mint, edit = String, options }] of Object.entries(REJECTED)) {
  test(`${code} never reveals any part of the token or the cookies`, async (t) => {
    const issuer = await startIssuer(t, { alg: 'ES256' })
    const token = edit(issuer.mint({ ...mint, claims: { ...CUSTOM, ...mint?.claims } }))
    const other = issuer.mint({ claims: CUSTOM })
    const cookie = `session=${MARK}; guest_logto_authtoken=${MARK}; x=${token.slice(0, 40)}`
    const all = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, ...options }
    const verifier = createVerifier(all)
    const doubled = code === 'ambiguous_token' ? [`Bearer ${token}`, `Bearer ${other}`] : `Bearer ${token}`
    const requests = [
      { headers: { authorization: doubled, cookie } },
      { headers: { cookie: `${cookie}; logto_authtoken=${token}` } },
    ]
    if (code === 'ambiguous_token') requests[1].headers.cookie += `; logto_authtoken=${other}`
    const inputs = code === 'ambiguous_token' ? requests : [...requests, token]
    const seen = []
    const messages = messagesOf(t, 'logto-authkit:verify', 'logto-authkit:jwks')
    for (const input of inputs) {
      const error = await verifier.verify(/** @type {any} */ (input)).catch((error) => error)
      assert.ok(error instanceof AuthError, inspect(error))
      assert.equal(error.code, code)
      seen.push(error)
    }
    const guest = await verifyAuth(bearer(token), { ...all, allowGuest: true })
    if (guest.isGuest) seen.push({ ...guest, guestId: null })
    seen.push(verifier.stats())
    for (const [framework, express] of Object.entries(EXPRESSES)) {
      const app = express().use(logtoAuth(all))
      const { url } = await startServer(t, app)
      const response = await fetch(url, { headers: { authorization: [doubled].flat().join(), cookie } })
      seen.push([framework, response.status, [...response.headers], await response.text()])
    }
    assert.ok(messages.filter(({ outcome }) => outcome === code).length > inputs.length)
    seen.push(messages)
    assertClean(seen, [token, other, cookie])
  })
}

test('the check finds a secret in each of these places', () => {
  const places = [
    new Error(MARK),
    new Error('x', { cause: new Error(MARK) }),
    { details: { kid: [`a${MARK}`] } },
    [[MARK]],
  ]
  for (const place of places) assert.throws(() => assertClean(place, []), inspect(place))
  assert.throws(() => assertClean({ url: '/?token=abcdefghijklmnop' }, ['xx.abcdefghijklmnop']))
})

test('permission helpers reveal only the claims that they check', () => {
  const payload = { ...CUSTOM, scope: 'a', roles: ['viewer'] }
  const thrown = [() => requireScopes(payload, 'b'), () => requireRole(payload, 'admin')].map((act) => {
    try {
      act()
    } catch (error) {
      return error
    }
    return assert.fail('it passed')
  })
  assert.equal(hasScopes(payload, 'b'), false)
  assertClean(thrown, [])
})

test('an invalid option reveals no key and no token', () => {
  const key = { kty: 'oct', kid: MARK, k: MARK, d: MARK }
  const wrong = [
    { logtoUrl: 'https://auth.example.test', audience: AUDIENCE, jwks: { keys: [key] } },
    { logtoUrl: 'https://auth.example.test', audience: AUDIENCE, jwks: JSON.stringify({ keys: [key] }).slice(0, 4) },
    { logtoUrl: 'https://auth.example.test', audience: AUDIENCE, getToken: { token: MARK } },
  ]
  assertClean(
    wrong.map((options) => {
      try {
        return createVerifier(/** @type {any} */ (options)) && assert.fail('it passed')
      } catch (error) {
        assert.equal(/** @type {any} */ (error).code, 'invalid_options')
        return error
      }
    }),
    [],
  )
})

test('neither an accepted nor a rejected token appears in statistics or on the console', async () => {
  const { code, stdout, stderr } = await inChild(
    async ({ mark, claims }) => {
      const { createVerifier, verifyAuth } = require('logto-authkit')
      const { createTestIssuer } = require('logto-authkit/testing')
      const issuer = await createTestIssuer()
      const options = { logtoUrl: issuer.logtoUrl, audience: null }
      const verifier = createVerifier(options)
      await verifier.verify(issuer.mint({ claims }))
      await verifyAuth({ headers: { cookie: `a=${mark}; logto_authtoken=${mark}.${mark}.${mark}` } }, options).catch(
        () => {},
      )
      // This deliberately triggers a warning, which is about options.
      await verifyAuth(`${mark}.${mark}.${mark}`, { ...options, jwksUri: 'http://keys.example.test:1/' }).catch(
        () => {},
      )
      console.log(JSON.stringify(verifier.stats()))
      await issuer.close()
    },
    { mark: MARK, claims: CUSTOM },
  )
  assert.equal(code, 0, stderr)
  assert.match(stderr, /LOGTO_AUTHKIT_PLAIN_HTTP/)
  assertClean([stdout, stderr], [])
})

function assertClean(seen, secrets) {
  const text = `${inspect(seen, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null })}\n${plain(seen)}`
  assert.equal(text.includes(MARK.slice(0, 12)), false, text)
  assert.equal(text.includes(Buffer.from(MARK).toString('base64url').slice(2, 14)), false, text)
  for (const secret of secrets) {
    for (let at = 0; at + 12 <= secret.length; at += 1) {
      const part = secret.slice(at, at + 12)
      assert.equal(text.includes(part), false, `${part} in ${text}`)
    }
  }
}

/** All own properties and causes, as text. */
function plain(value, depth = 0) {
  if (typeof value !== 'object' || value === null || depth > 10) return String(value)
  const names = Reflect.ownKeys(value)
  return [JSON.stringify(value), String(value), ...names.map((name) => plain(value[name], depth + 1))].join('\n')
}
