const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { inspect } = require('node:util')
const {
  AuthError,
  createVerifier,
  errorResponse,
  forbidden,
  tokenOf,
  verifyAuth,
  verifyLogtoToken,
} = require('logto-authkit')
const { Requirements } = require('../../../js/adapters/requirements')
const { bearer, rejection, secondCopy, verdict } = require('../../support/helpers')
const { createKey, optionsFor, signToken } = require('../../support/tokens')

const key = createKey('EdDSA')
const own = (options = {}) => optionsFor(key, options)
const token = (claims) => signToken(key, claims)
const EMPTY = { headers: {} }

/** Calls verifyAuth without its types, since some arguments are wrong on purpose. */
const verify = (/** @type {any} */ input, /** @type {any} */ options = {}) =>
  /** @type {Promise<any>} */ (verifyAuth(input, own(options)))

describe('fallback', () => {
  test('creates a context from a principal, with copies of its claims', async () => {
    const claims = { roles: ['admin'], address: { city: 'Bern' } }
    const fallback = () => ({ userId: 'owner', scopes: ['a', 'b'], organizationId: 'org', clientId: 'app', claims })
    const auth = await verify(EMPTY, { fallback })
    assert.deepEqual(auth, {
      userId: 'owner',
      isAuthenticated: true,
      payload: { sub: 'owner', ...claims },
      isGuest: false,
      scopes: ['a', 'b'],
      clientId: 'app',
      organizationId: 'org',
      subjectType: 'external',
    })
    auth.payload.address.city = 'Basel'
    assert.equal(claims.address.city, 'Bern')
    assert.equal(tokenOf(/** @type {any} */ (auth)), null)
  })

  test('is not a machine, and has no scopes, organization or client by default', async () => {
    const auth = await verify(EMPTY, { fallback: () => ({ userId: 'app', clientId: 'app' }) })
    assert.deepEqual([auth.subjectType, auth.scopes, auth.organizationId], ['external', [], null])
    const none = { userId: 'a', organizationId: null, clientId: null, claims: null }
    assert.deepEqual((await verify(EMPTY, { fallback: () => none })).payload, { sub: 'a' })
  })

  test('does not turn refused credentials into a guest if only requests without a token become guests', async () => {
    const fallback = () => ({ userId: 'owner' })
    const options = { fallback, allowGuest: 'no-token' }
    assert.equal(await verdict(verify(EMPTY, { ...options, check: () => false })), 'forbidden')
    assert.equal(await verdict(verify(EMPTY, { ...options, requiredScope: 'a' })), 'missing_scope')
    assert.equal((await verify(EMPTY, { ...options, fallback: () => null })).isGuest, true)
  })

  test('is never called for strings, nor for rejections with 403 or 503', async () => {
    const fallback = () => assert.fail('it was called')
    assert.equal(await verdict(verify('garbage', { fallback })), 'opaque_token')
    assert.equal(await verdict(verifyLogtoToken('garbage', own({ fallback }))), 'opaque_token')
    assert.equal(await verdict(verify(bearer(token()), { fallback, requiredScope: 'x' })), 'missing_scope')
    assert.equal(await verdict(verify(bearer(token()), { fallback, check: () => false })), 'forbidden')
    const unreachable = { fallback, jwks: undefined, jwksUri: 'http://127.0.0.1:9/jwks' }
    assert.equal(await verdict(verify(bearer(token()), unreachable)), 'jwks_unavailable')
  })

  test('is called for 400 and 401, before the request becomes a guest', async () => {
    const codes = []
    const options = { allowGuest: true, fallback: (_request, error) => void codes.push(error.code) }
    const twice = { headers: { authorization: [`Bearer ${token()}`, `Bearer ${token({ sub: 'b' })}`] } }
    assert.equal((await verify(twice, options)).guestReason, 'ambiguous_token')
    assert.equal((await verify(EMPTY, options)).guestReason, 'missing_token')
    const revoked = { ...options, isRevoked: () => true }
    assert.equal((await verify(bearer(token()), revoked)).guestReason, 'token_revoked')
    assert.deepEqual(codes, ['ambiguous_token', 'missing_token', 'token_revoked'])
    const principal = { ...options, fallback: async () => ({ userId: 'owner' }) }
    assert.equal((await verify(EMPTY, principal)).userId, 'owner')
    // A principal that lacks a permission is treated as a guest for this reason.
    assert.equal((await verify(EMPTY, { ...principal, requiredScope: 'x' })).guestReason, 'missing_scope')
  })

  const INVALID = [
    true,
    'owner',
    5,
    {},
    { userId: '' },
    { userId: ' ' },
    { userId: 5 },
    { userId: 'a', scopes: 'read' },
    { userId: 'a', scopes: ['read write'] },
    { userId: 'a', scopes: [''] },
    { userId: 'a', organizationId: '' },
    { userId: 'a', clientId: 7 },
    { userId: 'a', claims: ['admin'] },
    { userId: 'a', claims: { sub: 'root' } },
    { userId: 'a', scope: 'read' },
    Object.create({ userId: 'a' }),
    [],
  ]
  for (const principal of INVALID) {
    test(`faults on ${inspect(principal)}, and never makes a guest of it`, async () => {
      const verification = verify(EMPTY, { allowGuest: true, fallback: () => principal })
      await assert.rejects(verification, { name: 'TypeError', code: 'invalid_options', message: /fallback|inherited/ })
    })
  }

  test('faults on claims that JSON cannot express', async () => {
    for (const value of [
      5n,
      (() => {
        const loop = {}
        loop.loop = loop
        return loop
      })(),
    ]) {
      await assert.rejects(verify(EMPTY, { fallback: () => ({ userId: 'a', claims: { value } }) }), TypeError)
    }
  })

  test('keeps a claim with a special name inside the payload', async () => {
    const claims = JSON.parse('{ "__proto__": { "isGuest": true }, "isAuthenticated": false }')
    const auth = await verify(EMPTY, { fallback: () => ({ userId: 'a', claims }) })
    assert.deepEqual([auth.isAuthenticated, auth.isGuest], [true, false])
    assert.ok(Object.hasOwn(auth.payload, '__proto__'))
  })
})

describe('check', () => {
  test('gets the context and the request, and undefined for a string', async () => {
    const request = bearer(token({ sub: 'alice' }))
    const seen = []
    const check = (...args) => {
      seen.push(args)
      return true
    }
    await verify(request, { check })
    await verify(token({ sub: 'bob' }), { check })
    assert.deepEqual(
      seen.map(([auth, source]) => [auth.userId, source]),
      [
        ['alice', request],
        ['bob', undefined],
      ],
    )
  })

  test('falsy values are forbidden, and other values than true are a fault', async () => {
    for (const value of [false, undefined, null, 0, '']) {
      assert.equal(await verdict(verify(token(), { check: () => value })), 'forbidden')
      assert.equal(await verdict(verify(token(), { check: async () => value })), 'forbidden')
    }
    for (const value of [1, 'yes', {}, []]) {
      const invalid = { name: 'TypeError', code: 'invalid_options', message: /^Invalid option "check"/ }
      await assert.rejects(verify(bearer(token()), { check: () => value, allowGuest: true }), invalid)
    }
  })

  test('an AuthError that it throws becomes the rejection itself, or the reason of a guest', async () => {
    const error = forbidden('Members only')
    const check = () => {
      throw error
    }
    assert.equal(await rejection(verify(bearer(token()), { check })), error)
    assert.equal(await rejection(verify(token(), { check })), error)
    assert.equal((await verify(bearer(token()), { check, allowGuest: true })).guestReason, 'forbidden')
  })
})

describe('tokenOf', () => {
  test('returns the accepted token, also of two and if it was verified before', async () => {
    const [alice, bob, expired] = [token({ sub: 'alice' }), token({ sub: 'bob' }), token({ exp: 1 })]
    const verifier = createVerifier(own())
    for (let i = 0; i < 2; i += 1) {
      assert.equal(tokenOf(await verifier.verify(alice)), alice)
      assert.equal(tokenOf(await verifier.verify(bearer(bob))), bob)
      const headers = { cookie: `logto_authtoken=${expired}`, authorization: `Bearer ${bob}` }
      assert.equal(tokenOf(await verifier.verify({ headers })), bob)
      assert.equal(tokenOf(await verifier.verify({ headers: {}, cookies: { logto_authtoken: alice } })), alice)
    }
    const isRevoked = ({ userId }) => userId === 'alice'
    const both = { headers: { cookie: `logto_authtoken=${alice}`, authorization: `Bearer ${bob}` } }
    assert.equal(tokenOf(await verify(both, { isRevoked })), bob)
    assert.equal(tokenOf(await verify(EMPTY, { getToken: () => alice })), alice)
  })

  test('is the token at the time of the verification, even if the request has changed', async () => {
    const request = bearer(token({ sub: 'alice' }))
    const given = request.headers.authorization
    const auth = await verify(request)
    request.headers.authorization = 'Bearer other'
    assert.equal(`Bearer ${tokenOf(auth)}`, given)
  })

  test('is null for guests, and a TypeError for anything but a context', async () => {
    assert.equal(tokenOf(await verify(EMPTY, { allowGuest: true })), null)
    const auth = await verify(token())
    for (const other of [{ ...auth }, null, undefined, 'token', auth.payload]) {
      assert.throws(() => tokenOf(/** @type {any} */ (other)), { name: 'TypeError' })
    }
  })

  test('never appears in logs', async () => {
    const given = token()
    const signature = given.split('.')[2]
    for (const auth of [await verify(given), await verify(bearer(given)), await verify(bearer(given))]) {
      const shown = [inspect(auth, { depth: 9, showHidden: true }), JSON.stringify(auth), Object.keys(auth).join()]
      assert.ok(!shown.join().includes(signature))
    }
  })
})

/** The application's functions that can reject a context, each of which may wait. */
const APPLICATION_CHECKS = {
  isRevoked: (rejects) => ({ isRevoked: (auth) => rejects(auth.userId, auth) }),
  check: (rejects) => ({ check: async (auth) => !(await rejects(auth.userId, auth)) }),
  claims: (rejects) => ({
    claims: {
      '~standard': {
        version: 1,
        validate: async (payload) => ((await rejects(payload.sub)) ? { issues: [{ message: 'no' }] } : { value: {} }),
      },
    },
  }),
}

/** The time that passes during each check, in milliseconds. */
const STEP = 1000_000

/** When a token is valid, in seconds after the start of the verification. */
const LIFETIMES = {
  always: {},
  never: { exp: -1000 },
  'after the first check': { nbf: 500 },
  'after the second check': { nbf: 1500 },
  'until the first check': { exp: 500 },
}

for (const [name, rejecting] of Object.entries(APPLICATION_CHECKS)) {
  for (const alg of ['EdDSA', 'ES384']) {
    describe(`two tokens with ${alg} whose validity changes during ${name}`, () => {
      const signer = createKey(alg)
      const start = Date.now()
      const minted = new Map()
      const mint = (sub, lifetime) => {
        const dates = Object.entries(lifetime).map(([claim, after]) => [claim, start / 1000 + after])
        const claims = { sub, exp: start / 1000 + 1e5, ...Object.fromEntries(dates) }
        const id = JSON.stringify(claims)
        if (!minted.has(id)) minted.set(id, signToken(signer, claims))
        return minted.get(id)
      }

      /** Verifies a request with a token of alice and a token of bob, with and without cached tokens. */
      async function run(first, second, rejected) {
        const tokens = { alice: mint('alice', first), bob: mint('bob', second) }
        const headers = { cookie: `logto_authtoken=${tokens.alice}`, authorization: `Bearer ${tokens.bob}` }
        let date
        const checked = []
        const contexts = []
        const rejects = async (userId, auth) => {
          assert.ok(checked.push(userId) < 10, 'the verification never ends')
          if (auth !== undefined) contexts.push(auth)
          date += STEP
          return rejected.includes(userId)
        }
        const currentDate = () => new Date(date)
        const options = { ...rejecting(rejects), currentDate }
        const verifier = createVerifier(optionsFor(signer, options))
        const outcomes = []
        for (const isCached of [false, true]) {
          if (isCached) {
            for (const [sub, { nbf = 0 }] of Object.entries({ alice: first, bob: second })) {
              date = start + nbf * 1000
              await verifier.verify(tokens[sub]).catch(() => {})
            }
          }
          date = start
          checked.length = 0
          const auth = await verifyAuth({ headers }, verifier).catch((error) => {
            if (error instanceof AuthError) return undefined
            throw error
          })
          outcomes.push([auth?.userId, ...checked])
          assert.equal(new Set(checked).size, checked.length, `checked ${checked}`)
          if (auth !== undefined) assert.equal(tokenOf(auth), tokens[auth.userId])
          for (const context of contexts) assert.equal(tokenOf(context), tokens[context.userId])
        }
        assert.deepEqual(outcomes[0], outcomes[1])
        return outcomes[0]
      }

      test('accepts the first token if it has become valid, and returns it from tokenOf', async () => {
        const becomesValid = LIFETIMES['after the first check']
        assert.deepEqual(await run(becomesValid, {}, ['bob']), ['alice', 'bob', 'alice'])
        assert.deepEqual(await run(becomesValid, {}, ['bob', 'alice']), [undefined, 'bob', 'alice'])
      })

      test('checks each token at most once, whatever the outcomes are', async () => {
        for (const first of Object.values(LIFETIMES)) {
          for (const second of Object.values(LIFETIMES)) {
            for (const rejected of [[], ['alice'], ['bob'], ['alice', 'bob']]) await run(first, second, rejected)
          }
        }
      })
    })
  }
}

test('the error is that of the first token if the application rejects two', async () => {
  const validate = ({ sub }) => ({ issues: [{ message: `wrong ${sub}` }] })
  const headers = {
    cookie: `logto_authtoken=${token({ sub: 'alice' })}`,
    authorization: `Bearer ${token({ sub: 'bob' })}`,
  }
  for (const wrap of [(value) => value, async (value) => value]) {
    const claims = { '~standard': { version: 1, validate: (payload) => wrap(validate(payload)) } }
    assert.equal((await rejection(verify({ headers }, { claims }))).details.issue, 'payload: wrong alice')
  }
})

describe('errors of the application', () => {
  test('forbidden creates an error, which errorResponse turns into a response', () => {
    const error = forbidden('This order belongs to "another" user')
    assert.ok(error instanceof AuthError)
    assert.deepEqual(errorResponse(error), {
      status: 403,
      headers: {
        'Cache-Control': 'no-store',
        'WWW-Authenticate':
          'Bearer error="insufficient_scope", error_description="This order belongs to ?another? user"',
        'Content-Type': 'application/json; charset=utf-8',
      },
      body: '{"error":"Forbidden","code":"forbidden","message":"This order belongs to \\"another\\" user"}',
    })
    assert.equal(forbidden().message, 'Not permitted')
    for (const wrong of ['', 5, null, {}]) {
      assert.throws(() => forbidden(/** @type {any} */ (wrong)), { code: 'invalid_options' })
    }
    for (const wrong of [new Error('x'), null, {}]) {
      assert.throws(() => errorResponse(/** @type {any} */ (wrong)), {
        name: 'TypeError',
        message: /Expected an AuthError/,
      })
    }
  })
})

describe('C7: two copies of the package', () => {
  test('recognize the errors, contexts and verifiers of each other', async (t) => {
    const verifier = createVerifier(own())
    const error = await rejection(verifier.verify('garbage'))
    const auth = await verifier.verify(bearer(token()))
    const copy = secondCopy(t)
    assert.notEqual(copy.AuthError, AuthError)
    assert.ok(error instanceof copy.AuthError && copy.forbidden() instanceof AuthError)
    assert.ok(
      !(new Error('x') instanceof AuthError) && !(/** @type {any} */ ({ code: 'forbidden' } instanceof AuthError)),
    )
    assert.equal(copy.errorResponse(error).status, 401)
    assert.equal(copy.tokenOf(auth), tokenOf(auth))
    assert.equal((await copy.verifyAuth(token(), verifier)).userId, 'alice')
    assert.equal((await verifyAuth(token(), copy.createVerifier(own()))).userId, 'alice')
  })

  test('a verifier where options are expected is a TypeError that says so', async () => {
    const verifier = /** @type {any} */ (createVerifier(own()))
    const said = { name: 'TypeError', code: 'invalid_options', message: /got a verifier/ }
    const { logtoAuth, protect } = require('logto-authkit/express')
    for (const call of [createVerifier, logtoAuth, protect, require('logto-authkit/koa').logtoAuth]) {
      assert.throws(() => call(verifier), said)
    }
    assert.throws(() => createVerifier([verifier]), said)
    await assert.rejects(verifyAuth(verifier, verifier), TypeError)
  })
})

describe('an object with a `then` method that returns nothing', () => {
  // biome-ignore lint/suspicious/noThenProperty: this property is tested
  const later = (value) => /** @type {any} */ ({ then: (resolve) => void setImmediate(resolve, value) })
  const refusing = {
    check: () => later(false),
    isRevoked: () => later(true),
    claims: {
      '~standard': { version: 1, vendor: 'test', validate: () => later({ issues: [{ message: 'planned' }] }) },
    },
  }
  for (const [name, option] of Object.entries(refusing)) {
    test(`of ${name} counts like a promise`, async () => {
      const input = bearer(token({ organization_id: 'org' }))
      const codes = { check: 'forbidden', isRevoked: 'token_revoked', claims: 'invalid_claims' }
      assert.equal(await verdict(verify(input, { [name]: option })), codes[name])
    })
  }

  test('of the requirements of a route counts like a promise', async () => {
    const auth = await verify(bearer(token({ organization_id: 'org' })))
    for (const [requirements, code] of /** @type {[any, string][]} */ ([
      [{ organizationId: () => later('other') }, 'wrong_organization'],
      [{ check: () => later(false) }, 'forbidden'],
    ])) {
      assert.equal(await verdict(Promise.resolve(new Requirements(requirements).check(auth, EMPTY))), code)
    }
  })

  test('of getToken and fallback counts like a promise', async () => {
    assert.equal(await verdict(verify(EMPTY, { getToken: () => later(null) })), 'missing_token')
    assert.equal((await verify(EMPTY, { getToken: () => later(token({ sub: 'bob' })) })).userId, 'bob')
    assert.equal((await verify(EMPTY, { fallback: () => later({ userId: 'owner' }) })).userId, 'owner')
  })
})
