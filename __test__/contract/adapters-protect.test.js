const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { requireScopes, verifyAuth } = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')
const { describeAdapters } = require('../support/adapters')
const { bearer, pausedCheck } = require('../support/frameworks')
const { AUDIENCE, startIssuer } = require('../support/helpers')

let issuer
let options

before(async () => {
  issuer = await createTestIssuer({ alg: 'ES256' })
  options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
})
after(() => issuer.close())

const MISSING = JSON.stringify({
  error: 'Authentication required',
  code: 'missing_token',
  message: 'No token found in cookies or Authorization header',
})

/** The routes of an application, each with these requirements. */
const guarded = (table) =>
  Object.fromEntries(
    Object.entries(table).map(([path, required]) => [
      path,
      { steps: [required].flat().map((protect) => ({ protect })) },
    ]),
  )

/** The last segment of the path of a framework's request. */
const lastSegment = (request) => new URL(request.req?.url ?? request.url, 'http://localhost').pathname.split('/')[2]

describeAdapters(['protect'], (adapter, has) => {
  test('accepts tokens that meet the requirements of the route', async (t) => {
    const routes = guarded({
      '/any': {},
      '/scope': { requiredScope: 'read write' },
      '/one': { requiredScope: ['write', 'admin'], scopeMode: 'any' },
      '/role': { requiredRole: 'chief' },
      '/group': { requiredRole: 'chief', roleClaims: 'groups' },
      '/user': { subjectType: 'user' },
      '/machine': { subjectType: 'machine' },
      ...(has('middleware') && { '/both': [{ requiredScope: 'read' }, { requiredScope: 'admin' }] }),
    })
    const client = await adapter.serve(t, { steps: [{ auth: { ...options, allowGuest: true } }], routes })
    const paths = Object.keys(routes)
    const open = async (claims) => {
      const passed = []
      const request = bearer(issuer.mint(claims))
      for (const path of paths) {
        const { status, body } = await client(path, request)
        if (status === 200) passed.push(path)
        else assert.deepEqual([status, JSON.parse(body).error], [403, 'Forbidden'], path)
      }
      return passed
    }
    const both = has('middleware') ? ['/both'] : []
    assert.deepEqual(await open({}), ['/any', '/user'])
    assert.deepEqual(await open({ scope: 'read write' }), ['/any', '/scope', '/one', '/user'])
    assert.deepEqual(await open({ scope: 'readwrite administrator' }), ['/any', '/user'])
    assert.deepEqual(await open({ scope: 'read admin' }), ['/any', '/one', '/user', ...both])
    assert.deepEqual(await open({ claims: { roles: ['chief'] } }), ['/any', '/role', '/user'])
    assert.deepEqual(await open({ claims: { role: 'vice chief' } }), ['/any', '/user'])
    assert.deepEqual(await open({ claims: { groups: 'chief' } }), ['/any', '/group', '/user'])
    assert.deepEqual(await open({ sub: 'app', clientId: 'app' }), ['/any', '/machine'])
    const wrongSubject = await client('/machine', bearer(issuer.mint()))
    assert.equal(JSON.parse(wrongSubject.body).code, 'missing_role')

    for (const path of paths) {
      const { status, body, headers, cookies } = await client(path)
      assert.deepEqual([status, body], [401, MISSING], path)
      assert.deepEqual([headers['www-authenticate'], headers['cache-control']], ['Bearer realm="api"', 'no-store'])
      assert.equal(cookies.length, 1)
    }
  })

  test('rejects a guest for the reason that made it a guest', async (t) => {
    const down = await startIssuer(t)
    down.setOutage('error')
    const rejected = /** @type {[object, string[]][]} */ ([
      [{}, [issuer.mint({ expiresIn: -1 }), issuer.mint({ audience: 'https://other.example.test' }), 'q'.repeat(43)]],
      [{ requiredScope: 'read write' }, [issuer.mint({ scope: 'read' })]],
      [{ logtoUrl: down.logtoUrl }, [down.mint()]],
    ])
    for (const [more, tokens] of rejected) {
      const auth = { ...options, ...more }
      const strict = await adapter.serve(t, { steps: [{ auth }] })
      const routes = guarded({ '/': {} })
      const guests = await adapter.serve(t, { steps: [{ auth: { ...auth, allowGuest: true } }], routes })
      for (const token of tokens) {
        const ask = async (client) => {
          const { status, body, headers } = await client('/', bearer(token))
          return [status, body, headers['www-authenticate'], Boolean(headers['retry-after'])]
        }
        const answer = await ask(strict)
        assert.deepEqual(await ask(guests), answer)
        assert.notEqual(JSON.parse(answer[1]).code, 'missing_token')
      }
    }
  })

  test('responds to a missing scope with the challenge, and the resource metadata if configured', async (t) => {
    const routes = guarded({ '/': { requiredScope: 'admin' } })
    const resourceMetadata = 'https://api.example.test/.well-known/oauth-protected-resource'
    for (const more of [{}, { resourceMetadata }]) {
      const client = await adapter.serve(t, { steps: [{ auth: { ...options, ...more } }], routes })
      const { status, headers } = await client('/', bearer(issuer.mint()))
      assert.equal(status, 403)
      const challenge =
        'Bearer error="insufficient_scope", scope="admin", error_description="Missing required scope: admin"'
      const metadata = 'resourceMetadata' in more ? `, resource_metadata="${resourceMetadata}"` : ''
      assert.equal(headers['www-authenticate'], challenge + metadata)
    }
  })

  test('with several Logto servers, responds with the resource metadata of the one that issued the token', async (t) => {
    const metadata = (name) => `https://${name}.test/.well-known/oauth-protected-resource`
    const other = await startIssuer(t)
    const auth = [
      { ...options, resourceMetadata: metadata('one') },
      { ...options, logtoUrl: other.logtoUrl, resourceMetadata: metadata('two') },
    ]
    const routes = {
      ...guarded({ '/guarded': { requiredScope: 'admin' } }),
      '/thrown': { run: (context) => requireScopes(context, 'admin') },
    }
    const client = await adapter.serve(t, { steps: [{ auth }], routes })
    for (const [server, name] of /** @type {[any, string][]} */ ([
      [issuer, 'one'],
      [other, 'two'],
    ])) {
      const named = async (path) => {
        const { status, headers } = await client(path, bearer(server.mint()))
        assert.equal(status, 403)
        return /, resource_metadata="https:\/\/(\w+)/.exec(String(headers['www-authenticate']))?.[1]
      }
      assert.equal(await named('/guarded'), name)
      if (has('thrown')) assert.equal(await named('/thrown'), name)
    }
  })

  test('B3: checks the organization of the route, and rejects a request that names none', async (t) => {
    t.mock.method(console, 'error', () => {})
    const unnamed = {
      '/unnamed/undefined': { organizationId: () => undefined },
      '/unnamed/empty': { organizationId: () => '' },
      '/unnamed/promise': { organizationId: async () => undefined },
      // What query parsers return for `?org=one&org=two` and `?org[x]=one`.
      '/unnamed/array': { organizationId: () => ['one', 'two'] },
      '/unnamed/single': { organizationId: () => ['one'] },
      '/unnamed/object': { organizationId: async () => ({ x: 'one' }) },
      '/unnamed/header': { organizationId: (request) => (request.headers ?? request.req.raw?.headers)?.['x-org'] },
    }
    const mistakes = {
      '/mistake/number': { organizationId: () => 5 },
      '/mistake/rejected': { organizationId: async (request) => request.nothing.id },
      '/mistake/thrown': { organizationId: (request) => request.nothing.id },
    }
    const routes = guarded({
      '/orgs/:id': { organizationId: lastSegment },
      '/promises/:id': { organizationId: async (request) => lastSegment(request) },
      '/fixed': { organizationId: 'one' },
      '/none': { organizationId: null },
      '/none-by-function': { organizationId: () => null },
      ...unnamed,
      ...mistakes,
    })
    const faults = []
    const client = await adapter.serve(t, { steps: [{ auth: options }], routes, faults })
    const one = issuer.mint({ organizationId: 'one' })
    const plain = issuer.mint({ audience: AUDIENCE })
    const outcome = async (path, token) => {
      const { status, body } = await client(path, bearer(token))
      return status === 200 ? `200 ${JSON.parse(body).organizationId}` : JSON.parse(body).code
    }
    assert.equal(await outcome('/orgs/one', one), '200 one')
    assert.equal(await outcome('/orgs/two', one), 'wrong_organization')
    assert.equal(await outcome('/orgs/one', plain), 'wrong_organization')
    assert.equal(await outcome('/promises/one', one), '200 one')
    assert.equal(await outcome('/promises/two', one), 'wrong_organization')
    assert.equal(await outcome('/fixed', one), '200 one')
    assert.equal(await outcome('/fixed', plain), 'wrong_organization')
    for (const path of ['/none', '/none-by-function']) {
      assert.equal(await outcome(path, plain), '200 null')
      assert.equal(await outcome(path, one), 'wrong_organization')
    }
    // If a request names no organization, it is rejected even if the organization in the token is an empty string.
    const nameless = issuer.mint({ audience: AUDIENCE, claims: { organization_id: '' } })
    for (const path of Object.keys(unnamed)) {
      for (const token of [one, plain, nameless]) assert.equal(await outcome(path, token), 'wrong_organization', path)
    }
    assert.deepEqual(faults, [])
    for (const path of Object.keys(mistakes)) {
      faults.length = 0
      assert.equal((await client(path, bearer(one))).status, 500, path)
      assert.deepEqual(
        faults.map(({ name }) => name),
        ['TypeError'],
        path,
      )
    }
  })
})

describeAdapters(['middleware'], (adapter) => {
  const spoof = { userId: 'root', isAuthenticated: true, isGuest: false, scopes: ['admin'], payload: { sub: 'root' } }
  const spoofing = { run: (it) => Object.assign(it, { auth: spoof }) }
  const admin = { protect: { requiredScope: 'admin' } }

  test('replaces a context that other middleware has set', async (t) => {
    const headers = {
      'x-user-id': 'root',
      'x-middleware-subrequest': 'middleware',
      'x-forwarded-user': 'root',
      auth: JSON.stringify(spoof),
    }
    let latest
    const remember = { run: (holder) => (latest = Object.assign(holder, { auth: spoof })) }
    const strict = await adapter.serve(t, { steps: [remember, { auth: options }] })
    assert.equal((await strict('/', { headers })).status, 401)
    assert.equal(latest.auth, undefined)
    assert.equal(JSON.parse((await strict('/', bearer(issuer.mint({ sub: 'alice' })))).body).userId, 'alice')
    const preflight = { method: 'OPTIONS', headers: { ...headers, 'access-control-request-method': 'GET' } }
    assert.equal((await strict('/', preflight)).status, 401)
    const lenient = await adapter.serve(t, { steps: [remember, { auth: { ...options, allowPreflight: true } }] })
    assert.equal((await lenient('/', preflight)).body, 'null')
    const guests = await adapter.serve(t, { steps: [spoofing, { auth: { ...options, allowGuest: true } }] })
    assert.equal(JSON.parse((await guests('/', { headers })).body).isGuest, true)
  })

  test('makes protect trust only the context that logtoAuth set, not one that was replaced or changed later', async (t) => {
    const another = await verifyAuth(issuer.mint({ scope: 'admin' }), options)
    const cases = /** @type {[(it: any) => void, number, number][]} */ ([
      [(it) => Object.assign(it, { auth: spoof }), 401, 401],
      [(it) => Object.assign(it, { auth: { ...it.auth, scopes: ['admin'] } }), 401, 401],
      [(it) => Object.assign(it, { auth: another }), 401, 401],
      [
        ({ auth }) => {
          auth.scopes.push('admin')
          if (auth.payload) auth.payload.scope = 'admin'
          Object.assign(auth, { isAuthenticated: true, isGuest: false })
        },
        403,
        401,
      ],
    ])
    const routes = Object.fromEntries(cases.map(([run], index) => [`/${index}`, { steps: [{ run }, admin] }]))
    const client = await adapter.serve(t, { steps: [{ auth: { ...options, allowGuest: true } }], routes })
    for (const [index, [, asUser, asGuest]] of cases.entries()) {
      assert.equal((await client(`/${index}`, bearer(issuer.mint({ scope: 'read' })))).status, asUser)
      assert.equal((await client(`/${index}`)).status, asGuest)
    }
  })

  test('rejects every request in protect if logtoAuth has not run before', async (t) => {
    for (const steps of [[{ protect: {} }], [spoofing, { protect: {} }], [{ protect: {} }, { auth: options }]]) {
      const client = await adapter.serve(t, { steps })
      const { status, body } = await client('/', bearer(issuer.mint()))
      assert.deepEqual([status, body], [401, MISSING])
    }
  })

  test('holds no context of the first of two logtoAuth while the second verifies the request, or after it rejects the request', async (t) => {
    const { isRevoked, asked, release } = pausedCheck(true)
    let latest
    const remember = {
      run: (holder) => {
        latest = holder
      },
    }
    const steps = [{ auth: options }, remember, { auth: { ...options, isRevoked } }, { protect: {} }]
    const client = await adapter.serve(t, { steps })
    const answer = client('/', bearer(issuer.mint()))
    await asked
    assert.equal(latest.auth, undefined)
    release()
    const { status, body } = await answer
    assert.deepEqual([status, JSON.parse(body).code, latest.auth], [401, 'token_revoked', undefined])
  })

  test('uses the result of the last of several logtoAuth', async (t) => {
    const other = await startIssuer(t)
    const guests = { auth: { ...options, logtoUrl: other.logtoUrl, allowGuest: true } }
    const client = await adapter.serve(t, { steps: [{ auth: options }, guests, { protect: {} }] })
    assert.equal((await client('/', bearer(issuer.mint()))).status, 401)
  })
})
