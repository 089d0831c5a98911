const assert = require('node:assert/strict')
const { once } = require('node:events')
const http = require('node:http')
const { after, before, describe, test } = require('node:test')
const { setImmediate: turn } = require('node:timers/promises')
const cookieParser = require('cookie-parser')
const { forbidden, requireScopes } = require('logto-authkit')
const { authErrorHandler, getAuth, logtoAuth, protect } = require('logto-authkit/express')
const { createTestIssuer } = require('logto-authkit/testing')
const { EXPRESSES, FRAMEWORKS, ask, bearer, pausedCheck, serve } = require('../../support/frameworks')
const { AUDIENCE, pollute, warningsOf } = require('../../support/helpers')

/** @typedef {import('../../support/frameworks').Handler} Handler */

let issuer
let options

before(async () => {
  issuer = await createTestIssuer()
  options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
})
after(() => issuer.close())

const SPOOF = { userId: 'root', isAuthenticated: true, isGuest: false, scopes: ['admin'], payload: { sub: 'root' } }
const PREFLIGHT = {
  method: 'OPTIONS',
  headers: { origin: 'https://app.example.test', 'access-control-request-method': 'POST' },
}

const sendAuth = (req, res) => res.end(JSON.stringify(req.auth ?? null))

const unreachable = (_req, res) => res.end('unreachable')

/** Middleware that changes the request. */
const changing = (change) => (req, _res, next) => {
  change(req)
  next()
}

/** @type {(answer: Promise<import('../../support/frameworks').Answer>) => Promise<[number, string]>} */
async function statusAndBody(answer) {
  const { status, body } = await answer
  return [status, body]
}

for (const [framework, listener] of Object.entries(FRAMEWORKS)) {
  describe(framework, () => {
    for (const [kind, change] of /** @type {[string, (req: any) => void][]} */ ([
      ['a read-only', (req) => Object.defineProperty(req, 'auth', { get: () => SPOOF, configurable: true })],
      [
        'an inherited',
        (req) => Object.setPrototypeOf(req, Object.create(Object.getPrototypeOf(req), { auth: { get: () => SPOOF } })),
      ],
    ])) {
      test(`replaces ${kind} req.auth`, async (t) => {
        const strict = await serve(t, listener(changing(change), logtoAuth(options), sendAuth))
        assert.equal((await ask(strict)).status, 401)
        assert.equal(JSON.parse((await ask(strict, bearer(issuer.mint({ sub: 'alice' })))).body).userId, 'alice')
        assert.equal((await ask(strict, PREFLIGHT)).status, 401)
        const open = logtoAuth({ ...options, allowPreflight: true })
        const lenient = await serve(t, listener(changing(change), open, sendAuth))
        assert.equal((await ask(lenient, PREFLIGHT)).body, 'null')
        const guests = await serve(t, listener(changing(change), logtoAuth({ ...options, allowGuest: true }), sendAuth))
        assert.equal(JSON.parse((await ask(guests)).body).isGuest, true)
      })
    }

    test('responds with an error if req.auth cannot be replaced', async (t) => {
      const lock = changing((req) => Object.defineProperty(req, 'auth', { value: SPOOF }))
      const url = await serve(t, listener(lock, logtoAuth(options), unreachable))
      for (const request of [{}, bearer(issuer.mint()), PREFLIGHT]) {
        const { status, body } = await ask(url, request)
        assert.equal(status, 500)
        assert.match(body, /^fault: Cannot redefine property/)
      }
    })

    for (const [name, onError] of Object.entries(
      /** @type {Record<string, (error: any, req: any, res: any, next: any) => unknown>} */ ({
        'passes to next': (error, _req, _res, next) => next(error),
        throws: (error) => {
          throw error
        },
        'rejects with': async (error) => {
          throw error
        },
        'passes to next and rejects with': async (error, _req, _res, next) => {
          next(error)
          throw error
        },
        'passes to next twice': (error, _req, _res, next) => {
          next(error)
          next(error)
        },
      }),
    )) {
      test(`calls next once with an error that onError ${name}`, async (t) => {
        const auth = logtoAuth({ ...options, onError })
        let count = 0
        const counting = (req, res, next) => {
          auth(req, res, (error) => {
            count += 1
            next(error)
          })
        }
        const url = await serve(t, listener(counting, unreachable))
        const expected = [500, 'fault: No token found in cookies or Authorization header']
        assert.deepEqual(await statusAndBody(ask(url)), expected)
        assert.equal(count, 1)
      })
    }

    test('sets no req.auth if onError lets a request pass, which protect then rejects', async (t) => {
      const onError = /** @type {any} */ (
        (error, req, res, next) => {
          assert.deepEqual([error.name, typeof req.headers, typeof res.end], ['AuthError', 'object', 'function'])
          next()
        }
      )
      const auth = logtoAuth({ ...options, onError })
      const open = await serve(t, listener(auth, sendAuth))
      assert.deepEqual(await statusAndBody(ask(open)), [200, 'null'])
      const guarded = await serve(t, listener(auth, logtoAuth(options), protect(), unreachable))
      assert.equal((await ask(guarded)).status, 401)
    })

    for (const [outcome, isRevoked] of /** @type {[string, boolean][]} */ ([
      ['accepts', false],
      ['rejects', true],
    ])) {
      test(`holds the context of a logtoAuth until the same logtoAuth ${outcome} the request again`, async (t) => {
        const paused = pausedCheck(isRevoked)
        let calls = 0
        const check = () => (++calls === 1 ? Promise.resolve(false) : paused.isRevoked())
        const onError = /** @type {any} */ (
          ({ code }, _req, res, next) => (code === 'token_revoked' ? next() : res.end(code))
        )
        const auth = logtoAuth({ ...options, isRevoked: check, onError })
        let latest
        const remember = changing((req) => {
          latest = req
        })
        const url = await serve(
          t,
          listener(auth, remember, auth, protect(), (req, res) => res.end(req.auth.userId)),
        )
        const answer = ask(url, bearer(issuer.mint({ sub: 'alice' })))
        await paused.asked
        const first = latest.auth
        assert.deepEqual([first.userId, getAuth(latest)], ['alice', first])
        paused.release()
        assert.equal((await answer).body, isRevoked ? 'missing_token' : 'alice')
        assert.deepEqual([latest.auth?.userId, getAuth(latest)], [isRevoked ? undefined : 'alice', latest.auth])
        assert.notEqual(latest.auth, first)
      })
    }

    test('keeps serving after a client has left during verification', async (t) => {
      const { isRevoked, asked, release } = pausedCheck()
      /** @type {(value?: unknown) => void} */
      let handled = () => {}
      const wasHandled = new Promise((resolve) => {
        handled = resolve
      })
      let pending
      const remember = changing((req) => {
        pending ??= req
      })
      const handler = (req, res) => {
        res.setHeader('X-User', req.auth.userId)
        res.end('done')
        handled()
      }
      const url = await serve(t, listener(remember, logtoAuth({ ...options, isRevoked }), handler))
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
      ['rejected', true],
      ['a fault', new Error('no database')],
    ])) {
      test(`leaves a request alone that was answered before it is ${outcome}`, async (t) => {
        const { isRevoked, asked, release } = pausedCheck(verdict)
        let isFirst = true
        let handled = 0
        const handler = (_req, res) => {
          handled += 1
          res.end('handled')
        }
        const timeOut = (_req, res, next) => {
          next()
          if (!isFirst) return
          isFirst = false
          asked.then(() => {
            res.statusCode = 504
            res.end('too late')
          })
        }
        const url = await serve(t, listener(timeOut, logtoAuth({ ...options, isRevoked }), handler))
        assert.deepEqual(await statusAndBody(ask(url, bearer(issuer.mint()))), [504, 'too late'])
        const warned = verdict instanceof Error ? once(process, 'warning') : [verdict]
        release()
        assert.equal((await warned)[0], verdict)
        assert.equal((await ask(url)).status, 401)
        assert.equal(handled, 0)
      })
    }
  })
}

for (const [framework, express] of Object.entries(EXPRESSES)) {
  describe(framework, () => {
    test('sets a Secure guest cookie behind a trusted https proxy', async (t) => {
      const guests = logtoAuth({ ...options, allowGuest: true })
      const headers = { 'x-forwarded-proto': 'https' }
      const untrusting = await serve(t, express().use(guests, sendAuth))
      assert.doesNotMatch((await ask(untrusting, { headers })).cookies[0], /; Secure/)
      const trusting = await serve(t, express().set('trust proxy', true).use(guests, sendAuth))
      assert.match((await ask(trusting, { headers })).cookies[0], /; Secure/)
    })

    test('ignores cookies that cookie-parser has turned into objects', async (t) => {
      const strict = await serve(t, express().use(cookieParser(), logtoAuth(options), unreachable))
      const guests = logtoAuth({ ...options, allowGuest: true })
      const open = await serve(t, express().use(cookieParser(), guests, sendAuth))
      for (const value of ['j:{"toString":1}', 'j:["a"]', 'j:{"value":"root"}'].map(encodeURIComponent)) {
        const cookie = `logto_authtoken=${value}; guest_logto_authtoken=${value}`
        assert.equal((await ask(strict, { headers: { cookie } })).status, 401)
        const { body, cookies } = await ask(open, { headers: { cookie } })
        assert.equal(cookies.length, 1)
        assert.match(JSON.parse(body).guestId, /^[0-9a-f-]{36}$/)
      }
      const cookie = `logto_authtoken=${issuer.mint({ sub: 'alice' })}`
      assert.equal(JSON.parse((await ask(open, { headers: { cookie } })).body).userId, 'alice')
    })

    test('protects routers and mounted applications', async (t) => {
      const hello = (req, res) => void res.send(`hello ${req.auth.userId}`)
      const admin = protect({ requiredScope: 'admin' })
      const app = express()
        .use(logtoAuth({ ...options, allowGuest: true }))
        .get('/public', (_req, res) => void res.send('hello'))
        .use('/sub', express().use(admin).get('/in-sub', hello))
        .use(express.Router().use(admin).get('/in-router', hello))
      const url = await serve(t, app)
      assert.equal((await ask(`${url}/public`)).body, 'hello')
      for (const path of ['/sub/in-sub', '/in-router']) {
        const statuses = []
        for (const claims of [{ scope: 'admin' }, {}, { scope: 'administrator' }, { expiresIn: -1 }]) {
          statuses.push((await ask(url + path, bearer(issuer.mint({ sub: 'alice', ...claims })))).status)
        }
        assert.deepEqual(statuses, [200, 403, 403, 401])
        assert.equal((await ask(url + path)).status, 401)
      }
    })

    test('keeps a body that arrives during verification', async (t) => {
      const { isRevoked, asked, release } = pausedCheck()
      const app = express()
        .use(logtoAuth({ ...options, isRevoked }), express.json())
        .post('/', (req, res) => void res.json({ user: req.auth.userId, body: req.body }))
      const url = await serve(t, app)
      const headers = { 'content-type': 'application/json', ...bearer(issuer.mint({ sub: 'alice' })).headers }
      const response = fetch(url, { method: 'POST', headers, body: JSON.stringify({ item: 'x'.repeat(90_000) }) })
      await asked
      release()
      assert.deepEqual(await (await response).json(), { user: 'alice', body: { item: 'x'.repeat(90_000) } })
    })

    test('leaves errors of handlers to the error handler, which responds with the guest cookie', async (t) => {
      let count = 0
      const app = express()
        .use(logtoAuth({ ...options, allowGuest: true }))
        .get('/error', () => {
          throw new Error('broken')
        })
        .get('/text', () => {
          throw 'broken'
        })
        .get('/async', async (_req, _res, next) => {
          // Express 4 ignores returned promises.
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
  })
}

for (const [framework, express] of Object.entries(EXPRESSES)) {
  test(`${framework}: authErrorHandler responds to a thrown AuthError like protect, and passes on other errors`, async (t) => {
    const app = express()
    app.use(logtoAuth({ ...options, resourceMetadata: 'https://api.example.test/metadata' }))
    app.get('/protected', protect({ requiredScope: 'admin' }), unreachable)
    app.get('/scope', (req, _res, next) => {
      try {
        requireScopes(getAuth(req), 'admin')
      } catch (error) {
        next(error)
      }
    })
    app.get('/forbidden', (_req, _res, next) => next(forbidden('Members only')))
    app.get('/fault', (_req, _res, next) => next(new RangeError('the database is down')))
    app.get('/started', (_req, res, next) => {
      res.write('started')
      next(forbidden())
    })
    const passedOn = []
    app.use(authErrorHandler(), (error, _req, res, _next) => {
      passedOn.push(error.name)
      res.end()
    })
    const url = await serve(t, app)
    const request = bearer(issuer.mint())
    const [thrown, rejected] = [await ask(`${url}/scope`, request), await ask(`${url}/protected`, request)]
    assert.deepEqual([thrown.status, rejected.status], [403, 403])
    const namesMetadata = /scope="admin".*, resource_metadata="https:\/\/api\.example\.test\/metadata"$/
    for (const { headers } of [thrown, rejected]) assert.match(String(headers['www-authenticate']), namesMetadata)
    for (const name of ['content-type', 'cache-control']) assert.equal(thrown.headers[name], rejected.headers[name])
    // The message of requireScopes also names the scopes of the token.
    const { message: _, ...expected } = JSON.parse(rejected.body)
    const { message, ...actual } = JSON.parse(thrown.body)
    assert.deepEqual(actual, expected)
    assert.match(message, /^Missing required scopes/)
    const { status, body } = await ask(`${url}/forbidden`, request)
    assert.deepEqual([status, JSON.parse(body).message], [403, 'Members only'])
    await ask(`${url}/fault`, request)
    assert.equal((await ask(`${url}/started`, request)).body, 'started')
    assert.deepEqual(passedOn, ['RangeError', 'AuthError'])
  })
}

test('warns once if protect runs without logtoAuth', async (t) => {
  const warnings = warningsOf(t)
  for (const listener of Object.values(FRAMEWORKS)) {
    const url = await serve(t, listener(protect(), unreachable))
    assert.equal((await ask(url, bearer(issuer.mint()))).status, 401)
  }
  await turn()
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['LOGTO_AUTHKIT_UNSEEN_REQUEST'],
  )
})

for (const [name, value] of /** @type {[string, unknown][]} */ ([
  ['onError', 'polluted'],
  ['organizationId', () => 'polluted'],
])) {
  test(`verifies as before with a polluted Object.prototype.${name}`, async (t) => {
    const req = { method: 'GET', ...bearer(issuer.mint()), auth: undefined }
    pollute(t, name, value)
    const middleware = /** @type {Handler} */ (logtoAuth(options))
    assert.equal(await new Promise((resolve) => middleware(req, {}, resolve)), undefined)
    assert.equal(Object(req.auth).userId, 'test-user')
  })
}

test('passes a fault to next even if the application has replaced Promise', (t) => {
  const fault = new Error('broken')
  const getToken = () => {
    throw fault
  }
  const middleware = /** @type {Handler} */ (logtoAuth({ ...options, getToken }))
  const req = { method: 'GET', headers: {}, auth: { isAuthenticated: true } }
  const before = globalThis.Promise
  const restore = () => Object.assign(globalThis, { Promise: before })
  t.after(restore)
  class Rejected {
    static reject = (error) => new Rejected(error)
    constructor(error) {
      this.error = error
    }
    // biome-ignore lint/suspicious/noThenProperty: a stand-in for promise libraries
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
