const assert = require('node:assert/strict')
const { after, before, describe, test } = require('node:test')
const { setImmediate: turn } = require('node:timers/promises')
const { NextRequest, NextResponse } = require('next/server')
const { AuthError } = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')
const csrf = require('logto-authkit/csrf')
const {
  buildAuthCookieHeader,
  buildCsrfCookieHeader,
  clearJwksCache,
  createCsrfMiddleware,
  createExpressAuthMiddleware,
  generateCsrfToken,
  hasRole,
  hasScopes,
  invalidateJwksCache,
  requireRole,
  requireScopes,
  verifyAuth,
  verifyCsrfToken,
  verifyLogtoToken,
  verifyNextAuth,
} = require('logto-authkit/server')
const { EXPRESSES, FRAMEWORKS, ask, bearer, serve } = require('../support/frameworks')
const { pollute, startIssuer, warningsOf } = require('../support/helpers')
const { AUDIENCE } = require('../support/tokens')

/** @typedef {import('../support/frameworks').Handler} Handler */

const optionsOf = ({ logtoUrl }) => ({ logtoUrl, audience: AUDIENCE })

const NO_TOKEN = 'No token found in cookies or Authorization header'

/** For tests that neither change the issuer nor count its requests. */
let issuer
before(async () => {
  issuer = await createTestIssuer()
})
after(() => issuer.close())

// The examples from the original's documentation. Only the import differs.

for (const [framework, express] of Object.entries(EXPRESSES)) {
  test(`${framework}: the documented protected route, with and without a scope`, async (t) => {
    const { logtoUrl, mint } = issuer
    const authMiddleware = createExpressAuthMiddleware({
      logtoUrl,
      audience: [AUDIENCE, 'https://second.example.test'],
      cookieName: 'logto_authtoken',
      requiredScope: 'read:profile',
    })
    const app = express()
    app.get('/api/public', (_req, res) => void res.json({ message: 'public' }))
    app.get('/api/protected', authMiddleware, (req, res) => {
      res.json({
        userId: req.auth.userId,
        isAuthenticated: req.auth.isAuthenticated,
        scopes: req.auth.payload.scope,
      })
    })
    const admin = createExpressAuthMiddleware({ logtoUrl, audience: AUDIENCE, requiredScope: 'admin:access' })
    app.get('/api/admin', admin, (req, res) => void res.json({ userId: req.auth.userId }))
    const url = await serve(t, app)

    const get = async (path, options = {}) => {
      const { status, body } = await ask(url + path, options)
      return [status, JSON.parse(body)]
    }
    const alice = { sub: 'alice', scope: 'read:profile write:profile' }
    const reader = bearer(mint(alice))
    const asReader = { userId: 'alice', isAuthenticated: true, scopes: 'read:profile write:profile' }
    assert.deepEqual(await get('/api/public'), [200, { message: 'public' }])
    assert.deepEqual(await get('/api/protected', reader), [200, asReader])
    const cookie = `logto_authtoken=${mint({ ...alice, audience: 'https://second.example.test' })}`
    assert.deepEqual(await get('/api/protected', { headers: { cookie } }), [200, asReader])
    assert.deepEqual(await get('/api/protected'), [401, { error: 'Authentication required', message: NO_TOKEN }])
    const failed = (why) => [401, { error: 'Authentication failed', message: `Token verification failed: ${why}` }]
    assert.deepEqual(await get('/api/admin', reader), failed('Missing required scope: admin:access'))
    assert.deepEqual(
      await get('/api/protected', bearer(mint({ ...alice, expiresIn: -1 }))),
      failed('Token has expired'),
    )
  })

  test(`${framework}: the documented guest mode`, async (t) => {
    const { logtoUrl, mint } = issuer
    const app = express()
    app.use(createExpressAuthMiddleware({ logtoUrl, audience: AUDIENCE, allowGuest: true }))
    app.get('/session', (req, res) => void res.json({ auth: req.auth ?? null }))
    app.get('/api/data', (req, res) => void res.json({ data: req.auth?.isGuest ? 'limited' : 'full' }))
    const url = await serve(t, app)

    const session = async (/** @type {object} */ options = {}) => {
      const { status, body, headers } = await ask(`${url}/session`, options)
      assert.deepEqual([status, headers['set-cookie']], [200, undefined])
      return JSON.parse(body).auth
    }
    const guest = { userId: null, isAuthenticated: false, payload: null, isGuest: true }
    assert.deepEqual(await session(), guest)
    const cookie = 'guest_logto_authtoken=guest-123'
    assert.deepEqual(await session({ headers: { cookie } }), { ...guest, guestId: 'guest-123' })
    assert.deepEqual(await session({ headers: { cookie, ...bearer(mint({ expiresIn: -1 })).headers } }), {
      ...guest,
      guestId: 'guest-123',
    })
    const { payload, ...user } = await session(bearer(mint({ sub: 'alice' })))
    assert.deepEqual(user, { userId: 'alice', isAuthenticated: true, isGuest: false })
    assert.equal(payload.sub, 'alice')
    assert.equal((await ask(`${url}/api/data`)).body, '{"data":"limited"}')
    assert.equal((await ask(`${url}/api/data`, bearer(mint()))).body, '{"data":"full"}')
  })

  test(`${framework}: the documented CSRF protection before authentication`, async (t) => {
    const { logtoUrl, mint } = issuer
    const app = express()
    app.use(createCsrfMiddleware({ cookieName: 'logto_csrf_token', headerName: 'x-csrf-token' }))
    app.use('/api', createExpressAuthMiddleware({ logtoUrl, audience: AUDIENCE }))
    app.get('/', (_req, res) => void res.send('page'))
    app.post('/api/state-change', (_req, res) => void res.json({ success: true }))
    const url = await serve(t, app)

    const token = (await ask(url)).cookies[0].split(/[=;]/)[1]
    const change = async (headers) => {
      const { status, body } = await ask(`${url}/api/state-change`, { method: 'POST', headers: { ...headers } })
      return [status, JSON.parse(body)]
    }
    const cookie = `logto_csrf_token=${token}; logto_authtoken=${mint()}`
    assert.deepEqual(await change({ cookie, 'x-csrf-token': token }), [200, { success: true }])
    assert.deepEqual(await change({ cookie }), [
      403,
      {
        error: 'CSRF validation failed',
        message: "Include the 'x-csrf-token' request header with the value from the 'logto_csrf_token' cookie.",
      },
    ])
  })

  test(`${framework}: the documented HttpOnly cookie for the token`, async (t) => {
    const { logtoUrl, mint } = issuer
    const app = express()
    app.use(express.json())
    app.post('/api/session', async (req, res) => {
      const auth = await verifyLogtoToken(req.body.token, { logtoUrl, audience: AUDIENCE })
      res.setHeader('Set-Cookie', buildAuthCookieHeader(req.body.token))
      res.json({ userId: auth.userId })
    })
    const url = await serve(t, app)
    const token = mint({ sub: 'alice' })
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/api/session`, { method: 'POST', headers, body: JSON.stringify({ token }) })
    assert.deepEqual(await response.json(), { userId: 'alice' })
    assert.equal(
      response.headers.get('set-cookie'),
      `logto_authtoken=${token}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict`,
    )
  })
}

test('the documented Route Handler', async () => {
  const { logtoUrl, mint } = issuer
  async function routeGet(request) {
    const result = await verifyNextAuth(request, { logtoUrl, audience: AUDIENCE, requiredScope: 'some_scope' })
    if (!result.success) return Response.json({ error: /** @type {any} */ (result).error }, { status: 401 })
    return Response.json({ userId: result.auth.userId, payload: result.auth.payload })
  }
  const get = async (headers) => {
    const response = await routeGet(new NextRequest('https://app.example.test/api/protected', { headers }))
    return [response.status, /** @type {any} */ (await response.json())]
  }
  const token = mint({ sub: 'alice', scope: 'some_scope' })
  for (const headers of [{ cookie: `logto_authtoken=${token}` }, bearer(token).headers]) {
    const [status, { userId, payload }] = await get(/** @type {Record<string, string>} */ (headers))
    assert.deepEqual([status, userId, payload.scope], [200, 'alice', 'some_scope'])
  }
  assert.deepEqual(await get({}), [401, { error: NO_TOKEN }])
  assert.deepEqual(await get(bearer(mint()).headers), [
    401,
    { error: 'Token verification failed: Missing required scope: some_scope' },
  ])
})

test('the documented Next.js middleware', async () => {
  const { logtoUrl, mint } = issuer
  async function middleware(request) {
    if (!request.nextUrl.pathname.startsWith('/api/protected')) return undefined
    const result = await verifyNextAuth(request, { logtoUrl, audience: AUDIENCE })
    if (!result.success) return NextResponse.json({ error: 'Unauthorized' }, { status: 401 })
    const response = NextResponse.next()
    response.headers.set('x-user-id', String(result.auth.userId))
    return response
  }
  const run = (path, headers = {}) => middleware(new NextRequest(`https://app.example.test${path}`, { headers }))
  assert.equal(await run('/page'), undefined)
  assert.equal((await run('/api/protected'))?.status, 401)
  const passed = await run('/api/protected', bearer(mint({ sub: 'alice' })).headers)
  assert.deepEqual([passed?.headers.get('x-middleware-next'), passed?.headers.get('x-user-id')], ['1', 'alice'])
})

test('the documented Next.js middleware with guests', async () => {
  const { logtoUrl, mint } = issuer
  const options = { logtoUrl, audience: AUDIENCE, allowGuest: true }
  const verdict = async (headers) => {
    const result = await verifyNextAuth(new NextRequest('https://app.example.test', { headers }), options)
    assert.ok(result.success)
    return result.auth
  }
  const guest = { userId: null, isAuthenticated: false, payload: null, isGuest: true, guestId: undefined }
  assert.deepEqual(await verdict({}), guest)
  assert.deepEqual(await verdict({ cookie: 'guest_logto_authtoken=guest-456' }), { ...guest, guestId: 'guest-456' })
  assert.deepEqual(await verdict(bearer(mint({ expiresIn: -1 })).headers), guest)
  assert.equal((await verdict(bearer(mint({ sub: 'alice' })).headers)).userId, 'alice')
})

test('the documented CSRF token for Next.js', async () => {
  function routeGet() {
    const csrfToken = generateCsrfToken()
    return Response.json({ csrfToken }, { headers: { 'Set-Cookie': buildCsrfCookieHeader(csrfToken) } })
  }
  async function routePost(request) {
    const result = verifyCsrfToken(request)
    if (!result.valid) return NextResponse.json({ error: result.error }, { status: 403 })
    return NextResponse.json({ success: true })
  }
  const given = routeGet()
  const { csrfToken } = /** @type {any} */ (await given.json())
  const cookie = String(given.headers.get('set-cookie'))
  assert.equal(cookie, `logto_csrf_token=${csrfToken}; Max-Age=86400; Path=/; Secure; SameSite=Strict`)
  const post = async (headers) =>
    (await routePost(new NextRequest('https://app.example.test', { method: 'POST', headers }))).status
  assert.equal(await post({ cookie: cookie.split(';')[0], 'x-csrf-token': csrfToken }), 200)
  assert.equal(await post({ cookie: cookie.split(';')[0] }), 403)
})

describe('C12: responds through res.status and res.json', () => {
  /** The response object that the original's type describes. */
  function minimalResponse() {
    /** @type {any[]} */
    const calls = []
    const record = (/** @type {string} */ name) => (/** @type {unknown} */ value) => {
      calls.push([name, value])
      return res
    }
    const res = { status: record('status'), json: record('json') }
    return { res, calls }
  }

  test('of an object that has nothing else', async () => {
    const protectedRoute = createExpressAuthMiddleware(optionsOf(issuer))
    const { res, calls } = minimalResponse()
    await protectedRoute({ headers: {} }, res, () => assert.fail())
    assert.deepEqual(calls, [
      ['status', 401],
      ['json', { error: 'Authentication required', message: NO_TOKEN }],
    ])
    let passed = false
    await protectedRoute(bearer(issuer.mint()), minimalResponse().res, () => {
      passed = true
    })
    assert.equal(passed, true)
  })

  test('and sets headers only if there is a setHeader', async () => {
    const { res, calls } = minimalResponse()
    /** @type {Record<string, unknown>} */
    const headers = {}
    const setHeader = (/** @type {string} */ name, /** @type {unknown} */ value) => {
      headers[name] = value
    }
    await createExpressAuthMiddleware(optionsOf(issuer))({ headers: {} }, Object.assign(res, { setHeader }), () => {})
    assert.deepEqual(headers, { 'Cache-Control': 'no-store', 'WWW-Authenticate': 'Bearer realm="api"' })
    assert.equal(calls.length, 2)
  })

  test('in the CSRF middleware as well', () => {
    const csrf = /** @type {any} */ (createCsrfMiddleware())
    const { res, calls } = minimalResponse()
    csrf({ method: 'POST', headers: {} }, res, () => assert.fail())
    assert.deepEqual(calls[0], ['status', 403])
    assert.equal(calls[1][1].error, 'CSRF validation failed')
    let passed = 0
    const next = () => (passed += 1)
    csrf({ method: 'GET', headers: {} }, minimalResponse().res, next)
    /** @type {any[]} */
    const cookies = []
    csrf({ method: 'GET', headers: {} }, { ...res, setHeader: (...args) => void cookies.push(args) }, next)
    assert.equal(passed, 2)
    assert.match(String(cookies[0]), /^Set-Cookie,logto_csrf_token=/)
  })

  for (const [framework, express] of Object.entries(EXPRESSES)) {
    test(`${framework}: a wrapper of res.json sees the response`, async (t) => {
      const app = express()
      app.use((_req, res, next) => {
        const json = res.json.bind(res)
        res.json = (body) => json({ wrapped: body })
        next()
      })
      app.use(/** @type {any} */ (createExpressAuthMiddleware(optionsOf(issuer))))
      const { status, body, headers } = await ask(await serve(t, app))
      assert.deepEqual(
        [status, JSON.parse(body)],
        [401, { wrapped: { error: 'Authentication required', message: NO_TOKEN } }],
      )
      assert.deepEqual([headers['www-authenticate'], headers['cache-control']], ['Bearer realm="api"', 'no-store'])
    })
  }
})

test('the documented verifyAuth with a token or a request', async () => {
  const { logtoUrl, mint } = issuer
  const options = { logtoUrl, audience: AUDIENCE, requiredScope: 'read:profile' }
  const token = mint({ sub: 'alice', scope: 'read:profile' })
  const auth = await verifyAuth(token, options)
  assert.deepEqual(Object.keys(auth), ['userId', 'isAuthenticated', 'payload', 'isGuest'])
  assert.deepEqual([auth.userId, auth.isAuthenticated, auth.isGuest], ['alice', true, false])
  assert.equal(auth.payload?.scope, 'read:profile')
  assert.deepEqual(await verifyLogtoToken(token, options), auth)
  const requests = [
    { cookies: { logto_authtoken: token }, headers: { authorization: 'Bearer your-jwt-token-here' } },
    { cookies: { logto_authtoken: token } },
    { headers: { authorization: `Bearer ${token}` } },
    { headers: new Headers({ authorization: `Bearer ${token}` }) },
    { cookies: new Map([['logto_authtoken', { value: token }]]) },
  ]
  for (const request of requests) assert.deepEqual(await verifyAuth(request, options), auth)
})

test('the documented user of a server-rendered page', async () => {
  const { logtoUrl, mint } = issuer
  async function loadUserFromRequest(request) {
    const auth = await verifyAuth(request, { logtoUrl, audience: AUDIENCE, allowGuest: true })
    return { userId: auth.userId, isAuthenticated: auth.isAuthenticated, isGuest: auth.isGuest }
  }
  const load = (headers) => loadUserFromRequest(new Request('https://app.example.test', { headers }))
  assert.deepEqual(await load({}), { userId: null, isAuthenticated: false, isGuest: true })
  assert.deepEqual(await load(bearer(mint({ sub: 'alice' })).headers), {
    userId: 'alice',
    isAuthenticated: true,
    isGuest: false,
  })
})

test('the documented scope checks of contexts and payloads', async () => {
  const auth = await verifyAuth(issuer.mint({ scope: 'read:reports' }), optionsOf(issuer))
  const byHand = { userId: 'u', isAuthenticated: true, payload: { sub: 'u', scope: 'read:reports' } }
  assert.equal(hasScopes(byHand, 'read:reports'), false)
  for (const subject of [auth, auth.payload, byHand.payload]) {
    assert.equal(hasScopes(subject, ['read:reports', 'write:reports'], { mode: 'any' }), true)
    assert.equal(hasScopes(subject, ['read:reports', 'write:reports']), false)
    assert.equal(hasScopes(subject, 'read:reports write:reports'), false)
    assert.equal(hasScopes(subject, ['read:reports write:reports']), false)
    requireScopes(subject, 'read:reports')
  }
  for (const subject of [null, undefined, { userId: null, isAuthenticated: false, payload: null }]) {
    assert.equal(hasScopes(subject, 'read:reports'), false)
  }
  const subject = { sub: 'u', scope: 'a b' }
  assert.throws(() => requireScopes(subject, ['a', 'c']), {
    message: 'Missing required scopes (all of: a, c). Token scopes: a, b. Missing: c',
  })
  assert.throws(() => requireScopes(subject, ['c', 'd'], { mode: 'any' }), {
    message: 'Missing required scopes (at least one of: c, d). Token scopes: a, b. Missing: c, d',
  })
  assert.throws(() => requireScopes(null, 'a'), {
    message: 'Missing required scopes (all of: a). Token scopes: (none). Missing: a',
  })
})

test('the documented role checks of contexts and payloads, in the first claim that has roles', async () => {
  const auth = await verifyAuth(issuer.mint({ claims: { roles: ['admin'] } }), optionsOf(issuer))
  const byHand = { userId: 'u', isAuthenticated: true, payload: { sub: 'u', scope: '', roles: ['admin'] } }
  assert.equal(hasRole(byHand, 'admin'), false)
  for (const subject of [auth, auth.payload, byHand.payload]) {
    assert.equal(hasRole(subject, 'admin'), true)
    assert.equal(hasRole(subject, 'support'), false)
    requireRole(subject, 'admin')
  }
  const payload = { sub: 'u', scope: '', 'https://example.com/roles': ['owner'], role: 'support' }
  assert.equal(hasRole(payload, 'owner', { claimKeys: ['https://example.com/roles'] }), true)
  assert.equal(hasRole(payload, 'support'), true)
  assert.equal(hasRole({ ...payload, roles: ['viewer'] }, 'support'), false)
  assert.equal(hasRole({ ...payload, roles: [] }, 'support'), false)
  for (const roles of [5, null, ['viewer', 5]]) assert.equal(hasRole({ ...payload, roles }, 'support'), true)
  assert.equal(hasRole(null, 'admin'), false)
  assert.throws(() => requireRole({ sub: 'u', scope: '', role: 'x' }, 'admin'), {
    message: 'Missing required role: admin. Checked claims: roles, role. Token roles: x',
  })
  assert.throws(() => requireRole(null, 'admin'), {
    message: 'Missing required role: admin. Checked claims: roles, role. Token roles: (none)',
  })
})

test('the documented key cache', async (t) => {
  const issuer = await startIssuer(t)
  const options = { ...optionsOf(issuer), jwksCacheTtlMs: 60_000 }
  const token = issuer.mint()
  await verifyAuth(token, options)
  await verifyAuth(token, options)
  assert.equal(issuer.jwksRequests, 1)
  invalidateJwksCache(issuer.logtoUrl)
  await verifyAuth(token, options)
  assert.equal(issuer.jwksRequests, 2)
  clearJwksCache()
  await verifyAuth(token, options)
  assert.equal(issuer.jwksRequests, 3)
  await verifyAuth(token, { ...options, skipJwksCache: true })
  await verifyAuth(token, { ...options, skipJwksCache: true })
  assert.equal(issuer.jwksRequests, 5)
})

test('the documented cookie attributes, including those that are always set', () => {
  const made = buildAuthCookieHeader('T', { secure: true, sameSite: 'strict', httpOnly: true })
  assert.equal(made, 'logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict')
  assert.equal(buildAuthCookieHeader('T', { secure: false, httpOnly: false }), made)
  assert.equal(
    buildAuthCookieHeader('T', { cookieName: 'c', maxAge: 60, path: '/app', sameSite: 'None', domain: 'example.test' }),
    'c=T; Max-Age=60; Path=/app; HttpOnly; Secure; SameSite=None; Domain=example.test',
  )
  for (const token of ['a; Domain=evil.test', 'a\r\nSet-Cookie: b=c', /** @type {any} */ ({ sub: 'u' })]) {
    assert.throws(() => buildAuthCookieHeader(token), { name: 'TypeError', code: 'invalid_options' })
  }
})

// Other behavior that docs/migrating.md promises.

test('the CSRF helpers are the functions of logto-authkit/csrf', () => {
  const server = /** @type {Record<string, unknown>} */ (require('logto-authkit/server'))
  for (const [name, value] of Object.entries(csrf)) assert.equal(server[name], value, name)
})

test("verifyAuth rejects with the original's messages and has the AuthError as cause", async () => {
  const options = optionsOf(issuer)
  const rejection = async (input, extra = {}) => {
    const error = await rejectionOf(verifyAuth(input, { ...options, ...extra }))
    assert.ok(error.cause instanceof AuthError)
    return [error.message, error.cause.code]
  }
  assert.deepEqual(await rejection({ headers: {} }), ['No token found in request', 'missing_token'])
  assert.deepEqual(await rejection(bearer(issuer.mint({ expiresIn: -1 }))), [
    'Token verification failed: Token has expired',
    'token_expired',
  ])
  assert.deepEqual(await rejection(issuer.mint({ expiresIn: -1 }), { allowGuest: true }), [
    'Token verification failed: Token has expired',
    'token_expired',
  ])
  assert.match((await rejection(''))[0], /^Token verification failed: /)
  assert.match((await rejection('your-jwt-token'))[0], /^Token verification failed: /)
  const { message } = await rejectionOf(verifyLogtoToken(/** @type {any} */ (undefined), options))
  assert.match(message, /^Token verification failed: /)
})

for (const [framework, listener] of Object.entries(FRAMEWORKS)) {
  const sendAuth = (req, res) => res.end(JSON.stringify(req.auth))

  test(`${framework}: an outage is a 503 with the original's body`, async (t) => {
    const issuer = await startIssuer(t)
    issuer.setOutage('error')
    const url = await serve(t, listener(createExpressAuthMiddleware(optionsOf(issuer)), sendAuth))
    const { status, headers, body } = await ask(url, bearer(issuer.mint()))
    assert.equal(status, 503)
    assert.deepEqual(JSON.parse(body), {
      error: 'Authentication failed',
      message: 'Token verification failed: Signing keys are unavailable, try again later',
    })
    assert.match(String(headers['retry-after']), /^\d+$/)
    assert.equal(headers['www-authenticate'], undefined)
  })

  test(`${framework}: every other rejection is a 401 with a challenge`, async (t) => {
    const options = { ...optionsOf(issuer), requiredScope: 'read', requiredRole: 'admin', organizationId: 'mine' }
    const url = await serve(t, listener(createExpressAuthMiddleware(options), sendAuth))
    const mine = { organizationId: 'mine', scope: 'read' }
    /** @type {[Record<string, string | string[]>, RegExp][]} */
    const rejected = [
      [{}, /^Bearer realm="api"$/],
      [{ authorization: [`Bearer ${issuer.mint()}`, `Bearer ${issuer.mint()}`] }, /error="invalid_request"/],
      [bearer(issuer.mint({ header: { alg: 'none' } })).headers, /error="invalid_token"/],
      [bearer(issuer.mint()).headers, /error="insufficient_scope"/],
      [bearer(issuer.mint({ organizationId: 'mine' })).headers, /error="insufficient_scope", scope="read"/],
      [bearer(issuer.mint(mine)).headers, /error="insufficient_scope"/],
    ]
    for (const [headers, challenge] of rejected) {
      const answer = await ask(url, { headers })
      assert.equal(answer.status, 401)
      assert.match(String(answer.headers['www-authenticate']), challenge)
      assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
      const { error, message, ...rest } = JSON.parse(answer.body)
      assert.deepEqual(rest, {})
      if (challenge.source === '^Bearer realm="api"$')
        assert.deepEqual([error, message], ['Authentication required', NO_TOKEN])
      else assert.match(`${error}: ${message}`, /^Authentication failed: Token verification failed: ./)
    }
    const admin = issuer.mint({ ...mine, claims: { roles: ['admin'] } })
    assert.equal((await ask(url, bearer(admin))).status, 200)
  })

  test(`${framework}: a preflight is rejected like any request, as in the original`, async (t) => {
    const url = await serve(t, listener(createExpressAuthMiddleware(optionsOf(issuer)), sendAuth))
    const headers = { 'access-control-request-method': 'POST' }
    assert.equal((await ask(url, { method: 'OPTIONS', headers })).status, 401)
  })

  test(`${framework}: an existing req.auth is replaced, or the request fails`, async (t) => {
    const auth = createExpressAuthMiddleware({ ...optionsOf(issuer), allowGuest: true })
    const spoofing = (configurable) => (req, _res, next) => {
      Object.defineProperty(req, 'auth', { value: { userId: 'root' }, configurable })
      next()
    }
    const open = await serve(t, listener(spoofing(true), auth, sendAuth))
    assert.equal(JSON.parse((await ask(open)).body).userId, null)
    const locked = await serve(t, listener(spoofing(false), auth, sendAuth))
    assert.equal((await ask(locked)).status, 500)
  })

  for (const isRevokedLate of [false, true]) {
    test(`${framework}: ignores a request that was answered during verification (revoked: ${isRevokedLate})`, async (t) => {
      let resolveIsRevoked
      const decided = new Promise((resolve) => {
        resolveIsRevoked = resolve
      })
      let handled = 0
      const auth = createExpressAuthMiddleware({ ...optionsOf(issuer), isRevoked: () => decided })
      let outcome
      const answering = (req, res) => {
        outcome = auth(req, res, () => {
          handled += 1
        })
        res.end('answered')
      }
      const url = await serve(t, listener(answering))
      assert.equal((await ask(url, bearer(issuer.mint()))).body, 'answered')
      resolveIsRevoked(isRevokedLate)
      await outcome
      assert.equal(handled, 0)
    })
  }

  test(`${framework}: an error thrown by isRevoked is a 500, not a 401`, async (t) => {
    for (const thrown of [new Error('no database'), undefined, 'route']) {
      const isRevoked = async () => {
        throw thrown
      }
      const options = { ...optionsOf(issuer), isRevoked }
      const url = await serve(t, listener(createExpressAuthMiddleware(options), sendAuth))
      assert.equal((await ask(url, bearer(issuer.mint()))).status, 500)
      const request = { headers: new Headers(bearer(issuer.mint()).headers) }
      assert.equal(await rejectionOf(verifyNextAuth(request, options)), thrown)
      assert.equal(await rejectionOf(verifyAuth(request, options)), thrown)
    }
  })
}

test('audience may be missing here, with one warning per process', async (t) => {
  const token = issuer.mint({ audience: 'https://any.example.test' })
  const warnings = warningsOf(t)
  const { logtoUrl } = issuer
  for (const options of [{ logtoUrl }, { logtoUrl, audience: undefined }]) {
    assert.equal((await verifyAuth(token, options)).userId, 'test-user')
    assert.equal((await verifyLogtoToken(token, options)).userId, 'test-user')
    assert.equal((await verifyNextAuth({ headers: new Headers(bearer(token).headers) }, options)).success, true)
    createExpressAuthMiddleware(options)
  }
  await verifyAuth(token, { logtoUrl, audience: null })
  await turn()
  assert.deepEqual(
    warnings.map(({ name, code }) => `${name} ${code}`),
    ['SecurityWarning LOGTO_AUTHKIT_NO_AUDIENCE'],
  )
})

// Differences that docs/migrating.md lists.

test('scopes are compared as a whole', async () => {
  const options = { ...optionsOf(issuer), requiredScope: 'read' }
  const message = 'Token verification failed: Missing required scope: read'
  await assert.rejects(verifyAuth(issuer.mint({ scope: 'read:all spread' }), options), { message })
})

test('roles are compared as a whole and never split', () => {
  assert.equal(hasRole({ sub: 'u', scope: '', role: 'admin support' }, 'admin'), false)
  assert.equal(hasRole({ sub: 'u', scope: '', roles: ['not,admin'] }, 'admin'), false)
  assert.equal(hasRole({ sub: 'u', scope: '', role: 'vice admin' }, 'vice admin'), true)
})

test('a polluted Object.prototype grants nothing', (t) => {
  const payload = { sub: 'u', scope: 'read', payload: { scope: 'admin', roles: ['admin'] } }
  pollute(t, 'roles', ['admin'])
  pollute(t, 'isAuthenticated', true)
  pollute(t, 'payload', { scope: 'admin', roles: ['admin'] })
  for (const subject of /** @type {any[]} */ ([payload, {}, { isAuthenticated: true }, null])) {
    assert.equal(hasRole(subject, 'admin'), false)
    assert.equal(hasScopes(subject, 'admin'), false)
  }
  assert.equal(hasScopes(payload, 'read'), true)
})

test('an empty requirement is an error, not a pass', () => {
  const payload = { sub: 'u', scope: 'a', roles: ['a'] }
  const error = { name: 'TypeError', code: 'invalid_options' }
  for (const scopes of /** @type {any[]} */ (['', ' ', [], [''], [' '], null, undefined, 5, [5]])) {
    assert.throws(() => hasScopes(payload, scopes), error)
    assert.throws(() => requireScopes(payload, scopes), error)
  }
  for (const role of /** @type {any[]} */ (['', null, undefined, ['a']])) {
    assert.throws(() => hasRole(payload, role), error)
    assert.throws(() => requireRole(payload, role), error)
  }
  assert.throws(() => hasRole(payload, 'a', { claimKeys: [] }), error)
})

test('ID tokens and tokens without exp are rejected', async () => {
  const why = async (claims) => (await rejectionOf(verifyAuth(issuer.mint(claims), optionsOf(issuer)))).cause.code
  assert.equal(await why({ header: { typ: undefined } }), 'invalid_token_type')
  assert.equal(await why({ claims: { exp: undefined } }), 'invalid_claims')
  const any = { ...optionsOf(issuer), tokenType: null }
  assert.equal((await verifyAuth(issuer.mint({ header: { typ: undefined } }), any)).userId, 'test-user')
})

test('unknown key ids do not fetch the keys every time', async (t) => {
  const issuer = await startIssuer(t)
  await verifyAuth(issuer.mint(), optionsOf(issuer))
  for (let i = 0; i < 10; i += 1) {
    const token = issuer.mint({ header: { kid: `made-up-${i}` }, claims: { iat: 1 } })
    await assert.rejects(verifyAuth(token, optionsOf(issuer)), /signed with an unknown key/)
  }
  assert.ok(issuer.jwksRequests <= 2, String(issuer.jwksRequests))
})

test('two tokens are rejected, and an invalid cookie does not hide a valid header', async () => {
  const [one, two] = [issuer.mint(), issuer.mint()]
  const verdict = async (headers) => {
    const result = await verifyNextAuth({ headers: new Headers(headers) }, optionsOf(issuer))
    return result.success ? result.auth.userId : /** @type {any} */ (result).error
  }
  const cookies = `logto_authtoken=${one}; logto_authtoken=${two}`
  assert.match(String(await verdict({ cookie: cookies })), /^Token verification failed: More than one token found/)
  const expired = issuer.mint({ expiresIn: -1 })
  assert.equal(await verdict({ cookie: `logto_authtoken=${expired}`, ...bearer(one).headers }), 'test-user')
  assert.equal(await verdict({ authorization: `bearer  ${one}` }), 'test-user')
})

test('an invalid guest id is omitted', async () => {
  const options = { ...optionsOf(issuer), allowGuest: true }
  for (const id of ['<script>', 'a b', 'x'.repeat(129)]) {
    const guest = await verifyAuth({ headers: { cookie: `guest_logto_authtoken=${id}` } }, options)
    assert.equal(guest.guestId, undefined, id)
  }
})

const rejectionOf = (promise) =>
  promise.then(
    () => assert.fail('it was fulfilled'),
    (reason) => reason,
  )
