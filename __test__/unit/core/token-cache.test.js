const assert = require('node:assert/strict')
const { test } = require('node:test')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { startKeyServer, startVerifier } = require('../../support/key-server')
const { outcome: outcomeOf } = require('../../support/helpers')
const { createKey, optionsFor, signToken } = require('../../support/tokens')

/** @typedef {import('logto-authkit').VerifyAuthOptions} VerifyAuthOptions */

test('a token is cached once it has been verified', async (t) => {
  const { server, verifier } = await startVerifier(t)
  const token = server.key.sign(server.issuer)
  assert.deepEqual(verifier.stats().tokens, { size: 0, hits: 0, misses: 0 })
  assert.equal(await outcome(verifier, token), 'alice')
  assert.deepEqual(verifier.stats().tokens, { size: 1, hits: 0, misses: 1 })
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, token), 'alice')
  assert.deepEqual(verifier.stats().tokens, { size: 1, hits: 3, misses: 1 })
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.deepEqual(verifier.stats().tokens, { size: 2, hits: 3, misses: 2 })
})

test('verifyAuth caches tokens even if the options are a new object for every call', async (t) => {
  const server = await startKeyServer(t)
  const token = server.key.sign(server.issuer)
  for (let i = 0; i < 5; i += 1) await verifyAuth(token, { ...server.options })
  assert.equal(createVerifier(server.options).stats().tokens.size, 1)
})

test('a previously verified token gives an equal context with a new payload object', async (t) => {
  const { server, verifier } = await startVerifier(t)
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

test('a rejected token is not cached', async (t) => {
  const { server, verifier } = await startVerifier(t)
  const signed = (claims) => server.key.sign(server.issuer, { claims: { ...claims } })
  for (const token of [
    'x'.repeat(43),
    createKey('ES256', { kid: server.key.jwk.kid }).sign(server.issuer),
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

  const strict = createVerifier({ ...server.options, requiredScope: 'a' })
  assert.equal(await outcome(strict, server.key.sign(server.issuer)), 'missing_scope')
  assert.equal(strict.stats().tokens.size, 0)
})

test('a small cache never holds more tokens than tokenCacheSize, and keeps the last one', async () => {
  const key = createKey()
  const tokens = Array.from({ length: 1001 }, () => signToken(key))
  for (const size of [1, 2, 10]) {
    const verifier = createVerifier(optionsFor(key, { tokenCacheSize: size }))
    for (const token of tokens) {
      assert.equal(await outcome(verifier, token), 'alice')
      assert.ok(verifier.stats().tokens.size <= size)
    }
    assert.equal(verifier.stats().tokens.size, size)
    assert.equal(await outcome(verifier, tokens[1000]), 'alice')
    assert.deepEqual(verifier.stats().tokens, { size, hits: 1, misses: 1001 })
  }
})

test('a large token takes the space of several', async (t) => {
  const { server, verifier } = await startVerifier(t, { tokenCacheSize: 100 })
  for (const [length, most] of [
    [8 * 1024, 30],
    [11_000, 10],
  ]) {
    const claims = { pad: 'x'.repeat(length) }
    for (let i = 0; i < 100; i += 1) {
      assert.equal(await outcome(verifier, server.key.sign(server.issuer, { claims })), 'alice')
    }
    const { size } = verifier.stats().tokens
    assert.ok(size > 5 && size <= most, String(size))
  }
})

test('tokenCacheSize 0 disables the cache', async (t) => {
  const { server, verifier } = await startVerifier(t, { tokenCacheSize: 0 })
  const token = server.key.sign(server.issuer)
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, token), 'alice')
  assert.deepEqual(verifier.stats().tokens, { size: 0, hits: 0, misses: 3 })
})

test('a previously verified token expires at exp plus the tolerance', async (t) => {
  const server = await startKeyServer(t)
  const exp = Math.floor(Date.now() / 1000) + 3600
  const token = server.key.sign(server.issuer, { claims: { exp } })
  const at = (seconds, clockTolerance = 0) =>
    outcome(createVerifier({ ...server.options, currentDate: new Date(seconds * 1000), clockTolerance }), token)
  assert.equal(await at(exp - 1), 'alice')
  assert.equal(await at(exp), 'token_expired')
  assert.equal(await at(exp + 1), 'token_expired')
  assert.equal(await at(exp + 1, 2), 'alice')
  assert.equal(await at(exp - 0.001), 'alice')
})

test('a previously verified token expires when the clock passes its exp', async (t) => {
  const { server, verifier } = await startVerifier(t)
  const exp = Date.now() / 1000 + 0.3
  const token = server.key.sign(server.issuer, { claims: { exp } })
  for (;;) {
    const before = Date.now() / 1000
    const found = await outcome(verifier, token)
    if (found !== 'alice') {
      assert.equal(found, 'token_expired')
      break
    }
    assert.ok(before < exp)
    await new Promise(setImmediate)
  }
  assert.ok(Date.now() / 1000 >= exp)
})

/** Options of a second verifier for a token that the first one has cached. @type {[string, Partial<VerifyAuthOptions>][]} */
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
  ['alice', { clockTolerance: 1 }],
  ['alice', { requiredScope: 'read', algorithms: ['ES256'], tokenType: null, organizationId: null }],
]

for (const [expected, more] of OTHERS) {
  const change = Object.keys(more).join(', ')
  test(`a token that another verifier cached is checked against ${change}: ${expected}`, async (t) => {
    const server = await startKeyServer(t)
    const token = server.key.sign(server.issuer, { claims: { scope: 'read' } })
    const verifier = createVerifier(server.options)
    const other = createVerifier({ ...server.options, ...more })
    for (let i = 0; i < 2; i += 1) {
      assert.equal(await outcome(verifier, token), 'alice')
      assert.equal(await outcome(other, token), expected)
    }
    if (!('jwks' in more)) assert.equal(other.stats().tokens.misses, 0, 'the token was not cached')
  })
}

test('a token cached without an audience check is rejected by a verifier that checks the audience', async (t) => {
  const server = await startKeyServer(t)
  const token = server.key.sign(server.issuer, { claims: { aud: 'https://other.example.test' } })
  assert.equal(await outcome(createVerifier({ ...server.options, audience: null }), token), 'alice')
  assert.equal(await outcome(createVerifier(server.options), token), 'invalid_audience')
})

test('a token cached with any type is rejected by a verifier that requires an access token', async (t) => {
  const server = await startKeyServer(t)
  for (const typ of ['JWT', undefined]) {
    const token = server.key.sign(server.issuer, { header: { typ } })
    assert.equal(await outcome(createVerifier({ ...server.options, tokenType: null }), token), 'alice')
    assert.equal(await outcome(createVerifier(server.options), token), 'invalid_token_type')
  }
})

test('a token cached for one Logto is not accepted for another', async (t) => {
  const [server, other] = [await startKeyServer(t), await startKeyServer(t)]
  const token = server.key.sign(server.issuer)
  assert.equal(await outcome(createVerifier(server.options), token), 'alice')
  const verifier = createVerifier({ ...other.options, issuer: server.issuer })
  assert.equal(await outcome(verifier, token), 'unknown_key')
})

test('rejects a previously verified token in which any one character was changed, removed or added', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...server.options, tokenType: null, issuer: server.issuer, audience: null })
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

test('ES384 tokens, which are verified on the thread pool, are cached as well', async (t) => {
  const key = createKey('ES384')
  const { server, verifier } = await startVerifier(t, {}, { keys: [key] })
  const tokens = Array.from({ length: 100 }, () => key.sign(server.issuer))
  for (let round = 0; round < 2; round += 1) {
    const outcomes = await Promise.all(tokens.map((token) => outcome(verifier, token)))
    assert.deepEqual([...new Set(outcomes)], ['alice'])
  }
  assert.deepEqual(verifier.stats().tokens, { size: 100, hits: 100, misses: 100 })
})

/** The user, or the error code of the rejection. */
const outcome = (verifier, token) => outcomeOf(verifier.verify(token))

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** For each character, the next character of the alphabet. */
const NEXT = Object.fromEntries([...BASE64URL].map((char, i) => [char, BASE64URL[(i + 1) % 64]]))
