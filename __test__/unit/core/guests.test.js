const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { inspect } = require('node:util')
const { createVerifier, verifyAuth, verifyLogtoToken } = require('logto-authkit')
const { AUDIENCE, LOGTO_URL, bearer, goodToken, makeKey, startIssuer, verdict } = require('../../support/helpers')

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const key = makeKey('EdDSA')

test('a request without a token becomes a guest, if guests are allowed', async () => {
  const { guestId, ...rest } = await guest({ headers: {} })
  assert.match(guestId, UUID_V4)
  assert.deepEqual(rest, {
    userId: null,
    isAuthenticated: false,
    payload: null,
    isGuest: true,
    scopes: [],
    clientId: null,
    organizationId: null,
    subjectType: 'guest',
    guestReason: 'missing_token',
  })
})

test('nobody becomes a guest unless guests are allowed', async () => {
  for (const allowGuest of [undefined, false]) {
    assert.equal(await verdict(verifyAuth({ headers: {} }, own({ allowGuest }))), 'missing_token')
  }
})

test('a good token makes no guest', async () => {
  const auth = await verifyAuth(bearer(goodToken(key)), own())
  assert.deepEqual([auth.isGuest, auth.isAuthenticated, auth.userId], [false, true, 'test-user'])
  assert.equal('guestId' in auth, false)
})

describe('a guest is told from another by the reason', () => {
  const good = goodToken(key, { scope: 'read' })
  for (const [reason, request, options] of /** @type {[string, any, object][]} */ ([
    ['missing_token', { headers: {} }, {}],
    ['ambiguous_token', { headers: { authorization: [`Bearer ${good}`, `Bearer ${good}`] } }, {}],
    ['opaque_token', bearer('opaque'), {}],
    ['malformed_token', bearer('a.b'), {}],
    ['unsupported_algorithm', bearer(goodToken(key, {}, { alg: 'none' })), {}],
    ['invalid_token_type', bearer(goodToken(key, {}, { typ: 'JWT' })), {}],
    ['unknown_key', bearer(goodToken(makeKey('EdDSA'))), {}],
    ['invalid_signature', bearer(goodToken(makeKey('EdDSA'), {}, { kid: key.jwk.kid })), {}],
    ['invalid_claims', bearer(goodToken(key, { exp: 'never' })), {}],
    ['invalid_issuer', bearer(goodToken(key, { iss: 'other' })), {}],
    ['invalid_audience', bearer(goodToken(key, { aud: 'other' })), {}],
    ['token_expired', bearer(goodToken(key, { exp: 1 })), {}],
    ['token_not_active', bearer(goodToken(key, { nbf: 9_000_000_000 })), {}],
    ['token_revoked', bearer(good), { isRevoked: async () => true }],
    ['wrong_organization', bearer(good), { organizationId: 'mine' }],
    ['missing_scope', bearer(good), { requiredScope: 'write' }],
    ['missing_role', bearer(good), { requiredRole: 'admin' }],
  ])) {
    test(reason, async () => {
      const { guestReason, isGuest, scopes, payload } = await guest(request, options)
      assert.deepEqual([guestReason, isGuest, scopes, payload], [reason, true, [], null])
    })
  }

  test('jwks_unavailable: an outage makes guests, and its end makes users again', async (t) => {
    const issuer = await startIssuer(t)
    issuer.setOutage('error')
    const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, allowGuest: true, jwksCooldownMs: 0 }
    const during = await verifyAuth(bearer(issuer.mint()), options)
    issuer.setOutage(null)
    const after = await verifyAuth(bearer(issuer.mint()), options)
    assert.deepEqual([during.isGuest && during.guestReason, after.isGuest], ['jwks_unavailable', false])
  })
})

describe('a guest’s id', () => {
  for (const id of [
    'a',
    'A-Z_0',
    '-',
    '_',
    '0',
    'x'.repeat(128),
    '3f0c8a52-6a0e-4c6e-9d5e-0c1b2a3d4e5f',
    '__proto__',
    'undefined',
  ]) {
    test(`is kept if it is ${inspect(id, { maxStringLength: 40 })}`, async () => {
      assert.equal((await guest({ headers: { cookie: `a=b; guest_logto_authtoken=${id}` } })).guestId, id)
      assert.equal((await guest({ headers: {}, cookies: { guest_logto_authtoken: id } })).guestId, id)
      const cookies = new Map([['guest_logto_authtoken', { value: id }]])
      assert.equal((await guest({ headers: new Headers(), cookies })).guestId, id)
    })
  }

  for (const id of [
    '',
    'x'.repeat(129),
    'a b',
    'a.b',
    'a/b',
    'a%20b',
    'a=b',
    'ä',
    'a\n',
    '<script>',
    '"',
    "'",
    '../x',
    '😀',
  ]) {
    test(`is new if it is ${inspect(id, { maxStringLength: 40 })}`, async () => {
      assert.match((await guest({ headers: { cookie: `guest_logto_authtoken=${id}` } })).guestId, UUID_V4)
      assert.match((await guest({ headers: {}, cookies: { guest_logto_authtoken: id } })).guestId, UUID_V4)
    })
  }

  for (const id of [undefined, null, 5, true, {}, ['a'], { toString: () => 'a' }]) {
    test(`is new if it is ${inspect(id, { depth: 0 })}, not a string`, async () => {
      assert.match((await guest({ headers: {}, cookies: { guest_logto_authtoken: id } })).guestId, UUID_V4)
    })
  }

  test('is another one for each new guest', async () => {
    const ids = new Set()
    for (let n = 0; n < 100; n += 1) ids.add((await guest({ headers: {} })).guestId)
    assert.equal(ids.size, 100)
  })

  test('is the first good one of several', async () => {
    const cookie = 'guest_logto_authtoken=a b; guest_logto_authtoken=first; guest_logto_authtoken=second'
    assert.equal((await guest({ headers: { cookie } })).guestId, 'first')
  })

  test('is kept through a token that fails, and one that is revoked', async () => {
    const cookie = `guest_logto_authtoken=same; logto_authtoken=${goodToken(key)}`
    const failed = await guest({ headers: { cookie } }, { requiredScope: 'a' })
    const revoked = await guest({ headers: { cookie } }, { isRevoked: () => true })
    const parsed = { headers: {}, cookies: { guest_logto_authtoken: 'same', logto_authtoken: goodToken(key) } }
    const revokedParsed = await guest(parsed, { isRevoked: () => true })
    assert.deepEqual([failed.guestId, revoked.guestId, revokedParsed.guestId], ['same', 'same', 'same'])
  })

  test('comes from the cookie that is named', async () => {
    const headers = { cookie: 'guest_logto_authtoken=usual; visitor=named' }
    assert.equal((await guest({ headers }, { guestCookie: { name: 'visitor' } })).guestId, 'named')
    assert.equal((await guest({ headers }, { guestCookie: {} })).guestId, 'usual')
    const cookies = { guest_logto_authtoken: 'usual', visitor: 'named' }
    assert.equal((await guest({ headers: {}, cookies }, { guestCookie: { name: 'visitor' } })).guestId, 'named')
  })

  // `false` is about setting the cookie, not about reading it.
  test('comes from the cookie of the usual name where none is ever set', async () => {
    const request = { headers: { cookie: 'guest_logto_authtoken=usual' } }
    assert.equal((await guest(request, { guestCookie: false })).guestId, 'usual')
    const parsed = { headers: {}, cookies: { guest_logto_authtoken: 'usual' } }
    assert.equal((await guest(parsed, { guestCookie: false })).guestId, 'usual')
  })
})

describe('no guest is made', () => {
  test('of a string', async () => {
    for (const [token, wanted] of [
      ['', 'missing_token'],
      ['opaque', 'opaque_token'],
      [goodToken(key, { exp: 1 }), 'token_expired'],
    ]) {
      assert.equal(await verdict(verifyAuth(token, own())), wanted)
      assert.equal(await verdict(createVerifier(own()).verify(token)), wanted)
      assert.equal(await verdict(verifyLogtoToken(token, own())), wanted)
    }
  })

  test('of a string that is revoked', async () => {
    assert.equal(await verdict(verifyAuth(goodToken(key), own({ isRevoked: () => true }))), 'token_revoked')
  })

  test('of wrong options', async () => {
    for (const wrong of [{ audience: '' }, { requiredScope: [] }, { unknown: 1 }, { clockTolerance: Number.NaN }]) {
      await assert.rejects(verifyAuth({ headers: {} }, own(wrong)), { name: 'TypeError', code: 'invalid_options' })
    }
  })

  test('of what is no request', async () => {
    for (const input of [undefined, null, 5, {}]) {
      await assert.rejects(verifyAuth(/** @type {any} */ (input), own()), TypeError)
    }
  })

  test('of an isRevoked that fails', async () => {
    const error = new Error('database is down')
    await assert.rejects(verifyAuth(bearer(goodToken(key)), own({ isRevoked: () => Promise.reject(error) })), error)
  })
})

test('guests are other objects each time', async () => {
  const [one, other] = [await guest({ headers: {} }), await guest({ headers: {} })]
  one.scopes.push('admin')
  assert.deepEqual(other.scopes, [])
})

/** @type {(change?: object) => any} */
function own(change) {
  return { logtoUrl: LOGTO_URL, audience: AUDIENCE, jwks: { keys: [key.jwk] }, allowGuest: true, ...change }
}

/** @type {(request: any, options?: object) => Promise<import('logto-authkit').GuestContext>} */
async function guest(request, options) {
  const auth = await verifyAuth(request, own(options))
  assert.ok(auth.isGuest)
  return auth
}
