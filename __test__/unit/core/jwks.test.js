const assert = require('node:assert/strict')
const { randomUUID } = require('node:crypto')
const { test } = require('node:test')
const { setTimeout: pause } = require('node:timers/promises')
const { clearJwksCache, createVerifier, invalidateJwksCache, verifyAuth } = require('logto-authkit')
const { hanging, held, keySet, resetting, revalidated, startKeyServer, text } = require('../../support/key-server')
const { AUDIENCE, createKey } = require('../../support/keys')

/**
 * @typedef {import('logto-authkit').VerifyAuthOptions} VerifyAuthOptions
 * @typedef {import('logto-authkit').Verifier} Verifier
 * @typedef {import('../../support/key-server').KeyServer} KeyServer
 * @typedef {import('../../support/keys').Key} Key
 */

/** Every verification asks, also right after a failure. */
const ASKING = { jwksCacheTtlMs: 0, jwksCooldownMs: 0 }

test('1,000 concurrent first calls make one request', async (t) => {
  const key = createKey({ alg: 'ES384' })
  const server = await startKeyServer(t, { keys: [key] })
  const tokens = Array.from({ length: 1000 }, (_, i) => key.sign(server.issuer, { claims: { sub: `user-${i}` } }))
  const contexts = await Promise.all(tokens.map((token) => verifyAuth(token, { ...options(server) })))
  assert.equal(server.requests.length, 1)
  assert.deepEqual(
    contexts.map((auth) => auth.userId),
    tokens.map((_, i) => `user-${i}`),
  )
})

test('1,000 concurrent first calls share an outage, too', async (t) => {
  const server = await startKeyServer(t, { answer: text(500) })
  const verifier = createVerifier(options(server))
  const token = server.key.sign(server.issuer)
  const outcomes = await Promise.all(Array.from({ length: 1000 }, () => outcome(verifier, token)))
  assert.deepEqual([...new Set(outcomes)], ['jwks_unavailable'])
  assert.equal(server.requests.length, 1)
})

test('10,000 tokens with unknown keys make one request, and good tokens verify before, during and after', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const flood = unknowns(server, 10_000)
  const good = () => outcome(verifier, server.key.sign(server.issuer))
  assert.equal(await good(), 'alice')

  const began = Date.now()
  for (let batch = 0; batch < 10; batch += 1) {
    const refused = flood.splice(0, 1000).map((token) => outcome(verifier, token))
    assert.equal(await good(), 'alice')
    assert.deepEqual([...new Set(await Promise.all(refused))], ['unknown_key'])
  }
  assert.equal(await good(), 'alice')
  const coolDowns = 1 + Math.floor((Date.now() - began) / 10_000)
  assert.ok(server.requests.length >= 2 && server.requests.length <= 1 + coolDowns, String(server.requests.length))
})

test('10,000 tokens with unknown keys make one request in an outage, and good tokens verify all along', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const flood = unknowns(server, 10_000)
  const good = () => outcome(verifier, server.key.sign(server.issuer))
  assert.equal(await good(), 'alice')

  server.answer = text(500)
  const began = Date.now()
  for (let batch = 0; batch < 10; batch += 1) {
    const refused = flood.splice(0, 1000).map((token) => outcome(verifier, token))
    assert.equal(await good(), 'alice')
    assert.deepEqual([...new Set(await Promise.all(refused))], ['jwks_unavailable'])
  }
  const coolDowns = 1 + Math.floor((Date.now() - began) / 10_000)
  assert.ok(server.requests.length >= 2 && server.requests.length <= 1 + coolDowns, String(server.requests.length))
  const { state, keys } = verifier.stats().jwks
  assert.deepEqual({ state, keys }, { state: 'fresh', keys: 1 })
})

test('good tokens do not wait for a fetch that unknown keys have provoked', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  const { answer, release } = held(keySet([server.key]))
  server.answer = answer
  const refused = unknowns(server, 100).map((token) => outcome(verifier, token))
  await server.requested(2)
  for (let i = 0; i < 100; i += 1) assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.deepEqual(figures(verifier), { state: 'fresh', keys: 1, fetches: 2, failures: 0 })
  await release()
  assert.deepEqual([...new Set(await Promise.all(refused))], ['unknown_key'])
  assert.equal(server.requests.length, 2)
})

test('what is refused before a key is looked up makes no request', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const sign = (/** @type {object} */ header) => server.key.sign(server.issuer, { header: { ...header } })
  for (const [token, code] of [
    ['', 'missing_token'],
    ['x'.repeat(43), 'opaque_token'],
    ['a.b', 'malformed_token'],
    [sign({ alg: 'none' }), 'unsupported_algorithm'],
    [sign({ alg: 'HS256' }), 'unsupported_algorithm'],
    [sign({ typ: 'JWT' }), 'invalid_token_type'],
    [sign({ crit: ['exp'] }), 'malformed_token'],
    [sign({ kid: 1 }), 'malformed_token'],
    [sign({ pad: 'x'.repeat(16 * 1024) }), 'malformed_token'],
  ]) {
    assert.equal(await outcome(verifier, token), code)
  }
  assert.equal(server.requests.length, 0)
})

test('a token of a new key verifies at once after a rotation without grace, and one of the old key no more', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const former = server.key.sign(server.issuer)
  assert.equal(await outcome(verifier, former), 'alice')

  const key = createKey()
  server.answer = keySet([key])
  assert.equal(await outcome(verifier, key.sign(server.issuer)), 'alice')
  assert.equal(await outcome(verifier, former), 'unknown_key')
  assert.equal(server.requests.length, 2)
})

test('a new key that the issuer publishes late is found by a second try after the cool-down', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), jwksCooldownMs: 0 })
  const key = createKey()
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.equal(await outcome(verifier, key.sign(server.issuer)), 'unknown_key')
  server.answer = keySet([key, server.key])
  assert.equal(await outcome(verifier, key.sign(server.issuer)), 'alice')
})

test('with the issuer gone, known keys verify for the stale time, then 503, then at once again when it is back', async (t) => {
  const server = await startKeyServer(t)
  const serving = createVerifier({ ...options(server), ...ASKING })
  const strict = createVerifier({ ...options(server), ...ASKING, jwksMaxStaleMs: 0 })
  const token = () => server.key.sign(server.issuer)
  assert.equal(await outcome(serving, token()), 'alice')

  server.answer = resetting
  for (let i = 0; i < 3; i += 1) {
    assert.equal(await outcome(serving, token()), 'alice')
    assert.equal(await outcome(strict, token()), 'jwks_unavailable')
  }
  assert.deepEqual(figures(serving), { state: 'stale', keys: 1, fetches: 7, failures: 6 })

  server.answer = keySet([server.key])
  assert.equal(await outcome(strict, token()), 'alice')
  assert.equal(await outcome(serving, token()), 'alice')
})

test('a token of an unknown key is an outage, not a forgery, while no newer set can be had', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), jwksCooldownMs: 0 })
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  server.answer = text(500)
  assert.equal(await outcome(verifier, unknown(server)), 'jwks_unavailable')
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  server.answer = keySet([server.key])
  assert.equal(await outcome(verifier, unknown(server)), 'unknown_key')
})

test('an outage is a 503 that says when to try again, and tells why only to the operator', async (t) => {
  const server = await startKeyServer(t, { answer: text(500, 'secret') })
  const verifier = createVerifier(options(server))
  for (const attempt of ['the one that asks', 'one within the cool-down']) {
    const error = await failure(verifier.verify(server.key.sign(server.issuer)))
    assert.deepEqual(
      { code: error.code, status: error.status, message: error.message, challenge: error.wwwAuthenticate },
      {
        code: 'jwks_unavailable',
        status: 503,
        message: 'Signing keys are unavailable, try again later',
        challenge: null,
      },
      attempt,
    )
    const { 'Retry-After': retryAfter, ...headers } = error.headers
    assert.deepEqual(headers, { 'Cache-Control': 'no-store' })
    assert.ok(/^\d+$/.test(retryAfter) && Number(retryAfter) >= 1 && Number(retryAfter) <= 10, retryAfter)
    assert.deepEqual(error.details, { jwksUri: server.jwksUri })
    assert.equal(/** @type {Error} */ (error.cause).message, "the key set's address answered 500")
  }
  assert.equal(server.requests.length, 1)
})

test('in an outage a request becomes a guest where guests are allowed', async (t) => {
  const server = await startKeyServer(t, { answer: text(500) })
  const headers = { authorization: `Bearer ${server.key.sign(server.issuer)}` }
  const auth = await verifyAuth({ headers }, { ...options(server), allowGuest: true })
  assert.equal(auth.isGuest && auth.guestReason, 'jwks_unavailable')
})

test('a verification waits no longer than its own time-out for a fetch that another one has begun', async (t) => {
  const key = createKey()
  const { answer, release } = held(keySet([key]))
  const server = await startKeyServer(t, { keys: [key], answer })
  const patient = createVerifier({ ...options(server), jwksTimeoutMs: 60_000 })
  const hasty = createVerifier({ ...options(server), jwksTimeoutMs: 50 })
  const waiting = outcome(patient, server.key.sign(server.issuer))
  assert.equal(await outcome(hasty, server.key.sign(server.issuer)), 'jwks_unavailable')
  await server.requested(1)
  await release()
  assert.equal(await waiting, 'alice')
  assert.equal(server.requests.length, 1)
})

test('a verification that waits for longer than the one that has begun the fetch gets what it brings', async (t) => {
  const key = createKey()
  const { answer, release } = held(keySet([key]))
  const server = await startKeyServer(t, { keys: [key], answer })
  const hasty = createVerifier({ ...options(server), jwksTimeoutMs: 200 })
  const patient = createVerifier({ ...options(server), jwksTimeoutMs: 60_000 })
  const refused = outcome(hasty, server.key.sign(server.issuer))
  const waiting = outcome(patient, server.key.sign(server.issuer))
  assert.equal(await refused, 'jwks_unavailable')
  await server.requested(1)
  await release()
  assert.equal(await waiting, 'alice')
  assert.equal(server.requests.length, 1)
})

test('every refusal for a time-out says so, and counts its cool-down', async (t) => {
  const server = await startKeyServer(t, { answer: hanging })
  for (let i = 0; i < 20; i += 1) {
    invalidateJwksCache(server.logtoUrl)
    const verifier = createVerifier({ ...options(server), jwksTimeoutMs: 30 })
    const error = await failure(verifier.verify(server.key.sign(server.issuer)))
    assert.match(String(error.cause), /time-out/, `attempt ${i}`)
    assert.equal(error.headers['Retry-After'], '10', `attempt ${i}`)
  }
})

test('an unchanged set is asked for by its ETag and not sent again', async (t) => {
  const key = createKey()
  const server = await startKeyServer(t, { keys: [key], answer: revalidated([key], '"one"') })
  const verifier = createVerifier({ ...options(server), ...ASKING })
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, key.sign(server.issuer)), 'alice')
  assert.deepEqual(
    server.requests.map((request) => request.headers['if-none-match']),
    [undefined, '"one"', '"one"'],
  )
  assert.deepEqual(figures(verifier), { state: 'stale', keys: 1, fetches: 3, failures: 0 })

  const next = createKey()
  server.answer = revalidated([next], 'W/"two"')
  assert.equal(await outcome(verifier, next.sign(server.issuer)), 'alice')
  assert.equal(await outcome(verifier, key.sign(server.issuer)), 'unknown_key')
  assert.equal(server.requests.at(-1)?.headers['if-none-match'], 'W/"two"')
})

test('an unchanged set counts as fetched anew', async (t) => {
  const key = createKey()
  const server = await startKeyServer(t, { keys: [key], answer: revalidated([key], '"one"') })
  const verifier = createVerifier(options(server))
  await verifier.prefetch()
  const { fetchedAt } = verifier.stats().jwks
  assert.equal(await outcome(verifier, unknown(server)), 'unknown_key')
  assert.ok(Number(verifier.stats().jwks.fetchedAt) > Number(fetchedAt))
})

test('the ETag of a forgotten set is forgotten with it', async (t) => {
  const key = createKey()
  const server = await startKeyServer(t, { keys: [key], answer: revalidated([key], '"one"') })
  const verifier = createVerifier(options(server))
  await verifier.prefetch()
  invalidateJwksCache(server.logtoUrl)
  await verifier.prefetch()
  assert.equal(server.requests[1].headers['if-none-match'], undefined)
})

test('a set that comes without an ETag is asked for without one', async (t) => {
  const server = await startKeyServer(t, { answer: keySet([], { ETag: '"bad"' }) })
  const verifier = createVerifier({ ...options(server), ...ASKING })
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'jwks_unavailable')
  server.answer = keySet([server.key])
  for (let i = 0; i < 2; i += 1) assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.deepEqual(
    server.requests.map((request) => request.headers['if-none-match']),
    [undefined, undefined, undefined],
  )
})

test('a key set is asked for as one, with gzip, and without anything of the token', async (t) => {
  const server = await startKeyServer(t)
  await createVerifier(options(server)).verify(server.key.sign(server.issuer))
  const [{ method, url, headers }] = server.requests
  assert.equal(method, 'GET')
  assert.equal(url, new URL(server.jwksUri).pathname)
  const { 'user-agent': agent, ...rest } = headers
  assert.match(String(agent), /^logto-authkit\/\d+\.\d+\.\d+/)
  assert.deepEqual(rest, {
    accept: 'application/jwk-set+json, application/json',
    'accept-encoding': 'gzip',
    host: new URL(server.jwksUri).host,
  })
})

for (const directive of ['no-cache, max-age=0, must-revalidate', 'no-store', 'max-age=31536000, immutable']) {
  test(`Cache-Control: ${directive} changes nothing`, async (t) => {
    const key = createKey()
    const headers = { 'Cache-Control': directive, Expires: '0', Vary: '*' }
    const server = await startKeyServer(t, { keys: [key], answer: keySet([key], headers) })
    const kept = createVerifier(options(server))
    for (let i = 0; i < 3; i += 1) assert.equal(await outcome(kept, key.sign(server.issuer)), 'alice')
    assert.equal(server.requests.length, 1)
    const asking = createVerifier({ ...options(server), ...ASKING })
    for (let i = 0; i < 3; i += 1) assert.equal(await outcome(asking, key.sign(server.issuer)), 'alice')
    assert.equal(server.requests.length, 4)
  })
}

test('a connection that the server has closed since is no outage', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), ...ASKING, jwksMaxStaleMs: 0 })
  for (let i = 0; i < 200; i += 1) {
    assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
    server.dropIdle()
  }
})

test('a connection that breaks when it is used again is no outage', async (t) => {
  const server = await startKeyServer(t)
  /** @type {WeakSet<object>} */
  const used = new WeakSet()
  server.answer = (request, response) => {
    if (used.has(request.socket)) return resetting(request, response)
    used.add(request.socket)
    return keySet([server.key])(request, response)
  }
  const verifier = createVerifier({ ...options(server), ...ASKING, jwksMaxStaleMs: 0 })
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
})

test('a remembered token stops as soon as its key has left the set', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const token = server.key.sign(server.issuer)
  for (let i = 0; i < 2; i += 1) assert.equal(await outcome(verifier, token), 'alice')

  server.answer = keySet([createKey()])
  invalidateJwksCache(server.logtoUrl)
  assert.equal(await outcome(verifier, token), 'unknown_key')
  assert.equal(verifier.stats().tokens.size, 0)
})

test('a remembered token stops as soon as its kid means another key', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const token = server.key.sign(server.issuer)
  for (let i = 0; i < 2; i += 1) assert.equal(await outcome(verifier, token), 'alice')

  const other = createKey({ kid: server.key.jwk.kid })
  server.answer = keySet([other])
  invalidateJwksCache(server.logtoUrl)
  assert.equal(await outcome(verifier, token), 'invalid_signature')
  assert.equal(await outcome(verifier, other.sign(server.issuer)), 'alice')
})

test('a remembered token goes on when its key stays beside a new one', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const token = server.key.sign(server.issuer)
  assert.equal(await outcome(verifier, token), 'alice')
  server.answer = keySet([createKey(), server.key])
  invalidateJwksCache(server.logtoUrl)
  assert.equal(await outcome(verifier, token), 'alice')
  assert.equal(verifier.stats().tokens.hits, 1)
})

test('a key set is forgotten by the address of its Logto, however that is written', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const spellings = [
    server.logtoUrl,
    `${server.logtoUrl}/`,
    server.issuer,
    ` ${server.logtoUrl.replace('http', 'HTTP')} `,
  ]
  for (const [index, spelling] of spellings.entries()) {
    await verifier.prefetch()
    assert.deepEqual(figures(verifier), { state: 'fresh', keys: 1, fetches: index + 1, failures: 0 })
    invalidateJwksCache(spelling)
    assert.deepEqual(figures(verifier), { state: 'empty', keys: 0, fetches: index + 1, failures: 0 }, spelling)
  }
})

test('a key set is forgotten by its jwksUri, however that is written', async (t) => {
  const server = await startKeyServer(t)
  for (const jwksUri of [server.jwksUri, server.jwksUri.replace('http', 'HTTP'), ` ${server.jwksUri}`]) {
    const verifier = createVerifier({ ...options(server), logtoUrl: 'https://auth.example.test', jwksUri })
    await verifier.prefetch()
    assert.equal(verifier.stats().jwks.state, 'fresh')
    invalidateJwksCache(jwksUri)
    assert.equal(verifier.stats().jwks.state, 'empty', JSON.stringify(jwksUri))
  }
})

test('forgetting one key set leaves the others, and forgetting all leaves none', async (t) => {
  const servers = [await startKeyServer(t), await startKeyServer(t)]
  const verifiers = servers.map((server) => createVerifier(options(server)))
  const states = () => verifiers.map((verifier) => verifier.stats().jwks.state)
  await Promise.all(verifiers.map((verifier) => verifier.prefetch()))
  invalidateJwksCache(servers[0].logtoUrl)
  assert.deepEqual(states(), ['empty', 'fresh'])
  await verifiers[0].prefetch()
  clearJwksCache()
  assert.deepEqual(states(), ['empty', 'empty'])
  for (const [i, server] of servers.entries()) {
    assert.equal(await outcome(verifiers[i], server.key.sign(server.issuer)), 'alice')
  }
})

test('forgetting a key set that is not known does nothing', () => {
  invalidateJwksCache('https://never-seen.example.test')
})

for (const wrong of ['', 'auth.example.test', 'ftp://auth.example.test', undefined, null, 7, {}]) {
  test(`forgetting the key set of ${JSON.stringify(wrong)} is a TypeError`, () => {
    assert.throws(() => invalidateJwksCache(/** @type {any} */ (wrong)), { name: 'TypeError', code: 'invalid_options' })
  })
}

test('forgetting a key set ends the cool-downs too', async (t) => {
  const server = await startKeyServer(t, { answer: text(500) })
  const verifier = createVerifier(options(server))
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'jwks_unavailable')
  server.answer = keySet([server.key])
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'jwks_unavailable')
  invalidateJwksCache(server.logtoUrl)
  assert.equal(verifier.stats().jwks.lastError, null)
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.equal(await outcome(verifier, unknown(server)), 'unknown_key')
  assert.equal(server.requests.length, 3)
})

test('an answer that was under way when its set was forgotten loses, and who waited for it gets the new set', async (t) => {
  const former = createKey()
  const slow = held(keySet([former]))
  const server = await startKeyServer(t, { answer: slow.answer })
  const verifier = createVerifier(options(server))
  const key = createKey()
  const waiting = [outcome(verifier, key.sign(server.issuer)), outcome(verifier, former.sign(server.issuer))]
  await server.requested(1)

  server.answer = keySet([key])
  invalidateJwksCache(server.logtoUrl)
  assert.deepEqual(await Promise.all(waiting), ['alice', 'unknown_key'])

  await slow.release()
  for (let i = 0; i < 20; i += 1) {
    assert.equal(await outcome(verifier, former.sign(server.issuer)), 'unknown_key')
    assert.equal(await outcome(verifier, key.sign(server.issuer)), 'alice')
  }
  assert.equal(server.requests.length, 2)
})

test('an outage that was under way when its set was forgotten loses', async (t) => {
  const slow = held(text(500))
  const server = await startKeyServer(t, { answer: slow.answer })
  const verifier = createVerifier(options(server))
  const waiting = outcome(verifier, server.key.sign(server.issuer))
  await server.requested(1)
  server.answer = keySet([server.key])
  clearJwksCache()
  assert.equal(await waiting, 'alice')
  await slow.release()
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.deepEqual(figures(verifier), { state: 'fresh', keys: 1, fetches: 2, failures: 0 })
})

test('prefetch gets the keys once, so that no verification has to', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  assert.equal(await verifier.prefetch(), undefined)
  await verifier.prefetch()
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.equal(server.requests.length, 1)
})

test('prefetch rejects in an outage, and verification works once that is over', async (t) => {
  const server = await startKeyServer(t, { answer: text(500) })
  const verifier = createVerifier({ ...options(server), jwksCooldownMs: 0 })
  const error = await failure(verifier.prefetch())
  assert.deepEqual([error.name, error.code, error.status], ['AuthError', 'jwks_unavailable', 503])
  server.answer = keySet([server.key])
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
})

test('stats tell the life of a key set', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), jwksCooldownMs: 0 })
  const asking = createVerifier({ ...options(server), ...ASKING })
  const empty = { state: 'empty', keys: 0, fetches: 0, failures: 0, fetchedAt: null, lastError: null }
  assert.deepEqual(verifier.stats(), { tokens: { size: 0, hits: 0, misses: 0 }, jwks: empty })

  server.answer = text(404)
  await failure(verifier.prefetch())
  const lastError = "the key set's address answered 404"
  assert.deepEqual(verifier.stats().jwks, { ...empty, fetches: 1, failures: 1, lastError })

  const before = Date.now()
  server.answer = keySet([server.key, createKey()])
  await verifier.prefetch()
  const { fetchedAt, ...fresh } = verifier.stats().jwks
  assert.deepEqual(fresh, { state: 'fresh', keys: 2, fetches: 2, failures: 1, lastError: null })
  assert.ok(Number(fetchedAt) >= before - 1 && Number(fetchedAt) <= Date.now() + 1, String(fetchedAt))

  server.answer = text(500)
  await asking.prefetch()
  assert.deepEqual(asking.stats().jwks, {
    state: 'stale',
    keys: 2,
    fetches: 3,
    failures: 2,
    fetchedAt,
    lastError: "the key set's address answered 500",
  })
  assert.equal(verifier.stats().jwks.state, 'fresh')
})

test('skipJwksCache fetches for every verification, a remembered token too', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), skipJwksCache: true })
  const token = server.key.sign(server.issuer)
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, token), 'alice')
  assert.equal(server.requests.length, 3)

  server.answer = keySet([createKey()])
  assert.equal(await outcome(verifier, token), 'unknown_key')
})

test('skipJwksCache serves nothing stale, and asks again in an outage', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), skipJwksCache: true })
  const token = server.key.sign(server.issuer)
  assert.equal(await outcome(verifier, token), 'alice')
  server.answer = text(500)
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, token), 'jwks_unavailable')
  assert.equal(server.requests.length, 4)
  server.answer = keySet([server.key])
  assert.equal(await outcome(verifier, token), 'alice')
})

test('skipJwksCache neither uses nor fills the cache that other verifiers have', async (t) => {
  const server = await startKeyServer(t)
  const skipping = createVerifier({ ...options(server), skipJwksCache: true })
  const caching = createVerifier(options(server))
  assert.equal(await outcome(skipping, server.key.sign(server.issuer)), 'alice')
  assert.equal(caching.stats().jwks.state, 'empty')

  await caching.prefetch()
  server.answer = text(500)
  assert.equal(await outcome(skipping, server.key.sign(server.issuer)), 'jwks_unavailable')
  assert.equal(await outcome(caching, server.key.sign(server.issuer)), 'alice')
  assert.deepEqual(figures(caching), { state: 'fresh', keys: 1, fetches: 1, failures: 0 })
})

test('with jwksCacheTtlMs 0 every verification fetches, a remembered token too', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), jwksCacheTtlMs: 0 })
  const token = server.key.sign(server.issuer)
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, token), 'alice')
  assert.equal(server.requests.length, 3)
  server.answer = keySet([createKey()])
  assert.equal(await outcome(verifier, token), 'unknown_key')
})

test('two verifiers of one address share its set and its fetch, whatever else differs', async (t) => {
  const server = await startKeyServer(t)
  const verifiers = [
    createVerifier(options(server)),
    createVerifier({ ...options(server), audience: null, jwksCacheTtlMs: 1000 }),
    createVerifier({ ...options(server), logtoUrl: `${server.logtoUrl}/oidc/` }),
    createVerifier({
      logtoUrl: 'https://auth.example.test',
      issuer: server.issuer,
      jwksUri: server.jwksUri,
      audience: null,
    }),
  ]
  const outcomes = verifiers.map((verifier) => outcome(verifier, server.key.sign(server.issuer)))
  assert.deepEqual(await Promise.all(outcomes), ['alice', 'alice', 'alice', 'alice'])
  assert.equal(server.requests.length, 1)
  for (const verifier of verifiers) assert.equal(verifier.stats().jwks.fetches, 1)
})

test('verifiers of different addresses share nothing', async (t) => {
  const key = createKey()
  const servers = [await startKeyServer(t, { keys: [key] }), await startKeyServer(t)]
  const [first, second] = servers.map((server) => createVerifier({ ...options(server), issuer: servers[0].issuer }))
  const token = key.sign(servers[0].issuer)
  for (let i = 0; i < 2; i += 1) {
    assert.equal(await outcome(first, token), 'alice')
    assert.equal(await outcome(second, token), 'unknown_key')
  }
  assert.deepEqual([first.stats().jwks.fetches, second.stats().jwks.fetches], [1, 1])
})

test('a static key set makes no request', async (t) => {
  const server = await startKeyServer(t)
  const jwks = { keys: [server.key.jwk] }
  const verifier = createVerifier({ ...options(server), jwks, jwksUri: server.jwksUri, skipJwksCache: true })
  await verifier.prefetch()
  for (let i = 0; i < 2; i += 1) assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.equal(await outcome(verifier, unknown(server)), 'unknown_key')
  clearJwksCache()
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.equal(server.requests.length, 0)
  const { fetchedAt, lastError, ...jwksFigures } = verifier.stats().jwks
  assert.deepEqual(jwksFigures, { state: 'fresh', keys: 1, fetches: 0, failures: 0 })
  assert.deepEqual([fetchedAt, lastError], [null, null])
})

test('a key set is fetched from jwksUri, for tokens of the public address', async (t) => {
  const [named, other] = [await startKeyServer(t), await startKeyServer(t)]
  const verifier = createVerifier({ logtoUrl: other.logtoUrl, audience: AUDIENCE, jwksUri: named.jwksUri })
  assert.equal(await outcome(verifier, named.key.sign(other.issuer)), 'alice')
  assert.equal(await outcome(verifier, named.key.sign(named.issuer)), 'invalid_issuer')
  assert.deepEqual([named.requests.length, other.requests.length], [1, 0])
})

test('no address that a token names is ever asked', async (t) => {
  const [server, attacker] = [await startKeyServer(t), await startKeyServer(t)]
  const verifier = createVerifier({ ...options(server), jwksCooldownMs: 0 })
  const header = { jku: attacker.jwksUri, x5u: attacker.jwksUri, jwk: attacker.key.jwk, x5c: ['AAAA'] }
  assert.equal(await outcome(verifier, attacker.key.sign(attacker.issuer, { header })), 'unknown_key')
  const kid = server.key.jwk.kid
  assert.equal(
    await outcome(verifier, attacker.key.sign(server.issuer, { header: { ...header, kid } })),
    'invalid_signature',
  )
  assert.equal(attacker.requests.length, 0)
})

test('from 80% of its TTL on, traffic refreshes a set, and no request waits for that', {
  timeout: 20_000,
}, async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), jwksCacheTtlMs: 2000, jwksTimeoutMs: 60_000 })
  await verifier.prefetch()
  const refresh = held(keySet([server.key, createKey()]))
  server.answer = refresh.answer
  while (server.requests.length < 2) {
    assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
    await pause(10, undefined, { signal: t.signal })
  }
  assert.ok(Date.now() - Number(verifier.stats().jwks.fetchedAt) >= 1600)
  assert.deepEqual(figures(verifier), { state: 'fresh', keys: 1, fetches: 2, failures: 0 })

  await refresh.release()
  while (verifier.stats().jwks.keys === 1) await pause(10, undefined, { signal: t.signal })
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.deepEqual(figures(verifier), { state: 'fresh', keys: 2, fetches: 2, failures: 0 })
})

/**
 * @param {KeyServer} server
 * @returns {VerifyAuthOptions}
 */
function options(server) {
  return { logtoUrl: server.logtoUrl, audience: AUDIENCE }
}

/**
 * A token of a key that is in no set.
 *
 * @param {KeyServer} server
 */
const unknown = (server) => server.key.sign(server.issuer, { header: { kid: randomUUID() } })

/**
 * Thousands of them, which are not worth a signature each.
 *
 * @param {KeyServer} server
 * @param {number} count
 */
function unknowns(server, count) {
  const [, payload, signature] = server.key.sign(server.issuer).split('.')
  return Array.from({ length: count }, () => {
    const header = { alg: 'ES256', typ: 'at+jwt', kid: randomUUID() }
    return `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}.${signature}`
  })
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

/**
 * @param {Promise<unknown>} promise
 * @returns {Promise<import('logto-authkit').AuthError>}
 */
async function failure(promise) {
  return promise.then(
    () => assert.fail('it did not fail'),
    (error) => error,
  )
}

/** @param {Verifier} verifier */
function figures(verifier) {
  const { state, keys, fetches, failures } = verifier.stats().jwks
  return { state, keys, fetches, failures }
}
