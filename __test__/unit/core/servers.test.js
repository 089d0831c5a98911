const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { createVerifier, verifyAuth, verifyLogtoToken } = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')
const { AUDIENCE, bearer, rejection, verdict } = require('../../support/helpers')

let one
let two
let options

before(async () => {
  one = await createTestIssuer()
  two = await createTestIssuer()
  options = [
    { logtoUrl: one.logtoUrl, audience: AUDIENCE },
    { logtoUrl: two.logtoUrl, audience: AUDIENCE, cookieName: 'second', allowGuest: true },
  ]
})
after(() => Promise.all([one.close(), two.close()]))

const EXPIRED = { expiresIn: -1 }

test('the issuer in the token selects the options, for strings and requests', async () => {
  const verifier = createVerifier(options)
  for (const [issuer, sub] of [
    [one, 'alice'],
    [two, 'bob'],
  ]) {
    const token = issuer.mint({ sub })
    for (const input of [token, bearer(token)]) {
      assert.equal((await verifier.verify(input)).userId, sub)
      assert.equal((await verifyAuth(input, options)).userId, sub)
    }
    assert.equal((await verifyLogtoToken(token, options)).userId, sub)
  }
})

test('a token of an unknown issuer is rejected before anything is fetched', async () => {
  const issuer = await createTestIssuer()
  const token = one.mint({ claims: { iss: 'https://unknown.test/oidc' } })
  const fresh = [options[0], { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, skipJwksCache: true }]
  assert.equal(await verdict(verifyAuth(token, [fresh[1]])), 'invalid_issuer')
  for (const input of [token, bearer(token)]) {
    const { code, details } = await rejection(verifyAuth(input, fresh))
    assert.deepEqual([code, details.unverifiedIss], ['invalid_issuer', 'https://unknown.test/oidc'])
  }
  assert.equal(issuer.jwksRequests, 0)
  await issuer.close()
})

test('a forged token is verified with the keys of the issuer that it names', async () => {
  const forged = one.mint({ claims: { iss: two.issuer } })
  assert.equal(await verdict(verifyLogtoToken(forged, options)), 'unknown_key')
  const nested = one.mint({ claims: { deep: JSON.parse('['.repeat(40) + ']'.repeat(40)) } })
  assert.equal(await verdict(verifyLogtoToken(nested, options)), 'accepted')
})

test('a request without a token belongs to the first entry, and each entry has its own guests and cookies', async () => {
  assert.equal(await verdict(verifyAuth({ headers: {} }, options)), 'missing_token')
  const guest = await verifyAuth({ headers: {} }, [options[1], options[0]])
  assert.deepEqual([guest.isGuest, /** @type {any} */ (guest).guestReason], [true, 'missing_token'])
  const second = two.mint({ sub: 'bob' })
  assert.equal((await verifyAuth({ headers: { cookie: `second=${second}` } }, options)).userId, 'bob')
  assert.equal(
    await verdict(verifyAuth({ headers: { cookie: `logto_authtoken=${second}` } }, options)),
    'invalid_issuer',
  )
  const rejected = await verifyAuth({ headers: { cookie: `second=${two.mint(EXPIRED)}` } }, options)
  assert.equal(/** @type {any} */ (rejected).guestReason, 'token_expired')
})

test('if the first token is rejected with 401, a token of another issuer is tried', async () => {
  const request = (cookie, header) => ({
    headers: { cookie: `logto_authtoken=${cookie}`, authorization: `Bearer ${header}` },
  })
  const both = [options[0], { ...options[1], cookieName: 'logto_authtoken', allowGuest: false }]
  assert.equal((await verifyAuth(request(one.mint(EXPIRED), two.mint({ sub: 'bob' })), both)).userId, 'bob')
  assert.equal((await verifyAuth(request(two.mint(EXPIRED), one.mint({ sub: 'alice' })), both)).userId, 'alice')
  const neither = request(one.mint(EXPIRED), two.mint({ audience: 'https://other.test' }))
  assert.equal(await verdict(verifyAuth(neither, both)), 'token_expired')
  const asked = []
  const fallback = (_request, error) => void asked.push(error.code)
  assert.equal(
    await verdict(
      verifyAuth(
        neither,
        both.map((entry) => ({ ...entry, fallback })),
      ),
    ),
    'token_expired',
  )
  assert.deepEqual(asked, ['token_expired'])
})

test('getToken is called once for all entries with the same function', async () => {
  let calls = 0
  const getToken = async (request) => {
    calls += 1
    return request.token
  }
  const both = options.map((entry) => ({ ...entry, getToken }))
  const request = { headers: {}, token: two.mint({ sub: 'bob' }) }
  assert.equal((await verifyAuth(request, both)).userId, 'bob')
  assert.equal(calls, 1)
  const failing = options.map((entry, i) => ({
    ...entry,
    getToken: () => {
      if (i === 0) throw new RangeError('no session')
      return Promise.reject(new RangeError('no session'))
    },
  }))
  await assert.rejects(verifyAuth({ headers: {} }, failing), RangeError)
})

test('prefetch fetches all key sets, and stats adds up their figures', async () => {
  const verifier = createVerifier(options)
  await verifier.prefetch()
  const { jwks } = verifier.stats()
  assert.deepEqual([jwks.state, jwks.keys, jwks.lastError], ['fresh', 2, null])
  const down = await createTestIssuer()
  down.setOutage('error')
  const partly = createVerifier([options[0], { logtoUrl: down.logtoUrl, audience: AUDIENCE }])
  assert.equal((await rejection(partly.prefetch())).code, 'jwks_unavailable')
  assert.deepEqual([partly.stats().jwks.state, partly.stats().jwks.fetchedAt], ['empty', null])
  await down.close()
})

test('two entries must not share an issuer, and every entry is checked', async () => {
  const shared = /^Invalid option "issuer": expected an issuer that no other entry has, got "http/
  assert.throws(() => createVerifier([options[0], options[0]]), { code: 'invalid_options', message: shared })
  const custom = { ...options[1], issuer: [two.issuer, one.issuer] }
  assert.throws(() => createVerifier([options[0], custom]), { code: 'invalid_options', message: shared })
  assert.throws(() => createVerifier([options[0], { ...options[1], scopes: 'a' }]), /Unknown option "scopes"/)
  for (const wrong of [[], ['a'], [null], [options[0], 5], [[options[0]]]]) {
    await assert.rejects(verifyAuth('token', /** @type {any} */ (wrong)), { code: 'invalid_options' })
  }
})

test('options of the adapter itself must be the same in all entries', () => {
  const { logtoAuth } = require('logto-authkit/express')
  const onError = () => {}
  logtoAuth(options.map((entry) => ({ ...entry, allowGuest: false, onError, property: 'user' })))
  assert.throws(() => logtoAuth([options[0], { ...options[1], onError }]), /Invalid option "onError"/)
  assert.throws(() => logtoAuth([options[0], { ...options[1], property: 'user' }]), /Invalid option "property"/)
})
