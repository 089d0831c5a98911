const assert = require('node:assert/strict')
const { test } = require('node:test')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { startKeyServer } = require('../../support/key-server')
const { AUDIENCE, createKey } = require('../../support/keys')

/**
 * @typedef {import('logto-authkit').VerifyAuthOptions} VerifyAuthOptions
 * @typedef {import('logto-authkit').Verifier} Verifier
 * @typedef {import('../../support/key-server').KeyServer} KeyServer
 */

test('a token is remembered once it has been verified', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const token = server.key.sign(server.issuer)
  assert.deepEqual(verifier.stats().tokens, { size: 0, hits: 0, misses: 0 })
  assert.equal(await outcome(verifier, token), 'alice')
  assert.deepEqual(verifier.stats().tokens, { size: 1, hits: 0, misses: 1 })
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, token), 'alice')
  assert.deepEqual(verifier.stats().tokens, { size: 1, hits: 3, misses: 1 })
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.deepEqual(verifier.stats().tokens, { size: 2, hits: 3, misses: 2 })
})

test('verifyAuth with a fresh literal for every call remembers, too', async (t) => {
  const server = await startKeyServer(t)
  const token = server.key.sign(server.issuer)
  for (let i = 0; i < 5; i += 1) await verifyAuth(token, { ...options(server) })
  assert.equal(createVerifier(options(server)).stats().tokens.size, 1)
})

test('a remembered token gives the same context, and a payload of its own each time', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const token = server.key.sign(server.issuer, { claims: { nested: { list: [1] } } })
  const [first, second] = [await verifier.verify(token), await verifier.verify(token)]
  assert.equal(verifier.stats().tokens.hits, 1)
  assert.deepEqual(first, second)
  const { payload } = first
  assert.ok(payload)
  payload.sub = 'mallory'
  const nested = /** @type {{ list: number[] }} */ (payload.nested)
  nested.list.push(2)
  assert.deepEqual(await verifier.verify(token), second)
})

test('a refused token is not remembered', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const signed = (/** @type {object} */ claims) => server.key.sign(server.issuer, { claims: { ...claims } })
  for (const token of [
    'x'.repeat(43),
    createKey({ kid: server.key.jwk.kid }).sign(server.issuer),
    server.key.sign(server.issuer, { header: { kid: 'unknown' } }),
    signed({ exp: 1 }),
    signed({ exp: undefined }),
    signed({ nbf: 4_000_000_000 }),
    signed({ aud: 'https://other.example.test' }),
    signed({ iss: 'https://other.example.test' }),
    signed({ sub: '' }),
  ]) {
    for (let i = 0; i < 2; i += 1) assert.notEqual(await outcome(verifier, token), 'alice')
  }
  assert.deepEqual(verifier.stats().tokens, { size: 0, hits: 0, misses: 18 })
})

for (const size of [1, 2, 10]) {
  test(`with tokenCacheSize ${size}, 1,000 tokens take no more places than that, and the last one has one`, async (t) => {
    const server = await startKeyServer(t)
    const verifier = createVerifier({ ...options(server), tokenCacheSize: size })
    for (let i = 0; i < 1000; i += 1) {
      assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
      assert.ok(verifier.stats().tokens.size <= size)
    }
    assert.equal(verifier.stats().tokens.size, size)
    const last = server.key.sign(server.issuer)
    for (let i = 0; i < 2; i += 1) assert.equal(await outcome(verifier, last), 'alice')
    assert.deepEqual(verifier.stats().tokens, { size, hits: 1, misses: 1001 })
  })
}

test('large tokens are remembered in place of several', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), tokenCacheSize: 100 })
  const claims = { pad: 'x'.repeat(8 * 1024) }
  for (let i = 0; i < 100; i += 1) {
    assert.equal(await outcome(verifier, server.key.sign(server.issuer, { claims })), 'alice')
  }
  const { size } = verifier.stats().tokens
  assert.ok(size > 5 && size < 30, String(size))
})

test('with tokenCacheSize 0 none is remembered', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), tokenCacheSize: 0 })
  const token = server.key.sign(server.issuer)
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, token), 'alice')
  assert.deepEqual(verifier.stats().tokens, { size: 0, hits: 0, misses: 3 })
})

test('a remembered token stops at its exp, and goes on within the tolerance', async (t) => {
  const server = await startKeyServer(t)
  const exp = Math.floor(Date.now() / 1000) + 3600
  const token = server.key.sign(server.issuer, { claims: { exp } })
  const at = (/** @type {number} */ seconds, clockTolerance = 0) =>
    outcome(createVerifier({ ...options(server), currentDate: new Date(seconds * 1000), clockTolerance }), token)
  assert.equal(await at(exp - 1), 'alice')
  assert.equal(await at(exp), 'token_expired')
  assert.equal(await at(exp + 1), 'token_expired')
  assert.equal(await at(exp + 1, 2), 'alice')
  assert.equal(await at(exp - 0.001), 'alice')
})

test('a remembered token stops when the clock passes its exp', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const exp = Date.now() / 1000 + 0.3
  const token = server.key.sign(server.issuer, { claims: { exp } })
  for (;;) {
    const asked = Date.now() / 1000
    const told = await outcome(verifier, token)
    if (told !== 'alice') {
      assert.equal(told, 'token_expired')
      break
    }
    assert.ok(asked < exp)
    await new Promise(setImmediate)
  }
  assert.ok(Date.now() / 1000 >= exp)
})

/** What another verifier may ask of a token that is remembered. @type {[string, Partial<VerifyAuthOptions>][]} */
const OTHERS = [
  ['invalid_issuer', { issuer: 'https://other.example.test/oidc' }],
  ['invalid_audience', { audience: 'https://other.example.test' }],
  ['missing_scope', { requiredScope: 'write' }],
  ['missing_role', { requiredRole: 'admin' }],
  ['wrong_organization', { organizationId: 'org' }],
  ['unsupported_algorithm', { algorithms: ['ES384', 'RS256'] }],
  ['invalid_token_type', { tokenType: 'jwt' }],
  ['token_revoked', { isRevoked: () => true }],
  ['token_expired', { currentDate: new Date('2100-01-01') }],
  ['unknown_key', { jwks: { keys: [createKey().jwk] } }],
  ['alice', { audience: null }],
  ['alice', { requiredScope: 'read', algorithms: ['ES256'], tokenType: null, organizationId: null }],
]

for (const [expected, more] of OTHERS) {
  const change = Object.keys(more).join(', ')
  test(`a token that another verifier has remembered is checked against one's own ${change}: ${expected}`, async (t) => {
    const server = await startKeyServer(t)
    const token = server.key.sign(server.issuer, { claims: { scope: 'read' } })
    const verifier = createVerifier(options(server))
    const other = createVerifier({ ...options(server), ...more })
    for (let i = 0; i < 2; i += 1) {
      assert.equal(await outcome(verifier, token), 'alice')
      assert.equal(await outcome(other, token), expected)
    }
  })
}

test('a token that is remembered without its audience checked is refused where that is checked', async (t) => {
  const server = await startKeyServer(t)
  const token = server.key.sign(server.issuer, { claims: { aud: 'https://other.example.test' } })
  assert.equal(await outcome(createVerifier({ ...options(server), audience: null }), token), 'alice')
  assert.equal(await outcome(createVerifier(options(server)), token), 'invalid_audience')
})

test('a token that is remembered of any type is refused where an access token is wanted', async (t) => {
  const server = await startKeyServer(t)
  const token = server.key.sign(server.issuer, { header: { typ: 'JWT' } })
  assert.equal(await outcome(createVerifier({ ...options(server), tokenType: null }), token), 'alice')
  assert.equal(await outcome(createVerifier(options(server)), token), 'invalid_token_type')
})

test('a token that is remembered for one Logto is none of another', async (t) => {
  const [server, other] = [await startKeyServer(t), await startKeyServer(t)]
  const token = server.key.sign(server.issuer)
  assert.equal(await outcome(createVerifier(options(server)), token), 'alice')
  const verifier = createVerifier({ ...options(other), issuer: server.issuer })
  assert.equal(await outcome(verifier, token), 'unknown_key')
})

test('a remembered token with one character changed, left out or added anywhere is refused', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), tokenType: null, issuer: server.issuer, audience: null })
  const token = server.key.sign(server.issuer)
  for (let i = 0; i < 2; i += 1) assert.equal(await outcome(verifier, token), 'alice')
  const { hits } = verifier.stats().tokens

  for (let at = 0; at <= token.length; at += 1) {
    const [before, char, after] = [token.slice(0, at), token.charAt(at), token.slice(at + 1)]
    const swapped = char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase()
    const next = NEXT[char] ?? '='
    for (const middle of ['', next, swapped, `${char}A`, `${char}.`, `${char}=`, `${char}\n`, `\0${char}`]) {
      const changed = before + middle + after
      if (changed !== token) assert.notEqual(await outcome(verifier, changed), 'alice', `${at}: ${changed}`)
    }
  }
  assert.deepEqual({ ...verifier.stats().tokens, misses: 0 }, { size: 1, hits, misses: 0 })
  assert.equal(await outcome(verifier, token), 'alice')
})

test('ES384 tokens, which are checked on other threads, are remembered as well', async (t) => {
  const key = createKey({ alg: 'ES384' })
  const server = await startKeyServer(t, { keys: [key] })
  const verifier = createVerifier(options(server))
  const tokens = Array.from({ length: 100 }, () => key.sign(server.issuer))
  for (let round = 0; round < 2; round += 1) {
    const outcomes = await Promise.all(tokens.map((token) => outcome(verifier, token)))
    assert.deepEqual([...new Set(outcomes)], ['alice'])
  }
  assert.deepEqual(verifier.stats().tokens, { size: 100, hits: 100, misses: 100 })
})

/**
 * @param {KeyServer} server
 * @returns {VerifyAuthOptions}
 */
function options(server) {
  return { logtoUrl: server.logtoUrl, audience: AUDIENCE }
}

/**
 * Whose token it is, or the code of its refusal.
 *
 * @param {Verifier} verifier
 * @param {string} token
 */
function outcome(verifier, token) {
  return verifier.verify(token).then(
    (auth) => auth.userId,
    (error) => error.code ?? error,
  )
}

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** The character after each in the alphabet. @type {Record<string, string>} */
const NEXT = Object.fromEntries([...BASE64URL].map((char, i) => [char, BASE64URL[(i + 1) % 64]]))
