const assert = require('node:assert/strict')
const { randomUUID } = require('node:crypto')
const { test } = require('node:test')
const { setTimeout: pause } = require('node:timers/promises')
const { clearJwksCache, createVerifier, invalidateJwksCache, verifyAuth } = require('logto-authkit')
const {
  hanging,
  held,
  keySet,
  resetting,
  revalidated,
  startKeyServer,
  startVerifier,
  text,
  tokensOfUnknownKeys,
} = require('../../support/key-server')
const { outcome: outcomeOf, rejection } = require('../../support/helpers')
const { AUDIENCE, createKey } = require('../../support/tokens')
const { until } = require('../../support/until')

/** Every verification fetches the keys, even directly after a failure. */
const ALWAYS_FETCHING = { jwksCacheTtlMs: 0, jwksCooldownMs: 0 }

test('many concurrent first calls make one request', async (t) => {
  const key = createKey('ES256')
  const server = await startKeyServer(t, { keys: [key] })
  const tokens = Array.from({ length: 300 }, (_, i) => key.sign(server.issuer, { claims: { sub: `user-${i}` } }))
  const contexts = await Promise.all(tokens.map((token) => verifyAuth(token, { ...server.options })))
  assert.equal(server.requests.length, 1)
  assert.deepEqual(
    contexts.map((auth) => auth.userId),
    tokens.map((_, i) => `user-${i}`),
  )
})

test('1,000 concurrent first calls share a failed request', async (t) => {
  const { server, verifier } = await startVerifier(t, {}, { answer: text(500) })
  const token = server.key.sign(server.issuer)
  const outcomes = await Promise.all(Array.from({ length: 1000 }, () => outcome(verifier, token)))
  assert.deepEqual([...new Set(outcomes)], ['jwks_unavailable'])
  assert.equal(server.requests.length, 1)
})

test('A1: no verification fails if the server resets the first connection', async (t) => {
  const { server, verifier } = await startVerifier(t)
  server.answer = (request, response) => {
    server.answer = keySet([server.key])
    resetting(request, response)
  }
  const tokens = Array.from({ length: 100 }, () => server.key.sign(server.issuer))
  const outcomes = await Promise.all(tokens.map((token) => outcome(verifier, token)))
  assert.deepEqual([...new Set(outcomes)], ['alice'])
  assert.deepEqual(figures(verifier), { state: 'fresh', keys: 1, fetches: 2, failures: 1 })
  assert.equal(server.requests.length, 2)
})

test('A1: a verification right after a failed prefetch waits for the retry', async (t) => {
  const { server, verifier } = await startVerifier(t, {}, { answer: resetting })
  await verifier.prefetch().catch(() => {})
  server.answer = keySet([server.key])
  const tokens = Array.from({ length: 100 }, () => server.key.sign(server.issuer))
  const outcomes = await Promise.all(tokens.map((token) => outcome(verifier, token)))
  assert.deepEqual([...new Set(outcomes)], ['alice'])
  assert.equal(server.requests.length, 3)
})

test('A3: no verification waits for a server that hangs while a stale key set is usable', async (t) => {
  const { server, verifier } = await startVerifier(t, { jwksCacheTtlMs: 1, jwksTimeoutMs: 60_000 })
  await verifier.prefetch()
  server.answer = hanging
  for (let i = 0; i < 20; i += 1) assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  await server.requested(2)
  assert.deepEqual(figures(verifier), { state: 'stale', keys: 1, fetches: 2, failures: 0 })
})

test('A7: a token that may be signed with a newer key is told to retry during the cooldown', async (t) => {
  const { server, verifier } = await startVerifier(t)
  await verifier.prefetch()
  assert.equal(await outcome(verifier, unknown(server)), 'unknown_key')
  const key = createKey()
  server.answer = keySet([key, server.key])
  const error = await rejection(verifier.verify(key.sign(server.issuer)))
  assert.deepEqual([error.code, error.status], ['jwks_unavailable', 503])
  assert.ok(Number(error.headers['Retry-After']) >= 1 && Number(error.headers['Retry-After']) <= 10)
  assert.match(String(error.cause), /newer than the cached key set/)
  assert.equal(error.details.reason, 'cooldown')
  for (const iat of [issuedEarlier().iat, Date.now() / 1000 + 3600, undefined, '1']) {
    assert.equal(await outcome(verifier, key.sign(server.issuer, { claims: { iat } })), 'unknown_key', String(iat))
  }
  const headers = { authorization: `Bearer ${key.sign(server.issuer)}` }
  const guest = await verifyAuth({ headers }, { ...server.options, allowGuest: true })
  assert.equal(guest.isGuest && guest.guestReason, 'jwks_unavailable')
  assert.equal(server.requests.length, 2)
})

test('A7: a token of a removed key is rejected during the cooldown, even if it is new', async (t) => {
  const { server, verifier } = await startVerifier(t)
  await verifier.prefetch()
  const key = createKey()
  server.answer = keySet([key])
  assert.equal(await outcome(verifier, key.sign(server.issuer)), 'alice')
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'unknown_key')
})

test('A8: invalidateJwksCache drops every key set of a Logto server and returns their number', async (t) => {
  const server = await startKeyServer(t)
  const [internal, other] = [await startKeyServer(t), await startKeyServer(t)]
  const verifiers = [
    { ...server.options },
    { ...server.options, jwksUri: internal.jwksUri },
    { ...server.options, jwksUri: internal.jwksUri, tokenCacheSize: 7 },
    { ...server.options, jwksUri: `${server.jwksUri}/uncached`, skipJwksCache: true },
    { ...other.options, issuer: [other.issuer, server.issuer] },
  ].map((options) => createVerifier(options))
  await Promise.all(verifiers.map((verifier) => verifier.prefetch()))
  assert.equal(invalidateJwksCache('https://another.example.test'), 0)
  assert.equal(invalidateJwksCache(server.logtoUrl), 4)
  assert.deepEqual([...new Set(verifiers.map((verifier) => verifier.stats().jwks.state))], ['empty'])
  assert.equal(invalidateJwksCache(server.logtoUrl), 0)
  await verifiers[2].prefetch()
  assert.equal(invalidateJwksCache(internal.jwksUri), 1)
})

test('A8: a remembered token of a leaked key behind jwksUri is rejected after invalidateJwksCache', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({
    ...server.options,
    logtoUrl: 'https://a8.example.test:8443',
    jwksUri: server.jwksUri,
  })
  const token = server.key.sign('https://a8.example.test:8443/oidc', { claims: issuedEarlier() })
  for (let i = 0; i < 2; i += 1) assert.equal(await outcome(verifier, token), 'alice')
  server.answer = keySet([createKey()])
  assert.equal(invalidateJwksCache('https://a8.example.test:8443/'), 1)
  assert.equal(await outcome(verifier, token), 'unknown_key')
})

test('A9: a remembered token is rejected like a new one once its kid is ambiguous', async (t) => {
  const { server, verifier, token } = await rememberedToken(t, (key) => [key, createKey('ES256', { kid: key.jwk.kid })])
  for (const which of [token, server.key.sign(server.issuer)]) {
    const error = await rejection(verifier.verify(which))
    assert.deepEqual([error.code, error.details.reason], ['unknown_key', 'several_keys'])
  }
})

test('valid tokens do not wait for a fetch caused by unknown keys', async (t) => {
  const { server, verifier } = await startVerifier(t)
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  const { answer, release } = held(keySet([server.key]))
  server.answer = answer
  const refused = tokensOfUnknownKeys(server, 100).map((token) => outcome(verifier, token))
  await server.requested(2)
  for (let i = 0; i < 100; i += 1) assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.deepEqual(figures(verifier), { state: 'fresh', keys: 1, fetches: 2, failures: 0 })
  await release()
  assert.deepEqual([...new Set(await Promise.all(refused))], ['unknown_key'])
  assert.equal(server.requests.length, 2)
})

test('a token that is rejected before the key lookup makes no request', async (t) => {
  const { server, verifier } = await startVerifier(t)
  const sign = (header) => server.key.sign(server.issuer, { header: { ...header } })
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

test('after a rotation that drops the old key, a token with the new key is accepted at once and the old one rejected', async (t) => {
  const { server, verifier } = await startVerifier(t)
  const former = server.key.sign(server.issuer)
  assert.equal(await outcome(verifier, former), 'alice')

  const key = createKey()
  server.answer = keySet([key])
  assert.equal(await outcome(verifier, key.sign(server.issuer)), 'alice')
  assert.equal(await outcome(verifier, former), 'unknown_key')
  assert.equal(server.requests.length, 2)
})

test('a key that is published late is found after the cooldown', async (t) => {
  const { server, verifier } = await startVerifier(t, { jwksCooldownMs: 0 })
  const key = createKey()
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.equal(await outcome(verifier, key.sign(server.issuer)), 'unknown_key')
  server.answer = keySet([key, server.key])
  assert.equal(await outcome(verifier, key.sign(server.issuer)), 'alice')
})

test('during an outage, stale keys are used for jwksMaxStaleMs, and recovery is immediate', async (t) => {
  const server = await startKeyServer(t)
  const serving = createVerifier({ ...server.options, ...ALWAYS_FETCHING })
  const strict = createVerifier({ ...server.options, ...ALWAYS_FETCHING, jwksMaxStaleMs: 0 })
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

test('an unknown key is an outage, not a forgery, while the key set cannot be refreshed', async (t) => {
  const { server, verifier } = await startVerifier(t, { jwksCooldownMs: 0 })
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  server.answer = text(500)
  assert.equal(await outcome(verifier, unknown(server)), 'jwks_unavailable')
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  server.answer = keySet([server.key])
  assert.equal(await outcome(verifier, unknown(server)), 'unknown_key')
})

test('an outage is a 503 with Retry-After, and only cause and details give the reason', async (t) => {
  const { server, verifier } = await startVerifier(t, {}, { answer: text(500, 'secret') })
  for (const attempt of ['the failed request', 'the retry']) {
    const error = await rejection(verifier.verify(server.key.sign(server.issuer)))
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
    assert.equal(/** @type {Error} */ (error.cause).message, 'the JWKS URL responded with 500')
  }
  assert.equal(server.requests.length, 2) // the second verification waited for the retry
})

for (const order of [
  ['patient', 'hasty'],
  ['hasty', 'patient'],
]) {
  test(`a verification waits no longer than its own timeout for a shared fetch, which the ${order[0]} one started`, async (t) => {
    const key = createKey()
    const { answer, release } = held(keySet([key]))
    const server = await startKeyServer(t, { keys: [key], answer })
    const timeouts = { patient: 60_000, hasty: 200 }
    const outcomes = order.map((name) => {
      const verifier = createVerifier({ ...server.options, jwksTimeoutMs: timeouts[name] })
      return [name, outcome(verifier, server.key.sign(server.issuer))]
    })
    const { patient, hasty } = Object.fromEntries(outcomes)
    assert.equal(await hasty, 'jwks_unavailable')
    await server.requested(1)
    await release()
    assert.equal(await patient, 'alice')
    assert.equal(server.requests.length, 1)
  })
}

test('every rejection after a timeout names the timeout and has the time to the retry as Retry-After', async (t) => {
  const server = await startKeyServer(t, { answer: hanging })
  for (let i = 0; i < 20; i += 1) {
    invalidateJwksCache(server.logtoUrl)
    const verifier = createVerifier({ ...server.options, jwksTimeoutMs: 30 })
    const error = await rejection(verifier.verify(server.key.sign(server.issuer)))
    assert.match(String(error.cause), /timeout/, `attempt ${i}`)
    assert.equal(error.headers['Retry-After'], '1', `attempt ${i}`)
  }
})

test('a key set is revalidated with its ETag', async (t) => {
  const key = createKey()
  const { server, verifier } = await startVerifier(
    t,
    { ...ALWAYS_FETCHING },
    { keys: [key], answer: revalidated([key], '"one"') },
  )
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

test('a 304 renews fetchedAt', async (t) => {
  const key = createKey()
  const { server, verifier } = await startVerifier(t, {}, { keys: [key], answer: revalidated([key], '"one"') })
  await verifier.prefetch()
  const { fetchedAt } = verifier.stats().jwks
  assert.ok(Number.isInteger(fetchedAt), String(fetchedAt))
  await until(() => Date.now() > Number(fetchedAt))
  assert.equal(await outcome(verifier, unknown(server)), 'unknown_key')
  assert.ok(Number(verifier.stats().jwks.fetchedAt) > Number(fetchedAt))
})

test('invalidating a key set also drops its ETag', async (t) => {
  const key = createKey()
  const { server, verifier } = await startVerifier(t, {}, { keys: [key], answer: revalidated([key], '"one"') })
  await verifier.prefetch()
  invalidateJwksCache(server.logtoUrl)
  await verifier.prefetch()
  assert.equal(server.requests[1].headers['if-none-match'], undefined)
})

test('the ETag of a rejected key set is not sent', async (t) => {
  const { server, verifier } = await startVerifier(t, { ...ALWAYS_FETCHING }, { answer: keySet([], { ETag: '"bad"' }) })
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'jwks_unavailable')
  server.answer = keySet([server.key])
  for (let i = 0; i < 2; i += 1) assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.deepEqual(
    server.requests.map((request) => request.headers['if-none-match']),
    [undefined, undefined, undefined],
  )
})

test('the request for a key set accepts JWK Sets and gzip, and contains nothing of the token', async (t) => {
  const server = await startKeyServer(t)
  await createVerifier(server.options).verify(server.key.sign(server.issuer))
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
  test(`Cache-Control: ${directive} is ignored`, async (t) => {
    const key = createKey()
    const headers = { 'Cache-Control': directive, Expires: '0', Vary: '*' }
    const server = await startKeyServer(t, { keys: [key], answer: keySet([key], headers) })
    const kept = createVerifier(server.options)
    for (let i = 0; i < 3; i += 1) assert.equal(await outcome(kept, key.sign(server.issuer)), 'alice')
    assert.equal(server.requests.length, 1)
    const asking = createVerifier({ ...server.options, ...ALWAYS_FETCHING })
    for (let i = 0; i < 3; i += 1) assert.equal(await outcome(asking, key.sign(server.issuer)), 'alice')
    assert.equal(server.requests.length, 4)
  })
}

test('a keep-alive connection that the server closed is not an outage', async (t) => {
  const { server, verifier } = await startVerifier(t, { ...ALWAYS_FETCHING, jwksMaxStaleMs: 0 })
  for (let i = 0; i < 200; i += 1) {
    assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
    server.dropIdle()
  }
})

test('a keep-alive connection that is reset on reuse is not an outage', async (t) => {
  const server = await startKeyServer(t)
  const used = new WeakSet()
  server.answer = (request, response) => {
    if (used.has(request.socket)) return resetting(request, response)
    used.add(request.socket)
    return keySet([server.key])(request, response)
  }
  const verifier = createVerifier({ ...server.options, ...ALWAYS_FETCHING, jwksMaxStaleMs: 0 })
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
})

test('a previously verified token is rejected once its key has left the key set', async (t) => {
  const { verifier, token } = await rememberedToken(t, () => [createKey()])
  assert.equal(await outcome(verifier, token), 'unknown_key')
  const { size, hits } = verifier.stats().tokens
  assert.deepEqual({ size, hits }, { size: 0, hits: 1 })
})

test('a previously verified token is rejected once its kid names another key', async (t) => {
  const other = createKey('ES256')
  const { server, verifier, token } = await rememberedToken(t, ({ jwk }) => {
    other.jwk.kid = jwk.kid
    return [other]
  })
  assert.equal(await outcome(verifier, token), 'invalid_signature')
  assert.equal(await outcome(verifier, other.sign(server.issuer)), 'alice')
})

test('a previously verified token stays valid while its key remains next to a new one', async (t) => {
  const { verifier, token } = await rememberedToken(t, (key) => [createKey(), key])
  assert.equal(await outcome(verifier, token), 'alice')
  assert.equal(verifier.stats().tokens.hits, 2)
})

test('invalidateJwksCache takes the URL of Logto in any spelling', async (t) => {
  const { server, verifier } = await startVerifier(t)
  const { logtoUrl, issuer, jwksUri } = server
  const spellings = [
    logtoUrl,
    `${logtoUrl}/`,
    `${logtoUrl}//`,
    issuer,
    jwksUri,
    ` ${logtoUrl.replace('http', 'HTTP')} `,
  ]
  for (const [index, spelling] of spellings.entries()) {
    await verifier.prefetch()
    assert.deepEqual(figures(verifier), { state: 'fresh', keys: 1, fetches: index + 1, failures: 0 })
    invalidateJwksCache(spelling)
    assert.deepEqual(figures(verifier), { state: 'empty', keys: 0, fetches: index + 1, failures: 0 }, spelling)
  }
})

test('invalidateJwksCache takes a jwksUri in any spelling', async (t) => {
  const server = await startKeyServer(t)
  for (const jwksUri of [server.jwksUri, server.jwksUri.replace('http', 'HTTP'), ` ${server.jwksUri}`]) {
    const verifier = createVerifier({ ...server.options, logtoUrl: 'https://auth.example.test', jwksUri })
    await verifier.prefetch()
    assert.equal(verifier.stats().jwks.state, 'fresh')
    invalidateJwksCache(jwksUri)
    assert.equal(verifier.stats().jwks.state, 'empty', JSON.stringify(jwksUri))
  }
})

test('invalidateJwksCache drops one key set, clearJwksCache drops all', async (t) => {
  const servers = [await startKeyServer(t), await startKeyServer(t)]
  const verifiers = servers.map((server) => createVerifier(server.options))
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

test('invalidateJwksCache ignores an unknown URL', () => {
  invalidateJwksCache('https://never-seen.example.test')
})

test('invalidating a key set also ends its cooldowns', async (t) => {
  const { server, verifier } = await startVerifier(t)
  await verifier.prefetch()
  server.answer = text(500)
  assert.equal(await outcome(verifier, unknown(server)), 'jwks_unavailable')
  server.answer = keySet([server.key])
  assert.equal(await outcome(verifier, unknown(server)), 'jwks_unavailable')
  invalidateJwksCache(server.logtoUrl)
  assert.equal(verifier.stats().jwks.lastError, null)
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.equal(await outcome(verifier, unknown(server)), 'unknown_key')
  assert.equal(server.requests.length, 4)
})

test('a response that was in flight when the key set was invalidated is discarded, and waiting calls get the new set', async (t) => {
  const former = createKey()
  const slow = held(keySet([former]))
  const { server, verifier } = await startVerifier(t, {}, { answer: slow.answer })
  const key = createKey()
  const old = former.sign(server.issuer, { claims: issuedEarlier() })
  const waiting = [outcome(verifier, key.sign(server.issuer)), outcome(verifier, old)]
  await server.requested(1)

  server.answer = keySet([key])
  invalidateJwksCache(server.logtoUrl)
  assert.deepEqual(await Promise.all(waiting), ['alice', 'unknown_key'])

  await slow.release()
  for (let i = 0; i < 20; i += 1) {
    assert.equal(await outcome(verifier, old), 'unknown_key')
    assert.equal(await outcome(verifier, key.sign(server.issuer)), 'alice')
  }
  assert.equal(server.requests.length, 2)
})

test('a failure that was in flight when the key set was invalidated is discarded', async (t) => {
  const slow = held(text(500))
  const { server, verifier } = await startVerifier(t, {}, { answer: slow.answer })
  const waiting = outcome(verifier, server.key.sign(server.issuer))
  await server.requested(1)
  server.answer = keySet([server.key])
  clearJwksCache()
  assert.equal(await waiting, 'alice')
  await slow.release()
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.deepEqual(figures(verifier), { state: 'fresh', keys: 1, fetches: 2, failures: 0 })
})

test('prefetch fetches the keys once, so that no verification has to', async (t) => {
  const { server, verifier } = await startVerifier(t)
  assert.equal(await verifier.prefetch(), undefined)
  await verifier.prefetch()
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
  assert.equal(server.requests.length, 1)
})

test('prefetch rejects during an outage, and verification works after it', async (t) => {
  const { server, verifier } = await startVerifier(t, { jwksCooldownMs: 0 }, { answer: text(500) })
  const error = await rejection(verifier.prefetch())
  assert.deepEqual([error.name, error.code, error.status], ['AuthError', 'jwks_unavailable', 503])
  server.answer = keySet([server.key])
  assert.equal(await outcome(verifier, server.key.sign(server.issuer)), 'alice')
})

test('stats report the state of a key set from empty to stale', async (t) => {
  const { server, verifier } = await startVerifier(t, { jwksCooldownMs: 0 })
  const asking = createVerifier({ ...server.options, ...ALWAYS_FETCHING })
  const empty = { state: 'empty', keys: 0, fetches: 0, failures: 0, fetchedAt: null, lastError: null }
  assert.deepEqual(verifier.stats(), { tokens: { size: 0, hits: 0, misses: 0 }, jwks: empty })

  server.answer = text(404)
  await rejection(verifier.prefetch())
  const lastError = 'the JWKS URL responded with 404'
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
    lastError: 'the JWKS URL responded with 500',
  })
  assert.equal(verifier.stats().jwks.state, 'fresh')
})

for (const options of [{ skipJwksCache: true }, { jwksCacheTtlMs: 0 }]) {
  test(`${Object.keys(options)} fetches for every verification, including previously verified tokens`, async (t) => {
    const { server, verifier } = await startVerifier(t, options)
    const token = server.key.sign(server.issuer)
    for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, token), 'alice')
    assert.equal(server.requests.length, 3)
    server.answer = keySet([createKey()])
    assert.equal(await outcome(verifier, token), 'unknown_key')
  })
}

test('skipJwksCache uses no stale keys, and tries again during an outage', async (t) => {
  const { server, verifier } = await startVerifier(t, { skipJwksCache: true })
  const token = server.key.sign(server.issuer)
  assert.equal(await outcome(verifier, token), 'alice')
  server.answer = text(500)
  for (let i = 0; i < 3; i += 1) assert.equal(await outcome(verifier, token), 'jwks_unavailable')
  assert.equal(server.requests.length, 4)
  server.answer = keySet([server.key])
  assert.equal(await outcome(verifier, token), 'alice')
})

test('skipJwksCache neither reads nor fills the shared cache', async (t) => {
  const server = await startKeyServer(t)
  const skipping = createVerifier({ ...server.options, skipJwksCache: true })
  const caching = createVerifier(server.options)
  assert.equal(await outcome(skipping, server.key.sign(server.issuer)), 'alice')
  assert.equal(caching.stats().jwks.state, 'empty')

  await caching.prefetch()
  server.answer = text(500)
  assert.equal(await outcome(skipping, server.key.sign(server.issuer)), 'jwks_unavailable')
  assert.equal(await outcome(caching, server.key.sign(server.issuer)), 'alice')
  assert.deepEqual(figures(caching), { state: 'fresh', keys: 1, fetches: 1, failures: 0 })
})

test('verifiers with the same JWKS URL share its key set and its fetch', async (t) => {
  const server = await startKeyServer(t)
  const verifiers = [
    createVerifier(server.options),
    createVerifier({ ...server.options, audience: null, jwksCacheTtlMs: 1000 }),
    createVerifier({ ...server.options, logtoUrl: `${server.logtoUrl}/oidc/` }),
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

test('verifiers with different JWKS URLs share nothing', async (t) => {
  const key = createKey()
  const servers = [await startKeyServer(t, { keys: [key] }), await startKeyServer(t)]
  const [first, second] = servers.map((server) => createVerifier({ ...server.options, issuer: servers[0].issuer }))
  const token = key.sign(servers[0].issuer, { claims: issuedEarlier() })
  for (let i = 0; i < 2; i += 1) {
    assert.equal(await outcome(first, token), 'alice')
    assert.equal(await outcome(second, token), 'unknown_key')
  }
  assert.deepEqual([first.stats().jwks.fetches, second.stats().jwks.fetches], [1, 1])
})

for (const skipJwksCache of [false, true]) {
  test(`a static key set makes no request, with skipJwksCache: ${skipJwksCache}`, async (t) => {
    const server = await startKeyServer(t)
    server.server.once('connection', () => assert.fail('connected'))
    const jwks = { keys: [server.key.jwk] }
    const verifier = createVerifier({ ...server.options, jwks, jwksUri: server.jwksUri, skipJwksCache })
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
}

test('jwksUri is used for tokens of the public issuer', async (t) => {
  const [named, other] = [await startKeyServer(t), await startKeyServer(t)]
  const verifier = createVerifier({ logtoUrl: other.logtoUrl, audience: AUDIENCE, jwksUri: named.jwksUri })
  assert.equal(await outcome(verifier, named.key.sign(other.issuer)), 'alice')
  assert.equal(await outcome(verifier, named.key.sign(named.issuer)), 'invalid_issuer')
  assert.deepEqual([named.requests.length, other.requests.length], [1, 0])
})

test('after 80% of the TTL, traffic refreshes the key set in the background', { timeout: 20_000 }, async (t) => {
  const { server, verifier } = await startVerifier(t, { jwksCacheTtlMs: 2000, jwksTimeoutMs: 60_000 })
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

/** A token that was verified twice before `keysOf` replaced the keys of its server. */
async function rememberedToken(t, keysOf) {
  const { server, verifier } = await startVerifier(t)
  const token = server.key.sign(server.issuer)
  for (let i = 0; i < 2; i += 1) assert.equal(await outcome(verifier, token), 'alice')
  server.answer = keySet(keysOf(server.key))
  invalidateJwksCache(server.logtoUrl)
  return { server, verifier, token }
}

/** Claims of a token that was issued long before any key set was fetched, so that its unknown key cannot be a new one. */
const issuedEarlier = () => ({ iat: Math.floor(Date.now() / 1000) - 60 })

/** A token with a kid that no key set contains. */
const unknown = (server) => server.key.sign(server.issuer, { claims: issuedEarlier(), header: { kid: randomUUID() } })

/** The user, or the error code of the rejection. */
const outcome = (verifier, token) => outcomeOf(verifier.verify(token))

function figures(verifier) {
  const { state, keys, fetches, failures } = verifier.stats().jwks
  return { state, keys, fetches, failures }
}
