// @ts-nocheck: ArkType's declarations need `strict`

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { type } = require('arktype')
const v = require('valibot')
const { z } = require('zod')
const { createVerifier, verifyAuth, verifyLogtoToken } = require('logto-authkit')
const { bearer, rejection, verdict } = require('../../support/helpers')
const { createKey, optionsFor, signToken } = require('../../support/tokens')

const key = createKey('EdDSA')
const token = (claims) => signToken(key, { email: 'alice@example.test', ...claims })
const own = (options) => optionsFor(key, options)

/** The same schema in each library: an email address, and a plan that is `free` by default. */
const SCHEMAS = {
  Zod: z.object({ email: z.email(), plan: z.enum(['free', 'pro']).default('free') }),
  Valibot: v.object({ email: v.pipe(v.string(), v.email()), plan: v.optional(v.picklist(['free', 'pro']), 'free') }),
  ArkType: type({ email: 'string.email', plan: "'free' | 'pro' = 'free'" }),
}

for (const [library, claims] of Object.entries(SCHEMAS)) {
  describe(library, () => {
    test('stores the output in auth.claims, for new and for previously verified tokens', async () => {
      const verifier = createVerifier(own({ claims }))
      for (const given of [token(), token({ plan: 'pro' })]) {
        for (const input of [given, given, bearer(given)]) {
          const auth = /** @type {any} */ (await verifier.verify(input))
          assert.equal(auth.claims.email, 'alice@example.test')
          assert.equal(auth.claims.plan, auth.payload.plan ?? 'free')
        }
      }
    })

    test('rejects invalid claims, naming the first and describing all problems to operators', async () => {
      const verifier = createVerifier(own({ claims }))
      const error = await rejection(verifier.verify(token({ email: 'alice', plan: 'gold' })))
      assert.deepEqual(
        [error.code, error.status, error.message],
        ['invalid_claims', 401, 'Token has a missing or malformed claim: email'],
      )
      assert.match(String(error.details.issue), /^email: .+; plan: /)
      assert.equal(await verdict(verifier.verify(signToken(key))), 'invalid_claims')
    })
  })
}

/** A schema as its specification describes it. */
const schema = (validate) => ({ '~standard': { version: 1, vendor: 'test', validate } })

test('an asynchronous schema delays the result, a synchronous one does not', async (t) => {
  const { verifyRequest } = require('../../../js/core/verifier')
  const { create } = require('../../../js/core/options')
  const given = bearer(token())
  for (const [isAsync, validate] of /** @type {[boolean, any][]} */ ([
    [false, (value) => ({ value })],
    [true, async (value) => ({ value })],
  ])) {
    const parsed = create('verifier', own({ claims: schema(validate), check: () => true, isRevoked: () => false }))
    await verifyRequest(given, parsed)
    const again = verifyRequest(given, parsed)
    assert.equal(again instanceof Promise, isAsync)
    assert.equal((await again).userId, 'alice')
  }
  assert.ok(t)
})

test('claims are validated after roles, and before check and isRevoked', async () => {
  const calls = []
  const log = (name, result) => () => {
    calls.push(name)
    return result
  }
  const verify = (more) =>
    verdict(
      verifyLogtoToken(
        token({ roles: ['user'] }),
        own({
          requiredRole: 'user',
          claims: schema(log('claims', { value: 1 })),
          check: log('check', true),
          isRevoked: log('isRevoked', false),
          ...more,
        }),
      ),
    )
  assert.equal(await verify(), 'accepted')
  assert.deepEqual(calls.splice(0), ['claims', 'check', 'isRevoked'])
  assert.equal(await verify({ requiredRole: 'admin' }), 'missing_role')
  assert.deepEqual(calls.splice(0), [])
  assert.equal(await verify({ claims: schema(log('claims', { issues: [{ message: 'no' }] })) }), 'invalid_claims')
  assert.deepEqual(calls.splice(0), ['claims'])
  assert.equal(await verify({ check: log('check', false) }), 'forbidden')
  assert.deepEqual(calls.splice(0), ['claims', 'check'])
  assert.equal(await verify({ isRevoked: log('isRevoked', true) }), 'token_revoked')
})

test('a token with invalid claims counts as rejected with 401, so the other source is tried', async () => {
  const claims = SCHEMAS.Zod
  const headers = {
    cookie: `logto_authtoken=${token({ email: 'x' })}`,
    authorization: `Bearer ${token({ sub: 'bob' })}`,
  }
  assert.equal((await verifyAuth({ headers }, own({ claims }))).userId, 'bob')
  const none = { headers: { ...headers, authorization: `Bearer ${token({ exp: 1 })}` } }
  assert.equal(await verdict(verifyAuth(none, own({ claims }))), 'invalid_claims')
  const guest = await verifyAuth(none, own({ claims, allowGuest: true }))
  assert.deepEqual([guest.isGuest, /** @type {any} */ (guest).guestReason], [true, 'invalid_claims'])
})

test('equal options with schemas share their caches, and each uses its own schema', async () => {
  const given = token()
  const verify = (value) => verifyAuth(given, own({ claims: schema(() => ({ value })) }))
  assert.deepEqual([(await verify('one')).claims, (await verify('two')).claims], ['one', 'two'])
})

test('a schema that fails is a fault, even if guests are allowed', async () => {
  const claims = schema(() => {
    throw new RangeError('broken')
  })
  await assert.rejects(verifyAuth(bearer(token()), own({ claims, allowGuest: true })), RangeError)
})
