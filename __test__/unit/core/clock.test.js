/** Claims are checked against the caller's clock, which fake timers in tests change. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const FakeTimers = require('@sinonjs/fake-timers')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { outcome, startIssuer } = require('../../support/helpers')
const { AUDIENCE, ISSUER, createKey, optionsFor } = require('../../support/tokens')

const YEAR_2040 = Date.UTC(2040, 0, 1)
const key = createKey()
const options = optionsFor(key)

/** Each replaces the clock until the test ends, and returns a function that moves it. @type {[string, (t: any) => (ms: number) => void][]} */
const FAKES = [
  [
    'node:test',
    (t) => {
      t.mock.timers.enable({ apis: ['Date'], now: YEAR_2040 })
      return (ms) => t.mock.timers.setTime(Date.now() + ms)
    },
  ],
  [
    // Jest, Vitest and sinon use this library too.
    '@sinonjs/fake-timers',
    (t) => {
      const clock = FakeTimers.install({ now: YEAR_2040, toFake: ['Date'] })
      t.after(() => clock.uninstall())
      return (ms) => void clock.tick(ms)
    },
  ],
]

for (const [name, install] of FAKES) {
  describe(`C2: the fake clock of ${name}`, () => {
    test('applies to exp, nbf and mint alike', async (t) => {
      const issuer = await startIssuer(t)
      const tick = install(t)
      const verifier = createVerifier({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE })
      const token = issuer.mint({ sub: 'alice', audience: AUDIENCE, expiresIn: 60 })
      const later = issuer.mint({ sub: 'alice', audience: AUDIENCE, expiresIn: 600, notBefore: 120 })
      const auth = await verifier.verify(token)
      assert.equal(auth.payload?.iat, YEAR_2040 / 1000)
      assert.equal(await outcome(verifier.verify(later)), 'token_not_active')
      tick(59_000)
      assert.equal(await outcome(verifier.verify(token)), 'alice')
      tick(1_000)
      assert.equal(await outcome(verifier.verify(token)), 'token_expired')
      tick(60_000)
      assert.equal(await outcome(verifier.verify(later)), 'alice')
    })

    test('does not age the key set', async (t) => {
      const issuer = await startIssuer(t)
      const tick = install(t)
      const verifier = createVerifier({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE })
      for (let n = 0; n < 3; n += 1) {
        await verifier.verify(issuer.mint({ audience: AUDIENCE }))
        tick(3_600_000)
      }
      assert.equal(issuer.jwksRequests, 1)
      assert.equal(verifier.stats().jwks.state, 'fresh')
    })
  })
}

describe('currentDate', () => {
  const token = key.sign(ISSUER, { claims: { exp: 1_000, iat: 0 } })

  test('may be a function, which is called for every verification', async () => {
    const dates = [new Date(900_000), new Date(1_000_000), new Date(900_000)]
    const currentDate = () => /** @type {Date} */ (dates.shift())
    const verifier = createVerifier({ ...options, currentDate })
    assert.equal(await outcome(verifier.verify(token)), 'alice')
    assert.equal(await outcome(verifier.verify({ headers: { authorization: `Bearer ${token}` } })), 'token_expired')
    assert.equal(await outcome(verifyAuth(token, { ...options, currentDate })), 'alice')
    assert.equal(dates.length, 0)
  })

  for (const [what, value] of /** @type {[string, any][]} */ ([
    ['an invalid Date', new Date(Number.NaN)],
    ['a number', 5],
    ['nothing', undefined],
  ])) {
    test(`that returns ${what} is an options error, not a rejected token`, async () => {
      const verifier = createVerifier({ ...options, currentDate: () => value })
      await assert.rejects(verifier.verify(token), {
        name: 'TypeError',
        code: 'invalid_options',
        message: /^Invalid option "currentDate": expected it to return a valid Date, got /,
      })
    })
  }
})

test('a clock that returns no number does not make expired tokens valid', async (t) => {
  const expired = key.sign(ISSUER, { claims: { exp: 1_000, iat: 0 } })
  const verifier = createVerifier(options)
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const mock = t.mock.method(Date, 'now', () => value)
    assert.equal(await outcome(verifier.verify(expired)), 'token_expired')
    mock.mock.restore()
  }
})
