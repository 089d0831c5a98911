const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { Requirements } = require('../../../js/adapters/requirements')
const { contract } = require('../../../js/core/contract')
const { rejection } = require('../../support/helpers')
const { createKey, optionsFor, signToken } = require('../../support/tokens')
const { rows } = require('../../fixtures/reasons.json')

const key = createKey('ES384')

describe('C3: details.reason', () => {
  for (const { in: source, value, cut = 0, tokenSources, code, reason } of /** @type {any[]} */ (rows)) {
    test(`is ${reason} for ${JSON.stringify(value)} as ${source}${cut ? `, cut by ${cut}` : ''}`, async () => {
      const whole = value.replaceAll('§', () => signToken(key))
      const given = whole.slice(0, whole.length - cut)
      const input = {
        token: () => given,
        authorization: () => ({ headers: { authorization: given } }),
        cookie: () => ({ headers: { cookie: `logto_authtoken=${given}` } }),
        cookies: () => ({ headers: { cookie: given } }),
      }[source]()
      const options = optionsFor(key, tokenSources && { tokenSources })
      for (const verification of [verifyAuth(input, options), createVerifier(options).verify(input)]) {
        const error = await rejection(verification)
        assert.deepEqual([error.code, error.details.reason ?? null], [code, reason])
      }
      if (source === 'token') return
      const guest = /** @type {any} */ (await verifyAuth(input, { ...options, allowGuest: true }))
      assert.deepEqual([guest.isGuest, guest.guestReason], [true, code])
    })
  }

  test('names the other cookie that contains a token', async () => {
    const headers = { cookie: `a=b; session=${signToken(key)}` }
    const { details } = await rejection(verifyAuth({ headers }, optionsFor(key)))
    assert.deepEqual(details, { reason: 'other_cookie', cookie: 'session' })
    const withEmptyBearer = await rejection(
      verifyAuth({ headers: { ...headers, authorization: 'Bearer ' } }, optionsFor(key)),
    )
    assert.deepEqual(withEmptyBearer.details, details)
  })

  test('comes with the issuer of a token with an unknown key, if the issuer is not accepted', async () => {
    const stranger = createKey('ES384')
    const iss = 'https://other.logto.app/oidc'
    const { jwk } = stranger
    const { code, details } = await rejection(verifyAuth(signToken(stranger, { iss }), optionsFor(key)))
    const { issuer } = /** @type {any} */ (optionsFor(key))
    const expected = [issuer ?? `${optionsFor(key).logtoUrl}/oidc`].flat()
    assert.deepEqual([code, details], ['unknown_key', { kid: jwk.kid, unverifiedIss: iss, expected }])
    const own = await rejection(verifyAuth(signToken(stranger), optionsFor(key)))
    assert.deepEqual([own.code, own.details], ['unknown_key', { kid: jwk.kid }])
  })

  test('comes with the subject type that a route does not accept', async () => {
    const auth = await verifyAuth(signToken(key, { sub: 'client', client_id: 'client' }), optionsFor(key))
    const check = async () => new Requirements({ subjectType: 'user' }).check(auth, {})
    const { code, details } = await rejection(check())
    assert.deepEqual([code, details], ['missing_role', { subjectType: 'machine' }])
  })

  test('is always one of the words in the contract', () => {
    const words = contract().reasons.map(({ reason }) => reason)
    assert.equal(new Set(words).size, words.length)
    for (const { reason } of rows) assert.ok(reason === null || words.includes(reason), String(reason))
  })
})
