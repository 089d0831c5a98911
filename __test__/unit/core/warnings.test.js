const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { setImmediate: turn } = require('node:timers/promises')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { inChild } = require('../../support/child')
const { startIssuer, verdict } = require('../../support/helpers')
const { AUDIENCE, bearer, createKey, optionsFor, signToken } = require('../../support/tokens')

const key = createKey('EdDSA')

/** Collects the warnings that a function causes. */
async function warningsDuring(run) {
  const warnings = []
  const collect = (warning) => warnings.push(warning)
  process.on('warning', collect)
  try {
    await run()
    await turn()
  } finally {
    process.off('warning', collect)
  }
  return warnings.map(({ code, message }) => ({ code, message }))
}

describe('D1: the server log', () => {
  for (const allowGuest of [false, true]) {
    test(`says once per verifier that a token has another audience${allowGuest ? ', also for guests' : ''}`, async () => {
      const verifier = createVerifier(optionsFor(key, { allowGuest }))
      const warnings = await warningsDuring(async () => {
        for (let n = 0; n < 3; n += 1) {
          const auth = await verifier
            .verify(bearer(signToken(key, { aud: 'https://other.example.test' })))
            .catch(() => null)
          assert.equal(auth?.isGuest, allowGuest ? true : undefined)
        }
      })
      assert.deepEqual(warnings, [
        {
          code: 'LOGTO_AUTHKIT_INVALID_AUDIENCE',
          message: `A token with a valid signature was rejected, because its audience is "https://other.example.test", but the options accept "${AUDIENCE}". If the token is meant for this API, change the audience option (LOGTO_AUDIENCE), or in mcpAuth the resource option; otherwise, the client must request a token for the accepted audience. To see every check, run: npx logto-authkit explain --url https://auth.example.test --audience ${AUDIENCE}`,
        },
      ])
    })
  }

  test('says that a token has another issuer', async () => {
    const token = signToken(key, { iss: 'https://auth.example.test/oidc/\n' })
    const [{ code, message }, ...others] = await warningsDuring(() =>
      verdict(createVerifier(optionsFor(key)).verify(token)),
    )
    assert.deepEqual([code, others], ['LOGTO_AUTHKIT_INVALID_ISSUER', []])
    assert.match(
      message,
      /its issuer is "https:\/\/auth\.example\.test\/oidc\/\\+u\{a\}", but the options accept "https:\/\/auth\.example\.test\/oidc"/,
    )
  })

  test('says which logtoUrl has the issuer of a token', async (t) => {
    const { jwksUri, logtoUrl, mint } = await startIssuer(t)
    const token = mint({ audience: AUDIENCE, claims: { iss: 'https://login.example.com/oidc' } })
    const [{ message }] = await warningsDuring(() =>
      verdict(createVerifier({ logtoUrl, audience: AUDIENCE }).verify(token)),
    )
    assert.ok(
      message.includes(
        `set logtoUrl (LOGTO_URL) to "https://login.example.com", and jwksUri to "${jwksUri}" if only that URL can be reached from here. `,
      ),
      message,
    )
  })

  test('never recommends fetching the keys over plain http', async (t) => {
    const { logtoUrl, mint } = await startIssuer(t)
    const token = mint({ audience: AUDIENCE, claims: { iss: 'http://login.example.com/oidc' } })
    const [{ message }] = await warningsDuring(() =>
      verdict(createVerifier({ logtoUrl, audience: AUDIENCE }).verify(token)),
    )
    assert.ok(message.includes(`set issuer to ["${logtoUrl}/oidc","http://login.example.com/oidc"]`), message)
    assert.doesNotMatch(message, /logtoUrl/)
  })

  test('says why the keys are unavailable, also for prefetch and guests', async (t) => {
    const issuer = await startIssuer(t)
    issuer.setOutage('error')
    const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, jwksCooldownMs: 0 }
    for (const run of [
      () =>
        createVerifier(options)
          .prefetch()
          .catch(() => {}),
      () => verdict(createVerifier(options).verify(issuer.mint())),
      () => createVerifier({ ...options, allowGuest: true }).verify(bearer(issuer.mint())),
    ]) {
      const [{ code, message }, ...others] = await warningsDuring(run)
      assert.deepEqual([code, others], ['LOGTO_AUTHKIT_JWKS_UNAVAILABLE', []])
      assert.match(message, /: .*500.*run: npx logto-authkit doctor --url http:\/\/127\.0\.0\.1:\d+/)
    }
  })

  test('says nothing about rejections that clients cause, or without a valid signature', async () => {
    const stranger = createKey('EdDSA')
    const forged = signToken(
      { ...stranger, jwk: { ...stranger.jwk, kid: key.jwk.kid } },
      { aud: 'https://other.example.test' },
    )
    const verifier = createVerifier(optionsFor(key))
    const warnings = await warningsDuring(async () => {
      for (const token of ['', 'x', forged, signToken(key, { exp: 1 }), signToken(stranger)])
        await verdict(verifier.verify(token))
    })
    assert.deepEqual(warnings, [])
  })

  test('contains every rejection with NODE_DEBUG=logto-authkit, but no token', async () => {
    const token = signToken(key, { exp: 1 })
    const data = { options: optionsFor(key), token, valid: signToken(key) }
    const { stderr } = await inChild(
      async ({ options, token, valid }) => {
        const { verifyAuth } = require('logto-authkit')
        const { Requirements } = require(/** @type {string} */ ('../../js/adapters/requirements'))
        const headers = { authorization: `Bearer ${token}` }
        await verifyAuth({ headers }, options).catch(() => {})
        await verifyAuth({ headers }, { ...options, allowGuest: true })
        await verifyAuth({ headers: {} }, options).catch(() => {})
        const auth = await verifyAuth(valid, options)
        try {
          new Requirements({ requiredScope: 'admin' }).check(auth, {})
        } catch {}
        try {
          new Requirements({ check: () => false }).check(auth, {})
        } catch {}
        const fallback = () => ({ userId: 'key-1', scopes: [] })
        await verifyAuth({ headers: {} }, { ...options, fallback })
        await verifyAuth({ headers: {} }, { ...options, fallback, requiredScope: 'a' }).catch(() => {})
        await verifyAuth({ headers: {} }, { ...options, fallback, requiredScope: 'a', allowGuest: true })
        await verifyAuth(valid, { ...options, isRevoked: () => true }).catch(() => {})
        const noPrincipal = { ...options, fallback: () => null }
        await verifyAuth({ headers: {} }, noPrincipal).catch(() => {})
        const guest = await verifyAuth({ headers: {} }, { ...noPrincipal, allowGuest: true })
        try {
          new Requirements().check(guest, {})
        } catch {}
      },
      data,
      { NODE_DEBUG: 'logto-authkit' },
    )
    const lines = stderr.split('\n').filter((line) => line !== '')
    assert.deepEqual(
      lines.map((line) => line.match(/^LOGTO-AUTHKIT \d+: (.* \(\d+\)):/)?.[1]),
      [
        'rejected with token_expired (401)',
        'treated as a guest because of token_expired (401)',
        'rejected with missing_token (401)',
        'rejected with missing_scope (403)',
        'rejected with forbidden (403)',
        'accepted by `fallback` despite missing_token (401)',
        'rejected with missing_scope (403)',
        'treated as a guest because of missing_scope (403)',
        'rejected with token_revoked (401)',
        'rejected (`fallback` returned no principal) with missing_token (401)',
        'treated as a guest because of missing_token (401)',
        'guest rejected with missing_token (401)',
      ],
    )
    assert.ok(!stderr.includes(token.slice(0, 30)) && !stderr.includes(token.slice(-30)))
    // Readers need neither a calculator nor the current time.
    assert.match(lines[0], /\{"exp":"1970-01-01T00:00:01\.000Z","now":"20[^"]+Z"\} \(exp \d+ s ago\)$/)
  })

  test('says that a token in the URL is not read, and why CSRF protection rejects a request', async () => {
    const { stderr } = await inChild(
      async ({ options, token }) => {
        const { verifyAuth } = require('logto-authkit')
        const { createCsrfMiddleware } = require('logto-authkit/csrf')
        const request = { method: 'GET', url: '/me?a=b&access_token=secret', headers: {} }
        await verifyAuth(/** @type {any} */ (request), options).catch(() => {})
        const foreign = { headers: { authorization: `Bearer ${token}` } }
        await verifyAuth(foreign, options).catch(() => {})
        const response = /** @type {any} */ ({ setHeader() {}, getHeader() {}, end() {} })
        createCsrfMiddleware()(/** @type {any} */ ({ method: 'POST', url: '/orders', headers: {} }), response, () => {})
      },
      { options: optionsFor(key), token: signToken(createKey('ES384'), { iss: 'https://other.test/oidc' }) },
      { NODE_DEBUG: 'logto-authkit' },
    )
    const [token, issuer, csrf] = stderr.trim().split('\n')
    assert.match(issuer, /unknown_key .* The token names another issuer: compare LOGTO_URL with the Logto server/)
    assert.match(token, /GET \/me rejected .* The library does not read the URL parameter "access_token"\.$/)
    assert.match(csrf, /POST \/orders rejected with csrf \(403\): CSRF cookie 'logto_csrf_token' not found/)
    assert.doesNotMatch(stderr, /secret/)
  })

  test('names the method and path of a request in every framework, but no query and no token', async () => {
    const token = signToken(key, { exp: 1 })
    const { stderr } = await inChild(
      async ({ options, token }) => {
        const { AuthError, createVerifier } = require('logto-authkit')
        const { verifyRequest } = require(/** @type {string} */ ('../../js/core/verifier'))
        const { parse } = require(/** @type {string} */ ('../../js/core/options'))
        const parsed = parse('verifier', options)
        const headers = {}
        const fail = () => {
          throw new Error('accessor')
        }
        const url = `/a/${token}?access_token=${token}`
        const sources = [
          { method: 'GET', url },
          { method: 'GET', originalUrl: url, url: '/' },
          { req: { method: 'GET', url: `https://api.test${url}` } },
          { request: { method: 'GET', url } },
          { method: 'GET', url: '/a/pat_secret\u2028#x' },
          { method: 'GET', url: '/a/x%2Fpat%5fsecret' },
          { nothing: true },
          undefined,
          Object.defineProperty({ method: 'GET', url }, 'request', { get: fail }),
          Object.defineProperty({ url }, 'method', { get: fail }),
        ]
        for (const source of sources) {
          try {
            await verifyRequest({ headers }, parsed, source)
          } catch (error) {
            if (!(error instanceof AuthError)) console.error(error)
          }
        }
        await createVerifier(options)
          .verify(new Request('http://api.test/a/x?b'))
          .catch(() => {})
      },
      { options: optionsFor(key), token },
      { NODE_DEBUG: 'logto-authkit' },
    )
    const subjects = stderr.split('\n').flatMap((line) => line.match(/\d: (.*)rejected with/)?.slice(1) ?? [])
    const redacted = 'GET /a/… '
    assert.deepEqual(subjects, [
      redacted,
      redacted,
      redacted,
      redacted,
      'GET /a/…  ',
      'GET /a/x/… ',
      '',
      '',
      redacted,
      '',
      'GET /a/x ',
    ])
    assert.doesNotMatch(stderr, /accessor/)
    assert.ok(!stderr.includes(token.slice(0, 20)) && !stderr.includes(token.slice(-20)))
  })

  test('contains no secret of a URL, however it is encoded, but readable paths', async () => {
    const jwt = 'eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJ1In0.c2lnc2ln'
    /** @type {[string, string][]} */
    const urls = [
      ['/a/Bearer%20pat_secret', '/a/Bearer …'],
      ['/x_pat_secret', '/x_…'],
      ['/%2570at%255fsecret', '/…'],
      [`/a/${jwt.replaceAll('.', '%2E').replace('eyJ', '%65%79%4A')}`, '/a/…'],
      ['/cb%3Faccess_token=secret', '/cb'],
      ['/cb&access_token=secret', '/cb'],
      ['/cb;jsessionid=secret', '/cb'],
      ['//user:secret@host/x', '//host/x'],
      ['web+x://user:secret@host/x', '/x'],
      ['/a/Xk2vJ0y1c3Qd4f5G6h7J8k9L0m1N2b3V4c5X6z7A8s9', '/a/…'],
      ['/blog/how-to-verify-logto-access-tokens-in-node-js', '/blog/how-to-verify-logto-access-tokens-in-node-js'],
      ['/orders/550e8400-e29b-41d4-a716-446655440000', '/orders/550e8400-e29b-41d4-a716-446655440000'],
    ]
    const { stderr } = await inChild(
      async ({ options, urls }) => {
        const { verifyAuth } = require('logto-authkit')
        const verify = (/** @type {object} */ request) =>
          verifyAuth(/** @type {any} */ ({ headers: {}, ...request }), options).catch(() => {})
        for (const [url] of urls) await verify({ method: 'GET', url })
        await verify({ request: { method: 'POST /spoofed', url: '/' } })
      },
      { options: optionsFor(key), urls },
      { NODE_DEBUG: 'logto-authkit' },
    )
    const subjects = stderr.split('\n').flatMap((line) => line.match(/\d: (.*)rejected with/)?.slice(1) ?? [])
    assert.deepEqual(subjects, [...urls.map(([, path]) => `GET ${path} `), ''])
  })

  test('contains the time at which a token becomes valid', async () => {
    const { stderr } = await inChild(
      ({ options, token }) =>
        require('logto-authkit')
          .verifyAuth(token, options)
          .catch(() => {}),
      { options: optionsFor(key), token: signToken(key, { nbf: 4_102_444_800 }) },
      { NODE_DEBUG: 'logto-authkit' },
    )
    assert.match(stderr, /"nbf":"2100-01-01T00:00:00\.000Z".* \(nbf in \d+ s\)\n/)
  })

  test('contains nothing without NODE_DEBUG', async () => {
    const { stderr } = await inChild(
      (options) =>
        require('logto-authkit')
          .verifyAuth('x', options)
          .catch(() => {}),
      optionsFor(key),
      { NODE_DEBUG: '' },
    )
    assert.equal(stderr, '')
  })

  test('is the same with plain options', async () => {
    const options = optionsFor(key, { clockTolerance: 17 })
    const warnings = await warningsDuring(async () => {
      for (let n = 0; n < 3; n += 1) await verdict(verifyAuth(signToken(key, { aud: 'x' }), { ...options }))
    })
    assert.equal(warnings.length, 1)
  })
})
