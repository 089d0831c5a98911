const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { createVerifier, forbidden, requireRole, requireScopes, verifyAuth } = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')
const { describeAdapters } = require('../support/adapters')
const { bearer } = require('../support/frameworks')
const { AUDIENCE, pollute, rejection } = require('../support/helpers')
const { REJECTIONS, challengeOf, rejectedRequest } = require('../support/rejections')

let issuer
/** ES384 tokens are expensive to verify, so that concurrent ones are verified on a thread pool. */
let es384Issuer
/** All adapters share this issuer, because only the first request during an outage waits for retries. */
let issuerInOutage
let options

before(async () => {
  issuer = await createTestIssuer({ alg: 'ES256' })
  es384Issuer = await createTestIssuer({ alg: 'ES384' })
  issuerInOutage = await createTestIssuer({ alg: 'ES256' })
  issuerInOutage.setOutage('error')
  options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
})
after(() => Promise.all([issuer, es384Issuer, issuerInOutage].map((each) => each.close())))

const MISSING = REJECTIONS[0]
const PREFLIGHT = {
  method: 'OPTIONS',
  headers: { origin: 'https://app.example.test', 'access-control-request-method': 'POST' },
}
/** Headers that the application sets before `logtoAuth` runs. */
const EARLIER = { 'access-control-allow-origin': 'https://app.example.test', vary: 'Origin', 'x-before': '1' }

const bodyOf = ({ code, message, status, title = status === 403 ? 'Forbidden' : 'Authentication failed' }) =>
  JSON.stringify({ error: title, code, message })

const mint = (i, claims = {}) => es384Issuer.mint({ sub: `user-${i}`, scope: 'read', ...claims })
/** A token, and the expected outcome. @type {((i: number) => [string, string])[]} */
const KINDS = [
  (i) => [mint(i), `200 user-${i}`],
  (i) => [mint(i).replace(/[^.]+$/, mint(i).split('.')[2]), '401 invalid_signature'],
  (i) => [mint(i, { expiresIn: -1 }), '401 token_expired'],
  (i) => [mint(i, { scope: 'write' }), '403 missing_scope'],
  (i) => [mint(i, { header: { kid: 'unknown' }, claims: { iat: 1 } }), '401 unknown_key'],
]
/** The tokens are minted once for all adapters. @type {[string, string][] | undefined} */
let cases

test('the table has a row for every error code', () => {
  assert.equal(new Set(REJECTIONS.map(({ code }) => code)).size, 20)
})

describeAdapters([], (adapter, has) => {
  const serve = (t, own) => {
    const earlier = has('middleware') ? [{ run: (_holder, set) => set(EARLIER) }] : []
    return adapter.serve(t, { steps: [...earlier, { auth: { ...options, ...own } }] })
  }
  const closing = []
  /** One application for all rows without their own options. */
  let client
  before(async () => {
    client = await serve({ after: (close) => closing.push(close) })
  })
  after(() => Promise.all(closing.map((close) => close())))

  for (const row of REJECTIONS) {
    test(`responds to ${row.code} with its status, headers and body`, async (t) => {
      const own = row.outage ? issuerInOutage : issuer
      const { request, options: forCore } = rejectedRequest(own, row)
      const error = await rejection(verifyAuth(request, forCore))
      const isShared = !row.outage && !row.options
      const ask = isShared ? client : await serve(t, { logtoUrl: own.logtoUrl, ...row.options })
      for (const method of has('methods') ? ['GET', 'HEAD', 'POST', 'OPTIONS'] : ['GET']) {
        const given = await ask('/', { method, ...request })
        const body = bodyOf(row)
        assert.deepEqual([given.status, given.body], [row.status, method === 'HEAD' ? '' : body], method)
        assert.deepEqual([error.status, error.message], [row.status, row.message])
        const expected = {
          'cache-control': 'no-store',
          'content-length': String(body.length),
          'content-type': 'application/json; charset=utf-8',
          'set-cookie': undefined,
          'www-authenticate': challengeOf(row) ?? undefined,
          'access-control-allow-origin': undefined,
          vary: undefined,
          'x-before': undefined,
          ...(has('middleware') && EARLIER),
        }
        for (const [name, value] of Object.entries(expected)) assert.equal(given.headers[name], value, name)
        if (row.status === 503) assert.match(String(given.headers['retry-after']), /^([1-9]|10)$/)
        else assert.equal(given.headers['retry-after'], undefined)
        for (const [name, value] of Object.entries(error.headers)) {
          if (name !== 'Retry-After') assert.equal(given.headers[name.toLowerCase()], value)
        }
      }
    })
  }

  test('rejects two different tokens, and accepts one token that is sent twice', async (t) => {
    const client = await adapter.serve(t, { steps: [{ auth: options }] })
    const [one, two] = [issuer.mint(), issuer.mint()]
    const status = async (headers) => (await client('/', { headers })).status
    assert.equal(await status({ cookie: `logto_authtoken=${one}; logto_authtoken=${one}` }), 200)
    assert.equal(await status({ cookie: `logto_authtoken=${one}; logto_authtoken=${two}` }), 400)
    assert.equal(await status({ cookie: [`logto_authtoken=${one}`, `logto_authtoken=${two}`] }), 400)
    assert.equal(await status({ authorization: [`Bearer ${one}`, 'Basic eDp5'] }), 400)
    assert.equal(await status({ authorization: `Bearer ${one}, Bearer ${two}` }), 400)
  })

  test('responds with 500 to anything that isRevoked throws', async (t) => {
    t.mock.method(console, 'error', () => {})
    let thrown
    const isRevoked = async () => {
      throw thrown
    }
    const faults = []
    const client = await adapter.serve(t, { steps: [{ auth: { ...options, isRevoked, allowGuest: true } }], faults })
    const token = issuer.mint()
    for (thrown of [new Error('no database'), { reason: 'none' }, 'route', 'router', '', 0, null, undefined]) {
      const { status, body } = await client('/', bearer(token))
      assert.equal(status, 500)
      assert.equal(body.includes('userId'), false)
      assert.equal(faults.length, 1)
      const fault = faults.pop()
      if (has('rethrows') || (typeof thrown === 'object' && thrown !== null)) assert.equal(fault, thrown)
      else assert.deepEqual([fault.name, fault.message], ['Error', `Thrown: ${thrown}`])
    }
  })

  test('passes the request of the framework to getToken', async (t) => {
    const getToken = (it) => new URL(it.req?.url ?? it.url, 'http://localhost').searchParams.get('token')
    const client = await adapter.serve(t, { steps: [{ auth: { ...options, getToken } }] })
    const { status, body } = await client(`/?token=${issuer.mint({ sub: 'alice' })}`)
    assert.equal(status, 200)
    if (has('context')) assert.equal(JSON.parse(body).userId, 'alice')
  })

  test('names the resource metadata in the challenge', async (t) => {
    const resourceMetadata = 'https://api.example.test/.well-known/oauth-protected-resource'
    const client = await adapter.serve(t, { steps: [{ auth: { ...options, resourceMetadata } }] })
    const { headers } = await client()
    assert.equal(headers['www-authenticate'], `Bearer realm="api", resource_metadata="${resourceMetadata}"`)
  })

  // All other options are in the table of unit/core/options.test.js.
  test('throws a TypeError for invalid options before the first request', async () => {
    for (const [wrong, message] of /** @type {[any, RegExp][]} */ ([
      [undefined, /^Invalid option(s: expected an object, got undefined$| "logtoUrl")/],
      [
        { ...options, onError: 5 },
        has('onError') ? /^Invalid option "onError": .* got 5$/ : /^Unknown option "onError"/,
      ],
      [Object.assign(new Inherited(), { organizationId: () => null }), /"requiredScope".*inherited/],
    ])) {
      const error = { name: 'TypeError', code: 'invalid_options', message }
      await assert.rejects(async () => adapter.create(wrong), error, String(message))
    }
  })

  for (const [name, value] of Object.entries({ onError: 'polluted', organizationId: 5, requiredScope: '' })) {
    test(`does not read Object.prototype.${name} as an option`, async (t) => {
      pollute(t, name, value)
      // Some adapters verify a request as soon as they are created.
      const outcome = await Promise.resolve(adapter.create(options)).catch((error) => error.code)
      assert.notEqual(outcome, 'invalid_options')
    })
  }

  test('responds to many concurrent requests, each by its own token', async (t) => {
    const { logtoUrl } = es384Issuer
    const strict = { ...options, logtoUrl, requiredScope: 'read', tokenCacheSize: 0 }
    const client = await adapter.serve(t, { steps: [{ auth: strict }] })
    const fetches = es384Issuer.jwksRequests
    cases ??= Array.from({ length: 25 }, (_, i) => KINDS[i % KINDS.length](i))
    const outcomes = cases.map(async ([token, expected]) => {
      const { status, body } = await client('/', bearer(token))
      const { userId = expected.slice(4), code } = JSON.parse(body)
      return `${status} ${code ?? userId}`
    })
    assert.deepEqual(
      await Promise.all(outcomes),
      cases.map(([, expected]) => expected),
    )
    assert.ok(es384Issuer.jwksRequests - fetches <= 2)
  })
})

describeAdapters(['methods'], (adapter) => {
  test('verifies HEAD and OPTIONS requests like any other', async (t) => {
    const client = await adapter.serve(t, { steps: [{ auth: options }] })
    assert.equal((await client('/', { method: 'HEAD', ...bearer(issuer.mint()) })).status, 200)
    assert.equal((await client('/', { method: 'OPTIONS' })).status, 401)
    assert.equal((await client('/', { method: 'GET', headers: PREFLIGHT.headers })).status, 401)
  })

  test('B1: verifies CORS preflights like any other request', async (t) => {
    t.mock.method(process, 'emitWarning', () => {})
    const client = await adapter.serve(t, { steps: [{ auth: options }] })
    const { status, body, cookies } = await client('/', PREFLIGHT)
    assert.deepEqual([status, body, cookies], [401, bodyOf(MISSING), []])
    const token = bearer(issuer.mint()).headers
    assert.equal((await client('/', { ...PREFLIGHT, headers: { ...PREFLIGHT.headers, ...token } })).status, 200)
  })
})

describeAdapters(['context'], (adapter) => {
  test('passes the context to the handler, for a token in the header and in the cookie', async (t) => {
    const client = await adapter.serve(t, { steps: [{ auth: options }] })
    const token = issuer.mint({ sub: 'alice', scope: 'read write' })
    const expected = await verifyAuth(token, options)
    for (const headers of [bearer(token).headers, { cookie: `theme=dark; logto_authtoken=${token}` }]) {
      const { status, body } = await client('/', { headers })
      assert.equal(status, 200)
      assert.deepEqual(JSON.parse(body), expected)
    }
  })

  test('with guests allowed, turns rejected requests into guests, and responds to faults with 500', async (t) => {
    t.mock.method(console, 'error', () => {})
    const reason = async (more, token) => {
      const client = await adapter.serve(t, { steps: [{ auth: { ...options, allowGuest: true, ...more } }] })
      const { status, body } = await client('/', bearer(token))
      return status === 200 ? JSON.parse(body).guestReason : status
    }
    assert.equal(await reason({}, issuer.mint({ expiresIn: -1 })), 'token_expired')
    assert.equal(await reason({ requiredScope: 'admin' }, issuer.mint()), 'missing_scope')
    assert.equal(await reason({ organizationId: () => undefined }, issuer.mint()), 'wrong_organization')
    assert.equal(await reason({ organizationId: () => '' }, issuer.mint()), 'wrong_organization')
    assert.equal(await reason({ organizationId: () => 1 }, issuer.mint()), 500)
    assert.equal(await reason({ getToken: () => 1 }, issuer.mint()), 500)
    const { logtoUrl } = issuerInOutage
    assert.equal(await reason({ logtoUrl }, issuerInOutage.mint()), 'jwks_unavailable')
  })

  test('asks a function for the organization of each request', async (t) => {
    const organizationId = (it) => new URL(it.req?.url ?? it.url, 'http://localhost').searchParams.get('org')
    const client = await adapter.serve(t, { steps: [{ auth: { ...options, organizationId, allowGuest: true } }] })
    const organization = async (path, claims) => {
      const auth = JSON.parse((await client(path, bearer(issuer.mint({ audience: AUDIENCE, ...claims })))).body)
      return auth.isGuest ? auth.guestReason : auth.organizationId
    }
    assert.equal(await organization('/?org=mine', { organizationId: 'mine' }), 'mine')
    assert.equal(await organization('/?org=mine', { organizationId: 'other' }), 'wrong_organization')
    assert.equal(await organization('/?org=mine', {}), 'wrong_organization')
    assert.equal(await organization('/', {}), null)
    assert.equal(await organization('/', { organizationId: 'mine' }), 'wrong_organization')
  })
})

describeAdapters(['thrown'], (adapter, has) => {
  test('responds to an AuthError that a handler throws with its status and challenge', async (t) => {
    t.mock.method(console, 'error', () => {})
    const routes = { '/': { run: (auth) => requireScopes(auth, 'admin') } }
    const client = await adapter.serve(t, { steps: [{ auth: options }], routes })
    const { status, headers } = await client('/', bearer(issuer.mint()))
    assert.equal(status, 403)
    assert.match(String(headers['www-authenticate']), /^Bearer error="insufficient_scope", scope="admin"/)
  })

  test('adds the resource metadata to an AuthError that a handler throws', async (t) => {
    t.mock.method(console, 'error', () => {})
    const resourceMetadata = 'https://api.example.test/.well-known/oauth-protected-resource'
    const refuse = () => {
      throw forbidden('Members only')
    }
    const routes = {
      '/scopes': { run: (auth) => requireScopes(auth, 'admin') },
      '/role': { run: (auth) => requireRole(auth, 'admin') },
      '/forbidden': { run: refuse },
    }
    const client = await adapter.serve(t, { steps: [{ auth: { ...options, resourceMetadata } }], routes })
    const challenge = async (path) => (await client(path, bearer(issuer.mint()))).headers['www-authenticate']
    const parameter = `, resource_metadata="${resourceMetadata}"`
    for (const path of ['/scopes', '/role']) {
      assert.equal(String(await challenge(path)).split(parameter).length, 2, path)
    }
    const forbiddenByHandler = 'Bearer error="insufficient_scope", error_description="Members only"'
    assert.equal(await challenge('/forbidden'), forbiddenByHandler + (has('challenge') ? parameter : ''))
  })

  test('keeps the resource metadata of an error from another verifier', async (t) => {
    t.mock.method(console, 'error', () => {})
    const inner = createVerifier({ ...options, resourceMetadata: 'https://inner.example.test' })
    const auth = { ...options, allowGuest: true, resourceMetadata: 'https://outer.example.test' }
    const client = await adapter.serve(t, { steps: [{ auth }], routes: { '/': { run: () => inner.verify('') } } })
    const { headers } = await client()
    assert.equal(headers['www-authenticate'], 'Bearer realm="api", resource_metadata="https://inner.example.test/"')
  })
})

describeAdapters(['preflight'], (adapter) => {
  test('B1: lets CORS preflights pass if the application allows it, but not through protect', async (t) => {
    const routes = { '/': {}, '/guarded': { steps: [{ protect: {} }] } }
    const auth = { ...options, allowGuest: true, allowPreflight: true }
    const client = await adapter.serve(t, { steps: [{ auth }], routes })
    const { status, body, cookies } = await client('/', PREFLIGHT)
    assert.deepEqual([status, body, cookies], [200, 'null', []])
    const guarded = await client('/guarded', PREFLIGHT)
    assert.deepEqual([guarded.status, guarded.body], [401, bodyOf(MISSING)])
    assert.equal(guarded.headers['www-authenticate'], 'Bearer realm="api"')
  })
})

describeAdapters(['onError'], (adapter) => {
  test('lets onError respond, for logtoAuth and for protect, at once or later', async (t) => {
    for (const turn of [undefined, () => new Promise(setImmediate)]) {
      const errors = []
      const onError = (/** @type {any[]} */ ...args) => {
        errors.push(args[0])
        const respond = () => adapter.respond(args, 418, args[0].code)
        return turn === undefined ? respond() : turn().then(respond)
      }
      const resourceMetadata = 'https://api.example.test/.well-known/oauth-protected-resource'
      const steps = [{ auth: { ...options, onError, resourceMetadata } }, { protect: { requiredScope: 'admin' } }]
      const client = await adapter.serve(t, { steps })
      const missing = await client()
      assert.deepEqual([missing.status, missing.body], [418, 'missing_token'])
      const scope = await client('/', bearer(issuer.mint()))
      assert.deepEqual([scope.status, scope.body], [418, 'missing_scope'])
      assert.equal((await client('/', bearer(issuer.mint({ scope: 'admin' })))).status, 200)
      assert.deepEqual(
        errors.map(({ name }) => name),
        ['AuthError', 'AuthError'],
      )
      for (const { wwwAuthenticate, headers } of errors) {
        assert.equal(headers['WWW-Authenticate'], wwwAuthenticate)
        assert.equal(wwwAuthenticate.split(`resource_metadata="${resourceMetadata}"`).length, 2)
      }
    }
  })

  test('responds with 500 if onError rejects with undefined', async (t) => {
    t.mock.method(console, 'error', () => {})
    const client = await adapter.serve(t, {
      steps: [{ auth: { ...options, onError: () => Promise.reject() } }],
      faults: [],
    })
    assert.equal((await client()).status, 500)
  })

  test('treats undefined options as absent', async (t) => {
    const auth = { ...options, onError: undefined, scopeMode: undefined, allowPreflight: undefined }
    const protect = { scopeMode: undefined, roleClaims: undefined }
    const client = await adapter.serve(t, { steps: [{ auth }, { protect }] })
    assert.equal((await client('/', bearer(issuer.mint()))).status, 200)
    const { status, body } = await client()
    assert.deepEqual([status, body], [401, bodyOf(MISSING)])
  })
})

/** Options with a requirement that is an accessor of a class. A copy of the own members would lose the requirement. */
class Inherited {
  logtoUrl = 'http://127.0.0.1:1'
  audience = AUDIENCE
  get requiredScope() {
    return 'admin'
  }
}
