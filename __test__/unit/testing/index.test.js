const assert = require('node:assert/strict')
const { createPublicKey, verify } = require('node:crypto')
const { readFileSync } = require('node:fs')
const { get } = require('node:http')
const { connect } = require('node:net')
const { join } = require('node:path')
const { after, before, test } = require('node:test')
const jose = require('jose')
const { clearJwksCache, createVerifier } = require('logto-authkit')
const { createTestIssuer } = require('../../../js/testing/index')
const { startIssuer } = require('../../support/helpers')
const { AUDIENCE, claimsOf, withSignatureOf } = require('../../support/tokens')
const { until } = require('../../support/until')

const capture = JSON.parse(readFileSync(join(__dirname, '../../fixtures/capture.json'), 'utf8'))

/**
 * @typedef {import('../../../js/testing/index').TestIssuer} TestIssuer
 * @typedef {import('logto-authkit').Verifier} Verifier
 */

const ALGORITHMS = ['ES384', 'RS256', 'ES256', 'ES512', 'EdDSA', 'Ed25519', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']

/** For tests that neither change the issuer nor count its requests. */
let issuer
before(async () => {
  issuer = await createTestIssuer()
})
after(() => issuer.close())

test('an ES384 token verifies with jose by default', async () => {
  assert.equal((await joseVerify(issuer, issuer.mint())).protectedHeader.alg, 'ES384')
})

for (const alg of ALGORITHMS) {
  test(`tokens of an ${alg} issuer verify with jose, and its key has the recorded format`, async (t) => {
    const issuer = await startIssuer(t, { alg })
    const { protectedHeader, payload } = await joseVerify(issuer, issuer.mint({ sub: 'alice' }))
    const [key] = await keySet(issuer)
    const thumbprint = await jose.calculateJwkThumbprint(key, 'sha256')
    assert.deepEqual([protectedHeader.alg, payload.sub], [alg, 'alice'])
    assert.deepEqual([protectedHeader.kid, key.kid], [thumbprint, thumbprint])

    // Logto's own keys are ES384 and RS256.
    if (alg !== 'ES384' && alg !== 'RS256') return
    const recorded = capture.jwks.flatMap((set) => set.body.keys).find((/** @type {any} */ { kty }) => kty === key.kty)
    assert.deepEqual(Object.keys(key), Object.keys(recorded))
    assert.deepEqual([key.kty, key.use, key.alg, key.crv], [recorded.kty, recorded.use, recorded.alg, recorded.crv])
    assert.equal(Buffer.from(key.n ?? key.x, 'base64url').length * 8, key.n ? 2048 : 384)
  })
}

test('the key set has the recorded response headers', async () => {
  const recorded = capture.jwks.find((set) => set.id === 'logto-1.42.0/k0')
  const response = await fetch(issuer.jwksUri)
  assert.equal(response.status, recorded.status)
  for (const name of ['content-type', 'cache-control', 'content-length']) {
    assert.equal(response.headers.get(name), recorded.response_headers[name], name)
  }
  const length = Buffer.byteLength(JSON.stringify(recorded.body)).toString(16)
  assert.match(recorded.response_headers.etag, new RegExp(`^"${length}-[A-Za-z0-9+/]{27}"$`))
  assert.match(String(response.headers.get('etag')), new RegExp(`^"${length}-[A-Za-z0-9+/]{27}"$`))
})

test('a request with the current ETag gets 304 without a body', async () => {
  const etag = String((await fetch(issuer.jwksUri)).headers.get('etag'))
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const response = await fetch(issuer.jwksUri, { headers: { 'If-None-Match': known } })
    assert.equal(response.status, 304, known)
    assert.equal(response.headers.get('etag'), etag)
    assert.equal(response.headers.get('cache-control'), 'no-cache, max-age=0, must-revalidate')
    assert.equal(await response.text(), '')
  }
  assert.equal((await fetch(issuer.jwksUri, { headers: { 'If-None-Match': '"other"' } })).status, 200)
})

test('an old ETag gets the new key set after a rotation', async (t) => {
  const issuer = await startIssuer(t)
  const etag = String((await fetch(issuer.jwksUri)).headers.get('etag'))
  await issuer.rotateKeys()
  assert.equal((await fetch(issuer.jwksUri, { headers: { 'If-None-Match': etag } })).status, 200)
})

test('every recorded GET gets the recorded status and content type', async () => {
  const recorded = capture.endpoint_behaviour.filter(
    (entry) => entry.method === 'GET' && Object.keys(entry.request_headers).length === 0,
  )
  assert.ok(recorded.length > 10)
  for (const entry of recorded) {
    const response = await fetch(issuer.logtoUrl + entry.path)
    assert.equal(response.status, entry.status, entry.path)
    assert.equal(response.headers.get('content-type'), entry.content_type, entry.path)
  }
})

test('the discovery document is a subset of the recorded one, with the URLs of this issuer', async () => {
  const recorded = JSON.stringify(capture.discovery[0].body).replaceAll('http://localhost:3001', issuer.logtoUrl)
  const response = await fetch(`${issuer.issuer}/.well-known/openid-configuration`)
  const document = /** @type {any} */ (await response.json())
  assert.deepEqual({ ...JSON.parse(recorded), ...document }, JSON.parse(recorded))
  assert.equal(document.issuer, issuer.issuer)
  assert.equal(document.jwks_uri, issuer.jwksUri)
})

test('the discovery document lists the algorithms of the keys', async (t) => {
  const issuer = await startIssuer(t)
  await issuer.rotateKeys({ alg: 'RS256' })
  const document = /** @type {any} */ (await (await fetch(`${issuer.issuer}/.well-known/openid-configuration`)).json())
  assert.deepEqual(document.id_token_signing_alg_values_supported, ['RS256', 'ES384'])
})

test('issuer and jwksUri are derived from logtoUrl', async () => {
  assert.match(issuer.logtoUrl, /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.equal(issuer.issuer, `${issuer.logtoUrl}/oidc`)
  assert.equal(issuer.jwksUri, `${issuer.logtoUrl}/oidc/jwks`)
})

test('a port can be chosen, and a port in use is an error', async (t) => {
  const first = await startIssuer(t)
  const port = Number(new URL(first.logtoUrl).port)
  await assert.rejects(createTestIssuer({ port }), { code: 'EADDRINUSE' })
  await first.close()
  assert.equal((await startIssuer(t, { port })).logtoUrl, first.logtoUrl)
})

for (const [name, options] of /** @type {[string, import('../../../js/testing/index').MintOptions][]} */ ([
  ['user_access_token', { scope: 'read:orders write:orders' }],
  ['user_access_token_resource_without_scopes', { audience: 'https://api2.example.test' }],
  ['user_organization_token', { audience: 'urn:logto:organization:b60npgxn63ke', scope: ['read:invoices'] }],
  ['user_organization_api_resource_token', { organizationId: 'b60npgxn63ke', scope: ['read:orders', 'write:orders'] }],
  ['m2m_one_scope', { sub: 'app', clientId: 'app', scope: 'read:orders' }],
  ['m2m_no_scope_requested', { sub: 'app', clientId: 'app' }],
  ['m2m_organization_token_no_scope', { sub: 'app', clientId: 'app', audience: 'urn:logto:organization:b60npgxn63ke' }],
  [
    'm2m_organization_api_resource_token',
    { sub: 'app', clientId: 'app', organizationId: 'b60npgxn63ke', scope: 'read:orders write:orders' },
  ],
])) {
  test(`mint creates tokens in the format of the recorded ${name}`, async () => {
    const recorded = capture.tokens.find((token) => token.name === `logto-1.42.0/${name}`)
    const token = issuer.mint({ audience: recorded.payload.aud, ...options })
    const header = jose.decodeProtectedHeader(token)
    const payload = claimsOf(token)
    assert.deepEqual(Object.keys(header), Object.keys(recorded.header))
    assert.deepEqual({ ...header, kid: '' }, { ...recorded.header, kid: '' })
    assert.deepEqual(Object.keys(payload), Object.keys(recorded.payload))
    for (const claim of ['scope', 'aud', 'organization_id'])
      assert.equal(payload[claim], recorded.payload[claim], claim)
    assert.equal(payload.exp - payload.iat, recorded.payload.exp - recorded.payload.iat)
    assert.equal(payload.sub === payload.client_id, recorded.payload.sub === recorded.payload.client_id)
    assert.equal(payload.iss, issuer.issuer)
    assert.match(payload.jti, /^[A-Za-z0-9_-]{43}$/)
    await joseVerify(issuer, token, { audience: payload.aud })
  })
}

test('mint creates an ID token as documented', async () => {
  const token = issuer.mint({
    audience: 'my-app',
    header: { typ: undefined },
    claims: { jti: undefined, scope: undefined, client_id: undefined },
  })
  assert.deepEqual(Object.keys(jose.decodeProtectedHeader(token)), ['alg', 'kid'])
  assert.deepEqual(Object.keys(claimsOf(token)), ['sub', 'iat', 'exp', 'iss', 'aud'])
})

test('every token has a unique jti', async () => {
  assert.notEqual(claimsOf(issuer.mint()).jti, claimsOf(issuer.mint()).jti)
})

test('mint returns a string, which may also be awaited', async () => {
  const { mint } = issuer
  assert.equal(typeof mint(), 'string')
  assert.equal(typeof (await mint()), 'string')
})

test('times are relative to now', async () => {
  const before = Math.floor(Date.now() / 1000)
  const { iat, exp, nbf } = claimsOf(issuer.mint({ expiresIn: 60, notBefore: -30 }))
  const after = Math.floor(Date.now() / 1000)
  assert.ok(before <= iat && iat <= after)
  assert.equal(exp, iat + 60)
  assert.equal(nbf, iat - 30)
})

for (const expiresIn of [0, -1, -86_400]) {
  test(`a token that expires in ${expiresIn} s was issued an hour before it expired`, () => {
    const { iat, exp } = claimsOf(issuer.mint({ expiresIn }))
    assert.ok(exp <= Date.now() / 1000 + expiresIn)
    assert.equal(exp - iat, 3600)
  })
}

test('claims add, replace and remove members, with any JSON type', async () => {
  const claims = { sub: 42, exp: 'soon', iss: ['a', 'b'], aud: { a: 1 }, scope: null, jti: undefined, roles: ['x'] }
  const payload = claimsOf(issuer.mint({ sub: 'alice', scope: 'a', claims }))
  const { iat: _iat, ...rest } = payload
  assert.deepEqual(rest, {
    sub: 42,
    exp: 'soon',
    scope: null,
    client_id: 'test-app',
    iss: ['a', 'b'],
    aud: { a: 1 },
    roles: ['x'],
  })
})

test('a claim named __proto__ is kept', () => {
  const token = issuer.mint({ claims: JSON.parse('{"__proto__":{"admin":true}}') })
  assert.match(Buffer.from(token.split('.')[1], 'base64url').toString(), /"__proto__":\{"admin":true\}/)
})

test('header adds, replaces and removes members, and the signature covers the result', async () => {
  const token = issuer.mint({ header: { typ: undefined, kid: 'unknown', crit: ['exp'], level: 1 } })
  const header = jose.decodeProtectedHeader(token)
  assert.deepEqual(header, { alg: 'ES384', kid: 'unknown', crit: ['exp'], level: 1 })
  await joseVerify(issuer, issuer.mint({ header: { typ: undefined, level: 1 } }), { typ: undefined })
})

test('a replaced alg does not change the algorithm of the signature', async () => {
  const [header, payload, signature] = issuer.mint({ header: { alg: 'none' } }).split('.')
  assert.equal(JSON.parse(Buffer.from(header, 'base64url').toString()).alg, 'none')
  assert.equal(Buffer.from(signature, 'base64url').length, 96)
  const [key] = await keySet(issuer)
  const publicKey = createPublicKey({ key, format: 'jwk' })
  const signed = Buffer.from(`${header}.${payload}`)
  assert.ok(
    verify('sha384', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')),
  )
})

for (const [code, options] of /** @type {[string, import('../../../js/testing/index').MintOptions][]} */ ([
  ['ERR_JOSE_NOT_SUPPORTED', { header: { crit: ['unknown'], unknown: 1 } }],
  ['ERR_JOSE_ALG_NOT_ALLOWED', { header: { alg: 'none' } }],
  ['ERR_JWT_CLAIM_VALIDATION_FAILED', { header: { typ: 'JWT' } }],
  ['ERR_JWKS_NO_MATCHING_KEY', { header: { kid: 'unknown' } }],
  ['ERR_JWT_CLAIM_VALIDATION_FAILED', { claims: { exp: undefined } }],
  ['ERR_JWT_CLAIM_VALIDATION_FAILED', { claims: { iss: 'https://other.example.test/oidc' } }],
  ['ERR_JWT_CLAIM_VALIDATION_FAILED', { audience: 'https://other.example.test' }],
  ['ERR_JWT_EXPIRED', { expiresIn: -1 }],
  ['ERR_JWT_CLAIM_VALIDATION_FAILED', { notBefore: 60 }],
])) {
  test(`jose rejects ${JSON.stringify(options)} with ${code}`, async () => {
    await assert.rejects(joseVerify(issuer, issuer.mint(options)), { code })
  })
}

test("another token's signature is invalid, as documented", async () => {
  await assert.rejects(joseVerify(issuer, withSignatureOf(issuer.mint(), issuer.mint())), {
    code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  })
})

test('after a rotation the new key signs and comes first, and the previous key still verifies', async (t) => {
  const issuer = await startIssuer(t)
  const former = issuer.mint()
  await issuer.rotateKeys()
  const latter = issuer.mint()
  assert.deepEqual(await ofEachKey(issuer, 'kid'), [latter, former].map(kidOf))
  await joseVerify(issuer, former)
  await joseVerify(issuer, latter)
})

test('after a second rotation only one previous key is left', async (t) => {
  const issuer = await startIssuer(t)
  const tokens = [issuer.mint()]
  for (let i = 0; i < 2; i += 1) {
    await issuer.rotateKeys()
    tokens.unshift(issuer.mint())
  }
  assert.deepEqual(await ofEachKey(issuer, 'kid'), tokens.slice(0, 2).map(kidOf))
  await assert.rejects(joseVerify(issuer, tokens[2]), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
})

test('keepPrevious: false drops all previous keys', async (t) => {
  const issuer = await startIssuer(t)
  await issuer.rotateKeys()
  await issuer.rotateKeys({ keepPrevious: false })
  assert.deepEqual(await ofEachKey(issuer, 'kid'), [kidOf(issuer.mint())])
})

test('a rotation can change the algorithm, and the next one keeps it', async (t) => {
  const issuer = await startIssuer(t)
  await issuer.rotateKeys({ alg: 'ES256' })
  assert.deepEqual(await ofEachKey(issuer, 'crv'), ['P-256', 'P-384'])
  await issuer.rotateKeys()
  assert.deepEqual(await ofEachKey(issuer, 'crv'), ['P-256', 'P-256'])
})

test('concurrent rotations take effect in order', async (t) => {
  const issuer = await startIssuer(t)
  await Promise.all([issuer.rotateKeys({ alg: 'ES256' }), issuer.rotateKeys({ alg: 'EdDSA' })])
  assert.deepEqual(await ofEachKey(issuer, 'crv'), ['Ed25519', 'P-256'])
})

test('during a rotation, every minted token has its key in the key set', async (t) => {
  const issuer = await startIssuer(t)
  for (let round = 0; round < 5; round += 1) {
    const request = async () => {
      const kid = kidOf(issuer.mint())
      assert.ok((await ofEachKey(issuer, 'kid')).includes(String(kid)))
    }
    await Promise.all([issuer.rotateKeys(), ...Array.from({ length: 50 }, request)])
  }
})

test('jwksRequests counts requests for the key set only', async (t) => {
  const issuer = await startIssuer(t)
  assert.equal(issuer.jwksRequests, 0)
  const etag = String((await fetch(issuer.jwksUri)).headers.get('etag'))
  assert.equal(issuer.jwksRequests, 1)
  await fetch(issuer.jwksUri, { headers: { 'If-None-Match': etag } })
  await fetch(`${issuer.jwksUri}?x=1`)
  assert.equal(issuer.jwksRequests, 3)
  await fetch(`${issuer.issuer}/.well-known/openid-configuration`)
  await fetch(`${issuer.logtoUrl}/jwks`)
  assert.equal(issuer.jwksRequests, 3)
})

test('down resets the connection of every request', async (t) => {
  const issuer = await startIssuer(t)
  issuer.setOutage('down')
  await assert.rejects(getFresh(issuer.jwksUri), { code: 'ECONNRESET' })
  await assert.rejects(getFresh(issuer.logtoUrl), { code: 'ECONNRESET' })
  await assert.rejects(fetch(issuer.jwksUri), { name: 'TypeError', message: 'fetch failed' })
})

test('down closes open connections', { timeout: 10_000 }, async (t) => {
  const issuer = await startIssuer(t)
  const { ended } = await connectIdly(issuer)
  // Connections are accepted in order, so this response proves that the idle one has been accepted.
  await getFresh(issuer.jwksUri)
  issuer.setOutage('down')
  await ended
})

test('hang never responds, and ending it closes the waiting connections', { timeout: 10_000 }, async (t) => {
  const issuer = await startIssuer(t)
  issuer.setOutage('hang')
  const hanging = assert.rejects(getFresh(issuer.jwksUri), { code: 'ECONNRESET' })
  await until(() => issuer.jwksRequests > 0)
  issuer.setOutage(null)
  await hanging
  await joseVerify(issuer, issuer.mint())
})

test('a client that aborts a hanging request does not affect others', { timeout: 10_000 }, async (t) => {
  const issuer = await startIssuer(t)
  issuer.setOutage('hang')
  const patient = assert.rejects(getFresh(issuer.jwksUri), { code: 'ECONNRESET' })
  await until(() => issuer.jwksRequests > 0)
  await assert.rejects(fetch(issuer.jwksUri, { signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' })
  issuer.setOutage(null)
  await patient
})

for (const [mode, status, type, body, discovery] of /** @type {[any, number, string, RegExp, number][]} */ ([
  ['error', 500, 'application/json; charset=utf-8', /./, 500],
  ['html', 200, 'text/html; charset=utf-8', /^<!doctype html>/, 200],
  // Not JSON, because a bracket is not closed.
  ['garbage', 200, 'application/jwk-set+json; charset=utf-8', /^{[^}]*$/, 200],
  ['empty', 200, 'application/jwk-set+json; charset=utf-8', /^\{"keys":\[\]\}$/, 200],
])) {
  test(`${mode} responds with ${status} and ${type}`, async (t) => {
    const issuer = await startIssuer(t)
    issuer.setOutage(mode)
    const response = await fetch(issuer.jwksUri)
    assert.deepEqual([response.status, response.headers.get('content-type')], [status, type])
    assert.match(await response.text(), body)
    assert.equal((await fetch(`${issuer.issuer}/.well-known/openid-configuration`)).status, discovery)
  })
}

for (const mode of /** @type {const} */ (['down', 'error', 'html', 'garbage', 'empty'])) {
  test(`${mode} counts requests for the key set, and null brings the issuer back on its port`, async (t) => {
    const issuer = await startIssuer(t)
    const token = issuer.mint()
    issuer.setOutage(mode)
    await assert.rejects(joseVerify(issuer, token))
    assert.equal(issuer.jwksRequests, 1)
    issuer.setOutage(null)
    await joseVerify(issuer, token)
  })
}

test('keys can be rotated and tokens minted during an outage', async (t) => {
  const issuer = await startIssuer(t)
  issuer.setOutage('down')
  await issuer.rotateKeys()
  const token = issuer.mint()
  issuer.setOutage(null)
  await joseVerify(issuer, token)
})

test('close refuses new connections and may be called twice', async (t) => {
  const issuer = await startIssuer(t)
  await fetch(issuer.jwksUri)
  await Promise.all([issuer.close(), issuer.close()])
  await issuer.close()
  await assert.rejects(getFresh(issuer.jwksUri), { code: 'ECONNREFUSED' })
})

test('close ends hanging requests and idle connections', { timeout: 10_000 }, async (t) => {
  const issuer = await startIssuer(t)
  const { ended } = await connectIdly(issuer)
  issuer.setOutage('hang')
  const hanging = assert.rejects(getFresh(issuer.jwksUri), { code: 'ECONNRESET' })
  await until(() => issuer.jwksRequests > 0)
  await issuer.close()
  await Promise.all([hanging, ended])
})

test('Symbol.asyncDispose closes the issuer', async (t) => {
  const issuer = await startIssuer(t)
  await issuer[Symbol.asyncDispose]()
  await assert.rejects(getFresh(issuer.jwksUri), { code: 'ECONNREFUSED' })
})

const unreachable = async (verifier, issuer) => {
  await issuer.close()
  clearJwksCache()
  await verifier.prefetch()
}

for (const [what, ask] of /** @type {[string, (verifier: Verifier, issuer: TestIssuer) => Promise<unknown>][]} */ ([
  ['responded for an unknown key', (verifier, issuer) => verifier.verify(issuer.mint({ header: { kid: 'unknown' } }))],
  ['was closed', unreachable],
])) {
  test(`a new issuer on the port of one that ${what} is used at once`, async (t) => {
    const first = await startIssuer(t)
    const verifier = createVerifier({ logtoUrl: first.logtoUrl, audience: AUDIENCE, jwksCooldownMs: 1e9 })
    await verifier.prefetch()
    await assert.rejects(ask(verifier, first), { name: 'AuthError' })
    await first.close()
    const second = await startIssuer(t, { port: Number(new URL(first.logtoUrl).port) })
    assert.equal((await verifier.verify(second.mint({ sub: 'alice' }))).userId, 'alice')
  })
}

test('import and require return the same function', async () => {
  assert.equal((await import('../../../js/testing/index.js')).createTestIssuer, createTestIssuer)
})

for (const [options, message] of /** @type {[any, string][]} */ ([
  [{ claims: { exp: Number.NaN } }, 'Invalid option "claims.exp": expected a JSON value or undefined, got NaN'],
  [{ claims: { exp: 1n } }, 'Invalid option "claims.exp": expected a JSON value or undefined, got a BigInt'],
  [{ header: { kid: Symbol('x') } }, 'Invalid option "header.kid": expected a JSON value or undefined, got a symbol'],
])) {
  test(`mint rejects what JSON cannot express: ${message}`, async () => {
    assert.throws(() => issuer.mint(options), { name: 'TypeError', code: 'invalid_options', message })
  })
}

test('an option with the value undefined counts as absent', async (t) => {
  const issuer = await startIssuer(t, { alg: undefined, port: undefined })
  await joseVerify(
    issuer,
    issuer.mint({ sub: undefined, audience: undefined, expiresIn: undefined, claims: undefined }),
  )
  await issuer.rotateKeys({ alg: undefined, keepPrevious: undefined })
  assert.equal((await keySet(issuer)).length, 2)
})

test('rotateKeys rotates nothing if its options are invalid', async (t) => {
  const issuer = await startIssuer(t)
  for (const options of /** @type {any[]} */ ([{ keepPrevious: 'no' }, { alg: 'none' }, { keep: 2 }])) {
    await assert.rejects(issuer.rotateKeys(options), { name: 'TypeError', code: 'invalid_options' })
    assert.equal((await keySet(issuer)).length, 1)
  }
})

for (const [mode, given] of /** @type {[any, string][]} */ ([
  ['slow', '"slow"'],
  [undefined, 'undefined'],
  [0, '0'],
])) {
  test(`setOutage(${given}) throws a TypeError and changes nothing`, async (t) => {
    const issuer = await startIssuer(t)
    assert.throws(() => issuer.setOutage(mode), {
      name: 'TypeError',
      code: 'invalid_options',
      message: `Invalid option "mode": expected one of down, error, hang, html, garbage, empty, or null, got ${given}`,
    })
    assert.equal((await fetch(issuer.jwksUri)).status, 200)
  })
}

test('the issuer has no sign-in page, and answers like Logto for an unknown path', async (t) => {
  const issuer = await createTestIssuer()
  t.after(() => issuer.close())
  for (const path of ['auth', 'session/end', 'nowhere']) {
    const response = await fetch(`${issuer.issuer}/${path}`)
    assert.deepEqual([response.status, await response.text()], [404, '{"error":"invalid_request"}'])
  }
})

// A new remote key set for each call, so that nothing comes from a cache.
function joseVerify(issuer, token, options) {
  return jose.jwtVerify(token, jose.createRemoteJWKSet(new URL(issuer.jwksUri)), {
    issuer: issuer.issuer,
    audience: AUDIENCE,
    typ: 'at+jwt',
    requiredClaims: ['exp'],
    algorithms: ALGORITHMS,
    ...options,
  })
}

async function keySet(issuer) {
  // A kept connection may end while this process is busy, so that the next request on it would fail.
  const response = await fetch(issuer.jwksUri, { headers: { connection: 'close' } })
  return /** @type {any} */ (await response.json()).keys
}

async function ofEachKey(issuer, member) {
  return (await keySet(issuer)).map((key) => key[member])
}

function kidOf(token) {
  return jose.decodeProtectedHeader(token).kid
}

/** A connection without a request. `ended` resolves when it is closed. */
async function connectIdly({ logtoUrl }) {
  const socket = connect(Number(new URL(logtoUrl).port), '127.0.0.1').on('error', () => {})
  const ended = new Promise((resolve) => socket.once('close', resolve))
  await new Promise((resolve) => socket.once('connect', resolve))
  return { ended }
}

// A new connection, and the error code of the system, which fetch would wrap.
function getFresh(url) {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => resolve(response.resume().statusCode)).on('error', reject)
  })
}
