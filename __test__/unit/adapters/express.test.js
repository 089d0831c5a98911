const assert = require('node:assert/strict')
const { once } = require('node:events')
const http = require('node:http')
const { describe, test } = require('node:test')
const { setImmediate: turn } = require('node:timers/promises')
// @ts-expect-error: it ships no types
const cookieParser = require('cookie-parser')
const { requireScopes, verifyAuth } = require('logto-authkit')
const { logtoAuth, protect } = require('logto-authkit/express')
const { answer } = require('../../../js/adapters/guard')
const { EXPRESSES, FRAMEWORKS, ask, bearer, serve } = require('../../support/frameworks')
const { AUDIENCE, pollute, refusal, startIssuer } = require('../../support/helpers')
const { REFUSALS } = require('../../support/refusals')

/**
 * @typedef {import('node:test').TestContext} TestContext
 * @typedef {import('logto-authkit/testing').TestIssuer} TestIssuer
 * @typedef {import('../../support/frameworks').Handler} Handler
 */

/** @type {(issuer: TestIssuer) => { logtoUrl: string, audience: string }} */
const optionsOf = ({ logtoUrl }) => ({ logtoUrl, audience: AUDIENCE })

/** @type {Handler} */
const sendAuth = (req, res) => res.end(JSON.stringify(req.auth ?? null))

/** @type {Handler} */
const unreachable = (_req, res) => res.end('somebody got in')

const entries = Object.entries(FRAMEWORKS)

for (const [framework, listener] of entries) {
  for (const row of REFUSALS) {
    const { code, status, message } = row
    test(`${framework}: ${code} arrives with status, headers and body of the contract`, async (t) => {
      const issuer = await startIssuer(t)
      if (row.outage) issuer.setOutage(row.outage)
      const options = { ...optionsOf(issuer), ...row.options }
      const headers = row.headers?.(issuer) ?? bearer(row.token?.(issuer) ?? issuer.mint()).headers
      const url = await serve(t, listener(logtoAuth(options), unreachable))
      const given = await ask(url, { headers })

      const title = row.title ?? (status === 403 ? 'Forbidden' : 'Authentication failed')
      assert.equal(given.status, status)
      assert.equal(given.body, JSON.stringify({ error: title, code, message }))
      const challenge = row.challenge ?? `Bearer error="invalid_token", error_description="${message}"`
      assert.equal(given.headers['www-authenticate'], row.outage ? undefined : challenge)
      assert.equal(given.headers['cache-control'], 'no-store')
      assert.equal(given.headers['content-type'], 'application/json; charset=utf-8')
      assert.equal(given.headers['content-length'], String(Buffer.byteLength(given.body)))
      if (row.outage) assert.match(String(given.headers['retry-after']), /^([1-9]|10)$/)
      else assert.equal(given.headers['retry-after'], undefined)
      assert.equal(given.headers['set-cookie'], undefined)

      // What Next.js answers is made of the same.
      const { organizationId, ...rest } = /** @type {any} */ (options)
      const plain = typeof organizationId === 'function' ? { ...rest, organizationId: organizationId() } : options
      const expected = answer(await refusal(verifyAuth({ headers }, plain)))
      assert.deepEqual([given.status, given.body], [expected.status, expected.body])
      for (const [name, value] of Object.entries(expected.headers)) {
        if (name !== 'Retry-After') assert.equal(given.headers[name.toLowerCase()], value)
      }
    })
  }

  test(`${framework}: req.auth is who asks, by header and by cookie`, async (t) => {
    const issuer = await startIssuer(t)
    const url = await serve(t, listener(logtoAuth(optionsOf(issuer)), sendAuth))
    const token = issuer.mint({ sub: 'alice', scope: 'read write' })
    const expected = await verifyAuth(token, optionsOf(issuer))
    for (const headers of [bearer(token).headers, { cookie: `theme=dark; logto_authtoken=${token}` }]) {
      const { status, body } = await ask(url, { headers })
      assert.equal(status, 200)
      assert.deepEqual(JSON.parse(body), expected)
    }
  })

  test(`${framework}: a token given twice is one token, two are none`, async (t) => {
    const issuer = await startIssuer(t)
    const url = await serve(t, listener(logtoAuth(optionsOf(issuer)), sendAuth))
    const [one, two] = [issuer.mint(), issuer.mint()]
    const status = async (/** @type {Record<string, string | string[]>} */ headers) =>
      (await ask(url, { headers })).status
    assert.equal(await status({ cookie: `logto_authtoken=${one}; logto_authtoken=${one}` }), 200)
    assert.equal(await status({ cookie: `logto_authtoken=${one}; logto_authtoken=${two}` }), 400)
    assert.equal(await status({ cookie: [`logto_authtoken=${one}`, `logto_authtoken=${two}`] }), 400)
    assert.equal(await status({ authorization: [`Bearer ${one}`, 'Basic eDp5'] }), 400)
    assert.equal(await status({ authorization: `Bearer ${one}, Bearer ${two}` }), 400)
  })

  test(`${framework}: what claims to be an identity already is nobody's`, async (t) => {
    const issuer = await startIssuer(t)
    const spoof = { userId: 'root', isAuthenticated: true, isGuest: false, scopes: ['admin'], payload: { sub: 'root' } }
    const headers = {
      'x-user-id': 'root',
      'x-middleware-subrequest': 'middleware',
      'x-forwarded-user': 'root',
      auth: JSON.stringify(spoof),
    }
    /** @type {Record<string, Handler>} */
    const spoofs = {
      assigned: (req, _res, next) => {
        req.auth = spoof
        next()
      },
      read_only: (req, _res, next) => {
        Object.defineProperty(req, 'auth', { get: () => spoof, configurable: true })
        next()
      },
      inherited: (req, _res, next) => {
        Object.setPrototypeOf(req, Object.create(Object.getPrototypeOf(req), { auth: { get: () => spoof } }))
        next()
      },
    }
    for (const [name, spoofing] of Object.entries(spoofs)) {
      const strict = await serve(t, listener(spoofing, logtoAuth(optionsOf(issuer)), unreachable))
      assert.equal((await ask(strict, { headers })).status, 401, name)
      const token = issuer.mint({ sub: 'alice' })
      const open = await serve(t, listener(spoofing, logtoAuth(optionsOf(issuer)), sendAuth))
      assert.equal(JSON.parse((await ask(open, bearer(token))).body).userId, 'alice', name)
      const preflight = { method: 'OPTIONS', headers: { ...headers, 'access-control-request-method': 'GET' } }
      assert.equal((await ask(open, preflight)).body, 'null', name)
      const options = { ...optionsOf(issuer), allowGuest: true }
      const guests = await serve(t, listener(spoofing, logtoAuth(options), sendAuth))
      assert.equal(JSON.parse((await ask(guests, { headers })).body).isGuest, true, name)
    }
  })

  test(`${framework}: a locked req.auth is an error, whoever asks`, async (t) => {
    const issuer = await startIssuer(t)
    /** @type {Handler} */
    const locking = (req, _res, next) => {
      Object.defineProperty(req, 'auth', { value: { userId: 'root', isAuthenticated: true } })
      next()
    }
    const url = await serve(t, listener(locking, logtoAuth(optionsOf(issuer)), unreachable))
    for (const options of [{}, bearer(issuer.mint()), PREFLIGHT]) {
      const { status, body } = await ask(url, options)
      assert.equal(status, 500)
      assert.match(body, /^fault: Cannot redefine property/)
    }
  })

  test(`${framework}: protect goes by what logtoAuth found, not by what stands in req.auth`, async (t) => {
    const issuer = await startIssuer(t)
    const auth = logtoAuth({ ...optionsOf(issuer), allowGuest: true })
    const admin = protect({ requiredScope: 'admin' })
    const token = issuer.mint({ scope: 'read' })
    /** @type {(change: (req: any) => void) => Handler} */
    const then = (change) => (req, _res, next) => {
      change(req)
      next()
    }

    const replaced = then((req) => {
      req.auth = { ...req.auth, scopes: ['admin'], payload: { ...req.auth.payload, scope: 'admin' } }
    })
    const changed = then((req) => {
      req.auth.scopes.push('admin')
      if (req.auth.payload) req.auth.payload.scope = 'admin'
      req.auth.isAuthenticated = true
      req.auth.isGuest = false
    })
    const another = await verifyAuth(issuer.mint({ scope: 'admin' }), optionsOf(issuer))
    const borrowed = then((req) => {
      req.auth = another
    })
    const cases = /** @type {[Handler, number, number][]} */ ([
      [replaced, 401, 401],
      [changed, 403, 401],
      [borrowed, 401, 401],
    ])
    for (const [spoofing, asUser, asGuest] of cases) {
      const url = await serve(t, listener(auth, spoofing, admin, unreachable))
      assert.equal((await ask(url, bearer(token))).status, asUser)
      assert.equal((await ask(url)).status, asGuest)
    }
  })

  test(`${framework}: a CORS preflight passes without req.auth, and not through protect`, async (t) => {
    const issuer = await startIssuer(t)
    const auth = logtoAuth({ ...optionsOf(issuer), allowGuest: true })
    const open = await serve(t, listener(auth, sendAuth))
    const passed = await ask(open, PREFLIGHT)
    assert.deepEqual([passed.status, passed.body, passed.cookies], [200, 'null', []])
    const guarded = await serve(t, listener(auth, protect(), unreachable))
    assert.equal((await ask(guarded, PREFLIGHT)).status, 401)
  })

  test(`${framework}: HEAD and other OPTIONS requests are looked at like all others`, async (t) => {
    const issuer = await startIssuer(t)
    const url = await serve(t, listener(logtoAuth(optionsOf(issuer)), sendAuth))
    const refused = await ask(url, { method: 'HEAD' })
    assert.deepEqual([refused.status, refused.body], [401, ''])
    assert.equal(refused.headers['www-authenticate'], 'Bearer')
    assert.equal(refused.headers['content-length'], (await ask(url)).headers['content-length'])
    assert.equal((await ask(url, { method: 'OPTIONS' })).status, 401)
    assert.equal((await ask(url, { method: 'HEAD', ...bearer(issuer.mint()) })).status, 200)
    assert.equal((await ask(url, { method: 'GET', headers: PREFLIGHT.headers })).status, 401)
  })

  test(`${framework}: onError answers instead, also for protect`, async (t) => {
    const issuer = await startIssuer(t)
    /** @type {any[]} */
    const calls = []
    const options = {
      ...optionsOf(issuer),
      onError: async (/** @type {any[]} */ ...args) => {
        calls.push(args)
        const [error, , res] = args
        res.statusCode = 418
        res.end(error.code)
      },
    }
    const url = await serve(t, listener(logtoAuth(options), protect({ requiredScope: 'admin' }), unreachable))
    assert.deepEqual(await statusAndBody(ask(url)), [418, 'missing_token'])
    assert.deepEqual(await statusAndBody(ask(url, bearer(issuer.mint()))), [418, 'missing_scope'])
    for (const [error, req, res, next] of calls) {
      assert.deepEqual(
        [error.name, typeof req.headers, typeof res.end, typeof next],
        ['AuthError', 'object', 'function', 'function'],
      )
    }
  })

  test(`${framework}: what onError hands on or throws arrives once`, async (t) => {
    const issuer = await startIssuer(t)
    /** @type {Record<string, (error: any, req: any, res: any, next: any) => unknown>} */
    const handlers = {
      'handed on': (error, _req, _res, next) => next(error),
      thrown: (error) => {
        throw error
      },
      rejected: async (error) => {
        throw error
      },
      both: async (error, _req, _res, next) => {
        next(error)
        throw error
      },
      twice: (error, _req, _res, next) => {
        next(error)
        next(error)
      },
    }
    for (const [name, onError] of Object.entries(handlers)) {
      const auth = logtoAuth({ ...optionsOf(issuer), onError })
      let count = 0
      /** @type {Handler} */
      const counting = (req, res, next) => {
        auth(req, res, (error) => {
          count += 1
          next(error)
        })
      }
      const url = await serve(t, listener(counting, unreachable))
      const expected = [500, 'fault: No token found in cookies or Authorization header']
      assert.deepEqual(await statusAndBody(ask(url)), expected, name)
      assert.equal(count, 1, name)
    }
  })

  test(`${framework}: what onError lets pass has no req.auth, and does not pass protect`, async (t) => {
    const issuer = await startIssuer(t)
    /** @type {any} */
    const onError = (
      /** @type {unknown} */ _error,
      /** @type {any} */ _req,
      /** @type {any} */ _res,
      /** @type {any} */ next,
    ) => next()
    const auth = logtoAuth({ ...optionsOf(issuer), onError })
    const open = await serve(t, listener(auth, sendAuth))
    assert.deepEqual(await statusAndBody(ask(open)), [200, 'null'])
    const strict = logtoAuth(optionsOf(issuer))
    const guarded = await serve(t, listener(auth, strict, protect(), unreachable))
    assert.equal((await ask(guarded)).status, 401)
  })

  test(`${framework}: whatever isRevoked throws is an error and lets nobody in`, async (t) => {
    const issuer = await startIssuer(t)
    for (const thrown of [new Error('no database'), { reason: 'none' }, 'route', 'router', '', 0, null, undefined]) {
      const isRevoked = async () => {
        throw thrown
      }
      const url = await serve(
        t,
        listener(logtoAuth({ ...optionsOf(issuer), isRevoked, allowGuest: true }), unreachable),
      )
      const { status, body } = await ask(url, bearer(issuer.mint()))
      assert.equal(status, 500)
      const texts = { object: '{"reason":"none"}', error: 'no database' }
      const kind =
        thrown instanceof Error ? 'error' : typeof thrown === 'object' && thrown !== null ? 'object' : undefined
      assert.equal(body, `fault: ${kind === undefined ? `Thrown: ${thrown}` : texts[kind]}`)
    }
  })

  test(`${framework}: a client that leaves in mid-verification disturbs nobody`, async (t) => {
    const issuer = await startIssuer(t)
    const { isRevoked, asked, release } = gate()
    /** @type {() => void} */
    let handled = () => {}
    const wasHandled = new Promise((resolve) => {
      handled = () => resolve(undefined)
    })
    /** @type {import('node:http').IncomingMessage | undefined} */
    let pending
    const url = await serve(
      t,
      listener(
        (req, _res, next) => {
          pending ??= req
          next()
        },
        logtoAuth({ ...optionsOf(issuer), isRevoked }),
        (req, res) => {
          res.setHeader('X-User', req.auth.userId)
          res.end('done')
          handled()
        },
      ),
    )
    const leaving = http.request(url, { agent: false, ...bearer(issuer.mint()) }).end()
    leaving.on('error', () => {})
    await asked
    leaving.destroy()
    await once(/** @type {import('node:http').IncomingMessage} */ (pending).socket, 'close')
    release()
    await wasHandled
    assert.deepEqual(await statusAndBody(ask(url, bearer(issuer.mint()))), [200, 'done'])
  })

  for (const [outcome, verdict] of /** @type {[string, unknown][]} */ ([
    ['accepted', false],
    ['refused', true],
    ['a fault', new Error('no database')],
  ])) {
    test(`${framework}: a request that was answered meanwhile is left alone (${outcome})`, async (t) => {
      const issuer = await startIssuer(t)
      const { isRevoked, asked, release } = gate(verdict)
      let isFirst = true
      let handled = 0
      /** @type {Handler} */
      const handler = (_req, res) => {
        handled += 1
        res.end('handled')
      }
      /** @type {Handler} */
      const timeOut = (_req, res, next) => {
        next()
        if (!isFirst) return
        isFirst = false
        asked.then(() => {
          res.statusCode = 504
          res.end('too late')
        })
      }
      const url = await serve(t, listener(timeOut, logtoAuth({ ...optionsOf(issuer), isRevoked }), handler))
      assert.deepEqual(await statusAndBody(ask(url, bearer(issuer.mint()))), [504, 'too late'])
      const warned = verdict instanceof Error ? once(process, 'warning') : [verdict]
      release()
      assert.equal((await warned)[0], verdict)
      assert.deepEqual(await statusAndBody(ask(url)), [401, MISSING])
      assert.equal(handled, 0)
    })
  }
}

for (const [framework, listener] of entries) {
  /** @type {(t: TestContext, options: object, ...handlers: Handler[]) => Promise<string>} */
  const serveGuests = async (t, options, ...handlers) => {
    const issuer = await startIssuer(t)
    return serve(t, listener(logtoAuth({ ...optionsOf(issuer), allowGuest: true, ...options }), ...handlers))
  }

  test(`${framework}: a guest is told its id once, and is one everywhere`, async (t) => {
    const url = await serveGuests(t, {}, sendAuth)
    const first = await ask(url, PUBLIC)
    const { guestId, guestReason } = JSON.parse(first.body)
    assert.match(guestId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(guestReason, 'missing_token')
    assert.deepEqual(first.cookies, [
      `guest_logto_authtoken=${guestId}; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax`,
    ])
    assert.equal(first.headers.vary, 'Cookie')
    assert.equal(first.headers['cache-control'], 'private')

    const second = await ask(url, { headers: { ...PUBLIC.headers, cookie: `guest_logto_authtoken=${guestId}` } })
    assert.equal(JSON.parse(second.body).guestId, guestId)
    assert.deepEqual([second.cookies, second.headers.vary, second.headers['cache-control']], [[], undefined, undefined])

    const third = await ask(url, { headers: { ...PUBLIC.headers, cookie: 'guest_logto_authtoken=<script>' } })
    assert.notEqual(JSON.parse(third.body).guestId, guestId)
    assert.equal(third.cookies.length, 1)
  })

  test(`${framework}: only plain http on this machine gets a guest cookie without Secure`, async (t) => {
    const url = await serveGuests(t, {}, sendAuth)
    const isSecure = async (/** @type {string} */ host) =>
      /; Secure/.test((await ask(url, { headers: { host } })).cookies[0])
    for (const host of ['localhost', 'localhost:3000', 'LOCALHOST', '127.0.0.1:80', '[::1]:3000']) {
      assert.equal(await isSecure(host), false, host)
    }
    for (const host of ['app.example.test', 'localhost.example.test', '127.0.0.1.example.test', '10.0.0.1']) {
      assert.equal(await isSecure(host), true, host)
    }
  })

  test(`${framework}: the guest cookie is as guestCookie says, also where it cannot do without Secure`, async (t) => {
    const cookie = async (/** @type {unknown} */ guestCookie, headers = {}) => {
      const { cookies, body } = await ask(await serveGuests(t, { guestCookie }, sendAuth), { headers })
      return cookies.map((value) => value.replace(JSON.parse(body).guestId, 'ID'))
    }
    assert.deepEqual(await cookie(false), [])
    assert.deepEqual(await cookie({ name: 'visitor', maxAge: 60, path: '/app', domain: 'example.test' }), [
      'visitor=ID; Path=/app; Max-Age=60; HttpOnly; SameSite=Lax; Domain=example.test',
    ])
    assert.deepEqual(await cookie({ secure: true }), [
      'guest_logto_authtoken=ID; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax',
    ])
    assert.deepEqual(await cookie({ sameSite: 'none' }), [
      'guest_logto_authtoken=ID; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=None',
    ])
    assert.deepEqual(await cookie({ name: '__Host-guest' }), [
      '__Host-guest=ID; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax',
    ])
  })

  test(`${framework}: two logtoAuth make one guest, the one that the last handler sees`, async (t) => {
    const issuer = await startIssuer(t)
    const options = { ...optionsOf(issuer), allowGuest: true }
    const url = await serve(t, listener(logtoAuth(options), logtoAuth(options), sendAuth))
    const { cookies, body } = await ask(url)
    assert.equal(cookies.length, 1)
    assert.ok(cookies[0].startsWith(`guest_logto_authtoken=${JSON.parse(body).guestId};`))
  })

  test(`${framework}: with guests allowed, a bad token or an outage makes a guest, and a mistake an error`, async (t) => {
    const issuer = await startIssuer(t)
    const reason = async (/** @type {object} */ options, /** @type {string} */ token) => {
      const url = await serve(t, listener(logtoAuth({ ...optionsOf(issuer), allowGuest: true, ...options }), sendAuth))
      const { status, body } = await ask(url, bearer(token))
      return status === 200 ? JSON.parse(body).guestReason : status
    }
    assert.equal(await reason({}, issuer.mint({ expiresIn: -1 })), 'token_expired')
    assert.equal(await reason({ requiredScope: 'admin' }, issuer.mint()), 'missing_scope')
    assert.equal(await reason({ organizationId: () => undefined }, issuer.mint()), 500)
    assert.equal(await reason({ getToken: () => 1 }, issuer.mint()), 500)
    const down = await startIssuer(t)
    down.setOutage('error')
    assert.equal(await reason({ logtoUrl: down.logtoUrl }, down.mint()), 'jwks_unavailable')
  })
}

for (const [framework, express] of Object.entries(EXPRESSES)) {
  test(`${framework}: a proxy that the application trusts says whether a guest's connection is secure`, async (t) => {
    const issuer = await startIssuer(t)
    const options = { ...optionsOf(issuer), allowGuest: true }
    const headers = { 'x-forwarded-proto': 'https' }
    const untrusting = await serve(t, express().use(logtoAuth(options), sendAuth))
    assert.doesNotMatch((await ask(untrusting, { headers })).cookies[0], /; Secure/)
    const trusting = await serve(t, express().set('trust proxy', true).use(logtoAuth(options), sendAuth))
    assert.match((await ask(trusting, { headers })).cookies[0], /; Secure/)
  })

  test(`${framework}: an object that cookie-parser made of a cookie is no token and no guest`, async (t) => {
    const issuer = await startIssuer(t)
    const objects = ['j:{"toString":1}', 'j:["a"]', 'j:{"value":"root"}'].map(encodeURIComponent)
    const strict = await serve(t, express().use(cookieParser(), logtoAuth(optionsOf(issuer)), unreachable))
    const options = { ...optionsOf(issuer), allowGuest: true }
    const open = await serve(t, express().use(cookieParser(), logtoAuth(options), sendAuth))
    for (const value of objects) {
      const cookie = `logto_authtoken=${value}; guest_logto_authtoken=${value}`
      assert.equal((await ask(strict, { headers: { cookie } })).status, 401)
      const { body, cookies } = await ask(open, { headers: { cookie } })
      assert.equal(cookies.length, 1)
      assert.match(JSON.parse(body).guestId, /^[0-9a-f-]{36}$/)
    }
    const token = issuer.mint({ sub: 'alice' })
    const cookie = `logto_authtoken=${token}`
    assert.equal(JSON.parse((await ask(open, { headers: { cookie } })).body).userId, 'alice')
  })

  test(`${framework}: protect guards routes, routers and sub-apps`, async (t) => {
    const issuer = await startIssuer(t)
    /** @type {import('express').RequestHandler} */
    const hello = (req, res) => void res.send(`hello ${req.auth.userId}`)
    const router = express
      .Router()
      .use(protect({ requiredScope: 'admin' }))
      .get('/in-router', hello)
    const sub = express()
      .use(protect({ requiredScope: 'admin' }))
      .get('/in-sub', hello)
    const app = express()
      .use(logtoAuth({ ...optionsOf(issuer), allowGuest: true }))
      .get('/public', (_req, res) => void res.send('hello'))
      .get('/route', protect(), hello)
      .get('/scope', protect({ requiredScope: 'read write' }), hello)
      .get('/any', protect({ requiredScope: ['write', 'admin'], scopeMode: 'any' }), hello)
      .get('/both', protect({ requiredScope: 'read' }), protect({ requiredScope: 'admin' }), hello)
      .get('/role', protect({ requiredRole: 'chief' }), hello)
      .get('/group', protect({ requiredRole: 'chief', roleClaims: 'groups' }), hello)
      .get('/user', protect({ subjectType: 'user' }), hello)
      .get('/machine', protect({ subjectType: 'machine' }), hello)
      .use('/sub', sub)
      .use(router)
    const url = await serve(t, app)
    const everywhere = ['/route', '/scope', '/any', '/both', '/role', '/group', '/user', '/machine', '/in-router']
    everywhere.push('/sub/in-sub')
    const open = async (/** @type {object} */ claims) => {
      const paths = []
      for (const path of everywhere) {
        const { status, body } = await ask(url + path, bearer(issuer.mint(claims)))
        if (status === 200) paths.push(path)
        else assert.deepEqual([status, JSON.parse(body).error], [403, 'Forbidden'], path)
      }
      return paths
    }
    assert.deepEqual(await open({}), ['/route', '/user'])
    assert.deepEqual(await open({ scope: 'read write' }), ['/route', '/scope', '/any', '/user'])
    assert.deepEqual(await open({ scope: 'readwrite administrator' }), ['/route', '/user'])
    const admin = ['/route', '/any', '/both', '/user', '/in-router', '/sub/in-sub']
    assert.deepEqual(await open({ scope: 'read admin' }), admin)
    assert.deepEqual(await open({ claims: { roles: ['chief'] } }), ['/route', '/role', '/user'])
    assert.deepEqual(await open({ claims: { role: 'vice chief' } }), ['/route', '/user'])
    assert.deepEqual(await open({ claims: { groups: 'chief' } }), ['/route', '/group', '/user'])
    assert.deepEqual(await open({ sub: 'app', clientId: 'app' }), ['/route', '/machine'])

    const wrongSubject = await ask(`${url}/machine`, bearer(issuer.mint()))
    assert.equal(JSON.parse(wrongSubject.body).code, 'missing_role')
    assert.equal((await ask(`${url}/public`)).body, 'hello')
    for (const path of everywhere) assert.deepEqual(await statusAndBody(ask(url + path)), [401, MISSING], path)
    for (const path of everywhere) {
      const { status, body } = await ask(url + path, bearer(issuer.mint({ expiresIn: -1 })))
      assert.deepEqual([status, body], [401, MISSING], path)
    }
  })

  test(`${framework}: protect asks for the organization of the route`, async (t) => {
    const issuer = await startIssuer(t)
    /** @type {import('express').RequestHandler} */
    const sendOrganization = (req, res) => void res.send(String(req.auth.organizationId))
    const ofRoute = protect({ organizationId: (req) => req.params.id })
    const app = express()
      .use(logtoAuth(optionsOf(issuer)))
      .get('/orgs/:id', ofRoute, sendOrganization)
      .get('/fixed', protect({ organizationId: 'one' }), sendOrganization)
      .get('/none', protect({ organizationId: null }), sendOrganization)
      .get('/none-by-function', protect({ organizationId: () => null }), sendOrganization)
      .get('/mistake/undefined', ofRoute, unreachable)
      .get('/mistake/empty', protect({ organizationId: () => '' }), unreachable)
      .get('/mistake/promise', protect(/** @type {any} */ ({ organizationId: async () => 'one' })), unreachable)
      .get('/mistake/thrown', protect({ organizationId: (req) => req.params.id.nothing }), unreachable)
      .use(
        /** @type {import('express').ErrorRequestHandler} */ (
          (error, _req, res, _next) => void res.status(500).send(error.name)
        ),
      )
    const url = await serve(t, app)
    const one = issuer.mint({ organizationId: 'one' })
    const plain = issuer.mint({ audience: AUDIENCE })
    const code = async (/** @type {string} */ path, /** @type {string} */ token) => {
      const { status, body } = await ask(url + path, bearer(token))
      return status === 403 ? JSON.parse(body).code : `${status} ${body}`
    }
    assert.equal(await code('/orgs/one', one), '200 one')
    assert.equal(await code('/orgs/two', one), 'wrong_organization')
    assert.equal(await code('/orgs/one', plain), 'wrong_organization')
    assert.equal(await code('/fixed', one), '200 one')
    assert.equal(await code('/fixed', plain), 'wrong_organization')
    for (const path of ['/none', '/none-by-function']) {
      assert.equal(await code(path, plain), '200 null')
      assert.equal(await code(path, one), 'wrong_organization')
    }
    for (const mistake of ['undefined', 'empty', 'promise', 'thrown']) {
      assert.equal(await code(`/mistake/${mistake}`, one), '500 TypeError', mistake)
    }
  })

  test(`${framework}: many requests at once, each with a token never seen, are answered each for itself`, {
    timeout: 30_000,
  }, async (t) => {
    const issuer = await startIssuer(t)
    const app = express()
      .use(logtoAuth(optionsOf(issuer)))
      .get('/', protect({ requiredScope: 'read' }), (req, res) => void res.send(req.auth.userId))
    const url = await serve(t, app)
    const mint = (/** @type {number} */ i, claims = {}) => issuer.mint({ sub: `user-${i}`, scope: 'read', ...claims })
    /** A token, and what comes of it. @type {((i: number) => [string, string])[]} */
    const kinds = [
      (i) => [mint(i), `200 user-${i}`],
      (i) => [mint(i).replace(/[^.]+$/, mint(i).split('.')[2]), '401 invalid_signature'],
      (i) => [mint(i, { expiresIn: -1 }), '401 token_expired'],
      (i) => [mint(i, { scope: 'write' }), '403 missing_scope'],
      (i) => [mint(i, { header: { kid: 'unknown' } }), '401 unknown_key'],
    ]
    const cases = Array.from({ length: 100 }, (_, i) => kinds[i % kinds.length](i))
    const outcomes = cases.map(async ([token]) => {
      const { status, body } = await ask(url, bearer(token))
      return `${status} ${status === 200 ? body : JSON.parse(body).code}`
    })
    assert.deepEqual(
      await Promise.all(outcomes),
      cases.map(([, expected]) => expected),
    )
    assert.ok(issuer.jwksRequests <= 2)
  })

  test(`${framework}: a body that arrives during the verification is not lost`, async (t) => {
    const issuer = await startIssuer(t)
    const { isRevoked, asked, release } = gate()
    const app = express()
      .use(logtoAuth({ ...optionsOf(issuer), isRevoked }), express.json())
      .post('/', (req, res) => void res.json({ user: req.auth.userId, body: req.body }))
    const url = await serve(t, app)
    const headers = { 'content-type': 'application/json', ...bearer(issuer.mint({ sub: 'alice' })).headers }
    const response = fetch(url, { method: 'POST', headers, body: JSON.stringify({ item: 'x'.repeat(90_000) }) })
    await asked
    release()
    assert.deepEqual(await (await response).json(), { user: 'alice', body: { item: 'x'.repeat(90_000) } })
  })

  test(`${framework}: what a handler throws arrives once at the error handler`, async (t) => {
    const issuer = await startIssuer(t)
    let count = 0
    const app = express()
      .use(logtoAuth({ ...optionsOf(issuer), allowGuest: true }))
      .get('/error', () => {
        throw new Error('broken')
      })
      .get('/text', () => {
        throw 'broken'
      })
      .get('/async', async (_req, _res, next) => {
        // Express 4 does not look at promises.
        await Promise.reject(new Error('broken')).catch(next)
      })
      .get('/rejected', async (_req, _res, next) => {
        if (framework === 'Express 4') return next(new Error('broken'))
        throw new Error('broken')
      })
      .use(
        /** @type {import('express').ErrorRequestHandler} */ (
          (error, _req, res, _next) => {
            count += 1
            res.status(500).send(error.message ?? error)
          }
        ),
      )
    const url = await serve(t, app)
    for (const path of ['/error', '/text', '/async', '/rejected']) {
      count = 0
      const { status, body, cookies } = await ask(url + path)
      assert.deepEqual([status, body, cookies.length, count], [500, 'broken', 1, 1], path)
    }
  })

  test(`${framework}: an AuthError that a handler throws has its status and headers by itself`, async (t) => {
    const issuer = await startIssuer(t)
    const app = express()
      .set('env', 'test')
      .use(logtoAuth(optionsOf(issuer)))
      .get('/', (req, res) => {
        requireScopes(req.auth, 'admin')
        res.send('in')
      })
    const { status, headers } = await ask(await serve(t, app), bearer(issuer.mint()))
    assert.equal(status, 403)
    assert.match(String(headers['www-authenticate']), /^Bearer error="insufficient_scope", scope="admin"/)
  })
}

test('protect without logtoAuth lets nobody in, and says so once', async (t) => {
  const issuer = await startIssuer(t)
  /** @type {Handler} */
  const spoofing = (req, _res, next) => {
    req.auth = { userId: 'root', isAuthenticated: true, isGuest: false, scopes: [], payload: {} }
    next()
  }
  /** @type {string[]} */
  const warnings = []
  const collect = (/** @type {Error & { code?: string }} */ warning) => void warnings.push(String(warning.code))
  process.on('warning', collect)
  t.after(() => process.off('warning', collect))
  for (const listener of Object.values(FRAMEWORKS)) {
    const url = await serve(t, listener(spoofing, protect(), unreachable))
    assert.deepEqual(await statusAndBody(ask(url, bearer(issuer.mint()))), [401, MISSING])
  }
  await turn()
  assert.deepEqual(warnings, ['LOGTO_AUTHKIT_UNSEEN_REQUEST'])
})

test('what becomes of the options later changes nothing', async (t) => {
  const issuer = await startIssuer(t)
  const guestCookie = { name: 'visitor' }
  const options = { ...optionsOf(issuer), allowGuest: true, guestCookie }
  const url = await serve(t, FRAMEWORKS.http(logtoAuth(options), sendAuth))
  guestCookie.name = 'a=b; c'
  options.allowGuest = false
  const { status, cookies } = await ask(url)
  assert.equal(status, 200)
  assert.match(cookies[0], /^visitor=/)
})

test('an option that is undefined is one that is left out', async (t) => {
  const issuer = await startIssuer(t)
  const options = { ...optionsOf(issuer), onError: undefined, organizationId: undefined }
  const required = protect({ requiredScope: undefined, organizationId: undefined })
  const url = await serve(t, FRAMEWORKS.http(logtoAuth(/** @type {any} */ (options)), required, sendAuth))
  assert.equal((await ask(url, bearer(issuer.mint()))).status, 200)
  assert.deepEqual(await statusAndBody(ask(url)), [401, MISSING])
})

test('another logtoAuth on the way replaces what the first one found', async (t) => {
  const issuer = await startIssuer(t)
  const other = await startIssuer(t)
  const { http: listener } = FRAMEWORKS
  const guests = logtoAuth({ ...optionsOf(other), allowGuest: true })
  const url = await serve(t, listener(logtoAuth(optionsOf(issuer)), guests, protect(), unreachable))
  assert.equal((await ask(url, bearer(issuer.mint()))).status, 401)
})

test('the exports are those of the contract', () => {
  assert.deepEqual(Object.keys(require('logto-authkit/express')), ['logtoAuth', 'protect'])
})

test('wrong options are found at once', () => {
  const required = { logtoUrl: 'https://auth.example.test', audience: AUDIENCE }
  /** @type {[() => unknown, RegExp][]} */
  const mistakes = [
    [() => logtoAuth(/** @type {any} */ (undefined)), /^Invalid options: expected an object, got undefined$/],
    [() => logtoAuth(/** @type {any} */ ({ audience: AUDIENCE })), /^Invalid option "logtoUrl"/],
    [() => logtoAuth(/** @type {any} */ ({ logtoUrl: 'https://a.test' })), /^Invalid option "audience"/],
    [() => logtoAuth(/** @type {any} */ ({ ...required, scope: 'a' })), /^Unknown option "scope"/],
    [
      () => logtoAuth(/** @type {any} */ ({ ...required, onError: null })),
      /^Invalid option "onError": expected a function, got null$/,
    ],
    [() => logtoAuth({ ...required, organizationId: '' }), /^Invalid option "organizationId"/],
    [() => logtoAuth(/** @type {any} */ ({ ...required, subjectType: 'user' })), /^Unknown option "subjectType"/],
    [() => protect({ requiredScope: '' }), /^Invalid option "requiredScope"/],
    [() => protect({ requiredRole: [] }), /^Invalid option "requiredRole"/],
    [() => protect({ organizationId: '' }), /^Invalid option "organizationId"/],
    [() => protect(/** @type {any} */ ({ subjectType: 'guest' })), /^Invalid option "subjectType"/],
    [() => protect(/** @type {any} */ ({ scope: 'admin' })), /^Unknown option "scope"/],
    [() => protect(/** @type {any} */ ('admin')), /^Invalid option "requirements": expected an object, got "admin"$/],
    [() => protect(/** @type {any} */ (null)), /^Invalid option "requirements": expected an object, got null$/],
  ]
  for (const [mistake, message] of mistakes) {
    assert.throws(mistake, { name: 'TypeError', code: 'invalid_options', message })
  }
})

for (const [name, value] of /** @type {[string, unknown][]} */ ([
  ['onError', 'polluted'],
  ['organizationId', () => 'polluted'],
])) {
  test(`a polluted Object.prototype.${name} is nobody's option`, async (t) => {
    const issuer = await startIssuer(t)
    const req = { method: 'GET', ...bearer(issuer.mint()), auth: undefined }
    pollute(t, name, value)
    const middleware = /** @type {Handler} */ (logtoAuth(optionsOf(issuer)))
    assert.equal(await new Promise((resolve) => middleware(req, {}, resolve)), undefined)
    assert.equal(Object(req.auth).userId, 'test-user')
  })
}

test('a request that is refused at once is refused whatever the application has put in the place of Promise', (t) => {
  const fault = new Error('broken')
  const getToken = () => {
    throw fault
  }
  const middleware = /** @type {Handler} */ (
    logtoAuth({ logtoUrl: 'http://127.0.0.1:1', audience: AUDIENCE, getToken })
  )
  const req = { method: 'GET', headers: {}, auth: { isAuthenticated: true } }
  const before = globalThis.Promise
  const restore = () => Object.assign(globalThis, { Promise: before })
  t.after(restore)
  class Rejected {
    /** @param {unknown} error */
    static reject = (error) => new Rejected(error)
    /** @param {unknown} error */
    constructor(error) {
      this.error = error
    }
    /** @type {(onGood: unknown, onBad: (error: unknown) => void) => void} */
    // biome-ignore lint/suspicious/noThenProperty: it stands for libraries of promises
    then(_, onBad) {
      onBad(this.error)
    }
  }
  Object.assign(globalThis, { Promise: Rejected })
  /** @type {unknown[][]} */
  const calls = []
  middleware(req, {}, (/** @type {unknown[]} */ ...args) => calls.push(args))
  restore()
  assert.deepEqual(calls, [[fault]])
  assert.equal(req.auth, undefined)
})

test('a token seen before lets in without a turn, and another one with one', async (t) => {
  const issuer = await startIssuer(t)
  const middleware = /** @type {Handler} */ (logtoAuth({ ...optionsOf(issuer), requiredScope: 'read:orders' }))
  const token = issuer.mint({ sub: 'alice', scope: 'read:orders' })
  /** @type {(input: string) => Promise<[boolean, any]>} */
  const enter = async (input) => {
    const req = /** @type {any} */ ({ method: 'GET', ...bearer(input) })
    let isIn = false
    const entered = new Promise((resolve) => {
      middleware(req, {}, (/** @type {unknown} */ error) => {
        isIn = true
        resolve(error)
      })
    })
    const atOnce = isIn
    assert.equal(await entered, undefined)
    return [atOnce, req.auth.userId]
  }
  assert.deepEqual(await enter(token), [false, 'alice'])
  assert.deepEqual(await enter(token), [true, 'alice'])
  assert.deepEqual(await enter(issuer.mint({ sub: 'bob', scope: 'read:orders' })), [false, 'bob'])
})

const PREFLIGHT = {
  method: 'OPTIONS',
  headers: { origin: 'https://app.example.test', 'access-control-request-method': 'POST' },
}

/** Not on this machine, as far as a browser can tell. */
const PUBLIC = { headers: { host: 'app.example.test' } }

const MISSING = JSON.stringify({
  error: 'Authentication required',
  code: 'missing_token',
  message: 'No token found in cookies or Authorization header',
})

/** @type {(answer: Promise<import('../../support/frameworks').Answer>) => Promise<[number, string]>} */
async function statusAndBody(answer) {
  const { status, body } = await answer
  return [status, body]
}

/**
 * An `isRevoked` that says when it is asked, and answers when it is told to; from then on at once.
 *
 * @param {unknown} [verdict] - An error is thrown.
 */
function gate(verdict = false) {
  /** @type {any} */
  let release
  const released = new Promise((resolve) => {
    release = () => resolve(undefined)
  })
  /** @type {any} */
  let ask
  const asked = new Promise((resolve) => {
    ask = () => resolve(undefined)
  })
  const isRevoked = async () => {
    ask()
    await released
    if (verdict instanceof Error) throw verdict
    return Boolean(verdict)
  }
  return { isRevoked, asked, release }
}

describe('what options inherit', () => {
  class Inherited {
    logtoUrl = 'http://127.0.0.1:1'
    audience = AUDIENCE
    get requiredScope() {
      return 'admin'
    }
  }
  const refused = { name: 'TypeError', code: 'invalid_options', message: /"requiredScope".*inherited/ }

  test('is refused by protect, and not left out', () => {
    assert.throws(() => protect(Object.create({ requiredScope: 'admin' })), refused)
    assert.throws(() => protect(/** @type {any} */ (new Inherited())), refused)
  })

  test('is refused by logtoAuth, also where some of the options are its own', () => {
    const functions = { onError: () => {}, organizationId: () => null }
    assert.throws(() => logtoAuth(new Inherited()), refused)
    assert.throws(() => logtoAuth(Object.assign(new Inherited(), functions)), refused)
  })
})
