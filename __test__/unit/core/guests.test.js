const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { inspect } = require('node:util')
const { createVerifier, verifyAuth, verifyLogtoToken } = require('logto-authkit')
const { startIssuer, verdict } = require('../../support/helpers')
const { AUDIENCE, bearer, createKey, optionsFor, signToken } = require('../../support/tokens')

const UUID_V4_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const key = createKey('EdDSA')

test('a request without a token becomes a guest if guests are allowed', async () => {
  const { guestId, ...rest } = await guest({ headers: {} })
  assert.match(guestId, UUID_V4_PATTERN)
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

test('a request without a token is rejected unless guests are allowed', async () => {
  for (const allowGuest of [undefined, false]) {
    assert.equal(await verdict(verifyAuth({ headers: {} }, own({ allowGuest }))), 'missing_token')
  }
})

test("with 'no-token', only a request without any token becomes a guest", async () => {
  const allowGuest = /** @type {const} */ ('no-token')
  for (const request of [
    { headers: {} },
    { headers: { authorization: 'Basic dTpw' } },
    { headers: { authorization: 'Bearer ' } },
    { headers: { cookie: 'logto_authtoken=' } },
  ]) {
    assert.equal((await verifyAuth(request, own({ allowGuest }))).isGuest, true)
    assert.equal((await createVerifier(own({ allowGuest })).verify(request)).isGuest, true)
  }
  for (const [request, code] of /** @type {[any, string][]} */ ([
    [bearer('opaque'), 'opaque_token'],
    [bearer(signToken(key, { exp: 1 })), 'token_expired'],
    [bearer(signToken(createKey('EdDSA'))), 'unknown_key'],
    [{ headers: { authorization: ['Bearer a', 'Bearer b'] } }, 'ambiguous_token'],
    ['', 'missing_token'],
  ])) {
    assert.equal(await verdict(verifyAuth(request, own({ allowGuest }))), code)
  }
  assert.equal((await verifyAuth(bearer(signToken(key)), own({ allowGuest }))).isAuthenticated, true)
})

test('a request with a valid token is not a guest', async () => {
  const auth = await verifyAuth(bearer(signToken(key)), own())
  assert.deepEqual([auth.isGuest, auth.isAuthenticated, auth.userId], [false, true, 'alice'])
  assert.equal('guestId' in auth, false)
})

test('an outage creates guests, and its end users again', async (t) => {
  const issuer = await startIssuer(t)
  issuer.setOutage('error')
  const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, allowGuest: true, jwksCooldownMs: 0 }
  const during = await verifyAuth(bearer(issuer.mint()), options)
  issuer.setOutage(null)
  const after = await verifyAuth(bearer(issuer.mint()), options)
  assert.deepEqual([during.isGuest && during.guestReason, after.isGuest], ['jwks_unavailable', false])
})

describe('the id of a guest', () => {
  const valid = ['a', 'A-Z_0', '-', '_', '0', 'x'.repeat(128), '3f0c8a52-6a0e-4c6e-9d5e-0c1b2a3d4e5f', '__proto__']
  for (const id of [...valid, 'undefined']) {
    test(`is kept if it is ${inspect(id, { maxStringLength: 40 })}`, async () => {
      const cookies = new Map([['guest_logto_authtoken', { value: id }]])
      for (const request of [
        { headers: { cookie: `a=b; guest_logto_authtoken=${id}` } },
        { headers: {}, cookies: { guest_logto_authtoken: id } },
        { headers: new Headers(), cookies },
      ]) {
        assert.equal((await guest(request)).guestId, id)
      }
    })
  }

  const invalid = [
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
  ]
  for (const id of [...invalid, undefined, null, 5, true, {}, ['a'], { toString: () => 'a' }]) {
    test(`is replaced if it is ${inspect(id, { depth: 0, maxStringLength: 40 })}`, async () => {
      assert.match((await guest({ headers: {}, cookies: { guest_logto_authtoken: id } })).guestId, UUID_V4_PATTERN)
      if (typeof id !== 'string') return
      assert.match((await guest({ headers: { cookie: `guest_logto_authtoken=${id}` } })).guestId, UUID_V4_PATTERN)
    })
  }

  test('is different for every new guest', async () => {
    const ids = new Set()
    for (let n = 0; n < 100; n += 1) ids.add((await guest({ headers: {} })).guestId)
    assert.equal(ids.size, 100)
  })

  test('is the first valid one of several cookies', async () => {
    const cookie = 'guest_logto_authtoken=a b; guest_logto_authtoken=first; guest_logto_authtoken=second'
    assert.equal((await guest({ headers: { cookie } })).guestId, 'first')
  })

  test('is kept if the token is rejected or revoked', async () => {
    const cookie = `guest_logto_authtoken=same; logto_authtoken=${signToken(key)}`
    const failed = await guest({ headers: { cookie } }, { requiredScope: 'a' })
    const revoked = await guest({ headers: { cookie } }, { isRevoked: () => true })
    const parsed = { headers: {}, cookies: { guest_logto_authtoken: 'same', logto_authtoken: signToken(key) } }
    const revokedParsed = await guest(parsed, { isRevoked: () => true })
    assert.deepEqual([failed.guestId, revoked.guestId, revokedParsed.guestId], ['same', 'same', 'same'])
  })

  test('comes from the cookie that guestCookie names', async () => {
    const headers = { cookie: 'guest_logto_authtoken=usual; visitor=named' }
    assert.equal((await guest({ headers }, { guestCookie: { name: 'visitor' } })).guestId, 'named')
    assert.equal((await guest({ headers }, { guestCookie: {} })).guestId, 'usual')
    const cookies = { guest_logto_authtoken: 'usual', visitor: 'named' }
    assert.equal((await guest({ headers: {}, cookies }, { guestCookie: { name: 'visitor' } })).guestId, 'named')
  })

  // `false` disables setting the cookie, not reading it.
  test('comes from the default cookie if guestCookie is false', async () => {
    const request = { headers: { cookie: 'guest_logto_authtoken=usual' } }
    assert.equal((await guest(request, { guestCookie: false })).guestId, 'usual')
    const parsed = { headers: {}, cookies: { guest_logto_authtoken: 'usual' } }
    assert.equal((await guest(parsed, { guestCookie: false })).guestId, 'usual')
  })
})

test('a string never becomes a guest', async () => {
  const isRevoked = () => true
  for (const [token, wanted, options] of /** @type {[string, string, object?][]} */ ([
    ['', 'missing_token'],
    ['opaque', 'opaque_token'],
    [signToken(key, { exp: 1 }), 'token_expired'],
    [signToken(key), 'token_revoked', { isRevoked }],
  ])) {
    assert.equal(await verdict(verifyAuth(token, own(options))), wanted)
    assert.equal(await verdict(createVerifier(own(options)).verify(token)), wanted)
    assert.equal(await verdict(verifyLogtoToken(token, own(options))), wanted)
    assert.equal(await verdict(verifyLogtoToken(token, createVerifier(own(options)))), wanted)
  }
})

test('every guest context is a new object', async () => {
  const [one, other] = [await guest({ headers: {} }), await guest({ headers: {} })]
  one.scopes.push('admin')
  assert.deepEqual(other.scopes, [])
})

const own = (changes) => optionsFor(key, { allowGuest: true, ...changes })

/** @returns {Promise<any>} */
async function guest(request, options) {
  const auth = await verifyAuth(request, own(options))
  assert.ok(auth.isGuest)
  return auth
}
