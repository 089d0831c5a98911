const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { forbidden, tokenOf } = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')
const { describeAdapters } = require('../support/adapters')
const { bearer } = require('../support/frameworks')
const { AUDIENCE, startIssuer } = require('../support/helpers')

/** The decisions of the application: `check`, `fallback`, `onRefused`, and several Logto servers. */

let issuer
let other
let options

before(async () => {
  issuer = await createTestIssuer({ alg: 'ES256' })
  other = await createTestIssuer({ alg: 'ES256' })
  options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
})
after(() => Promise.all([issuer.close(), other.close()]))

/** Returns the value of a header from the request of any framework. */
function headerOf(request, name) {
  const { headers } = request.req?.raw ?? request.req ?? request
  return typeof headers.get === 'function' ? headers.get(name) : headers[name]
}

/** The owner of an API key. */
const ownerOf = (request) => {
  const key = headerOf(request, 'x-api-key')
  if (key === 'broken') throw new RangeError('the database is down')
  if (key === 'anonymous') return { scopes: ['read'] }
  return key === 'k1' ? { userId: 'owner', scopes: ['read'], claims: { roles: ['admin'] } } : undefined
}

/** The status, and the user or the error code. */
async function outcome(has, answer) {
  const { status, body } = await answer
  if (status >= 500) return status
  return status === 200 ? (has('context') ? JSON.parse(body).userId : 200) : JSON.parse(body).code
}

/** The result of a function, or the code of the error that it throws. */
function outcomeOf(run) {
  try {
    return run()
  } catch (error) {
    return error.code
  }
}

describeAdapters([], (adapter, has) => {
  const user = (name) => (has('context') ? name : 200)
  const quiet = (t) => t.mock.method(console, 'error', () => {})

  test('check decides after all other requirements, synchronously or not', async (t) => {
    quiet(t)
    const seen = []
    const check = ({ userId }, request) => {
      seen.push([userId, headerOf(request, 'x-case')])
      if (userId === 'mallory') return false
      if (userId === 'eve') throw forbidden('Members only')
      if (userId === 'late') return Promise.resolve(true)
      if (userId === 'never') return Promise.resolve(false)
      if (userId === 'odd') return []
      if (userId === 'fault') throw new RangeError('the database is down')
      return true
    }
    const faults = []
    const client = await adapter.serve(t, { steps: [{ auth: { ...options, requiredScope: 'read', check } }], faults })
    const ask = (sub, scope = 'read') =>
      client('/', { headers: { ...bearer(issuer.mint({ sub, scope })).headers, 'x-case': sub } })
    assert.equal(await outcome(has, ask('alice')), user('alice'))
    assert.equal(await outcome(has, ask('late')), user('late'))
    assert.equal(await outcome(has, ask('mallory')), 'forbidden')
    assert.equal(await outcome(has, ask('never')), 'forbidden')
    const { status, body, headers } = await ask('eve')
    assert.deepEqual(
      [status, JSON.parse(body), headers['www-authenticate']],
      [
        403,
        { error: 'Forbidden', code: 'forbidden', message: 'Members only' },
        'Bearer error="insufficient_scope", error_description="Members only"',
      ],
    )
    assert.deepEqual(faults, [])
    for (const sub of ['odd', 'fault']) assert.equal(await outcome(has, ask(sub)), 500)
    seen.length = 0
    assert.equal(await outcome(has, ask('alice', 'write')), 'missing_scope')
    assert.deepEqual(seen, [])
  })

  test('a token that becomes valid while the application checks another token is accepted, or checked only once', async (t) => {
    let date
    let rejected
    const checked = []
    const isRevoked = async ({ userId }) => {
      assert.ok(checked.push(userId) < 10, 'the verification never ends')
      date += 120_000
      return rejected.includes(userId)
    }
    const seen = []
    const routes = { '/': { run: (auth) => void seen.push(tokenOf(auth)) } }
    const steps = [{ auth: { ...options, isRevoked, currentDate: () => new Date(date) } }]
    const client = await adapter.serve(t, { steps, routes })
    const first = issuer.mint({ sub: 'alice', notBefore: 60, expiresIn: 36_000 })
    const second = issuer.mint({ sub: 'bob', expiresIn: 36_000 })
    const headers = { cookie: `logto_authtoken=${first}`, ...bearer(second).headers }
    const ask = (...users) => {
      date = Date.now()
      rejected = users
      checked.length = 0
      return outcome(has, client('/', { headers }))
    }
    assert.equal(await ask('bob'), user('alice'))
    assert.deepEqual(checked, ['bob', 'alice'])
    assert.deepEqual(seen, has('context') && has('methods') ? [first] : [])
    assert.equal(await ask('bob', 'alice'), 'token_revoked')
    assert.deepEqual(checked, ['bob', 'alice'])
  })

  test('fallback accepts other principals, which must meet the same requirements', async (t) => {
    quiet(t)
    const asked = []
    const fallback = async (request, error) => {
      asked.push(error.code)
      return ownerOf(request)
    }
    const app = (more) => adapter.serve(t, { steps: [{ auth: { ...options, fallback, ...more } }] })
    const key = (value, more = {}) => ({ headers: { 'x-api-key': value, ...more } })
    const client = await app({ requiredScope: 'read', requiredRole: 'admin' })
    assert.equal(await outcome(has, client('/', key('k1'))), user('owner'))
    assert.equal(await outcome(has, client('/', key('k1', bearer('garbage').headers))), user('owner'))
    assert.equal(await outcome(has, client('/', key('unknown'))), 'missing_token')
    assert.deepEqual(asked, ['missing_token', 'opaque_token', 'missing_token'])
    // Neither an exception nor an invalid principal lets a request pass.
    for (const broken of ['broken', 'anonymous']) assert.equal(await outcome(has, client('/', key(broken))), 500)
    asked.length = 0
    const scoped = await client('/', { headers: bearer(issuer.mint({ scope: 'write' })).headers })
    assert.equal(JSON.parse(scoped.body).code, 'missing_scope')
    assert.deepEqual(asked, [])
    for (const [more, code] of [
      [{ requiredScope: 'write' }, 'missing_scope'],
      [{ requiredRole: 'owner' }, 'missing_role'],
      [{ organizationId: 'org' }, 'wrong_organization'],
      [{ organizationId: () => 'org' }, 'wrong_organization'],
      [{ check: ({ subjectType }) => subjectType !== 'external' }, 'forbidden'],
      [{ isRevoked: ({ userId }) => userId === 'owner' }, 'token_revoked'],
    ]) {
      assert.equal(await outcome(has, (await app(more))('/', key('k1'))), code)
    }
  })

  test('onRefused is notified of every rejection, and changes no response', async (t) => {
    const emitted = t.mock.method(process, 'emitWarning', () => {})
    const seen = []
    const onRefused = (error, request) => {
      seen.push([error.code, error.status, headerOf(request, 'x-case')])
      throw new RangeError('the log is full')
    }
    const client = await adapter.serve(t, { steps: [{ auth: { ...options, onRefused, requiredScope: 'read' } }] })
    const ask = (name, token) => client('/', { headers: { ...(token && bearer(token).headers), 'x-case': name } })
    assert.equal(await outcome(has, ask('none')), 'missing_token')
    assert.equal(await outcome(has, ask('expired', issuer.mint({ expiresIn: -1 }))), 'token_expired')
    assert.equal(await outcome(has, ask('scope', issuer.mint({ scope: 'write' }))), 'missing_scope')
    assert.equal(await outcome(has, ask('valid', issuer.mint({ sub: 'alice', scope: 'read' }))), user('alice'))
    assert.deepEqual(seen, [
      ['missing_token', 401, 'none'],
      ['token_expired', 401, 'expired'],
      ['missing_scope', 403, 'scope'],
    ])
    const warnings = emitted.mock.calls.filter(({ arguments: [, details] }) => /ON_REFUSED/.test(details?.code))
    assert.equal(warnings.length, 1)
  })

  test('several Logto servers: the issuer in the token selects one', async (t) => {
    const auth = [options, { ...options, logtoUrl: other.logtoUrl, requiredScope: 'admin' }]
    const client = await adapter.serve(t, { steps: [{ auth }] })
    const ask = (token) => outcome(has, client('/', token === undefined ? {} : bearer(token)))
    assert.equal(await ask(issuer.mint({ sub: 'alice' })), user('alice'))
    assert.equal(await ask(other.mint({ sub: 'bob', scope: 'admin' })), user('bob'))
    assert.equal(await ask(other.mint({ sub: 'bob', scope: 'read' })), 'missing_scope')
    const requests = [issuer.jwksRequests, other.jwksRequests]
    assert.equal(await ask(issuer.mint({ claims: { iss: 'https://unknown.test/oidc' } })), 'invalid_issuer')
    assert.equal(await ask(), 'missing_token')
    assert.deepEqual([issuer.jwksRequests, other.jwksRequests], requests)
  })

  test('several Logto servers: the challenge names the metadata of the server that issued the token', async (t) => {
    const third = await startIssuer(t)
    const metadata = (name) => `https://${name}.test/.well-known/oauth-protected-resource`
    const auth = [
      { ...options, resourceMetadata: metadata('one') },
      { ...options, logtoUrl: other.logtoUrl, resourceMetadata: metadata('two'), requiredScope: 'admin' },
      { ...options, logtoUrl: third.logtoUrl },
    ]
    const client = await adapter.serve(t, { steps: [{ auth }] })
    const ask = async (token) => {
      const { headers } = await client('/', token === undefined ? {} : bearer(token))
      return /resource_metadata="(.*)"$/.exec(String(headers['www-authenticate']))?.[1]
    }
    assert.equal(await ask(), metadata('one'))
    assert.equal(await ask(issuer.mint({ expiresIn: -1 })), metadata('one'))
    assert.equal(await ask(other.mint({ expiresIn: -1 })), metadata('two'))
    assert.equal(await ask(other.mint({ scope: 'read' })), metadata('two'))
    assert.equal(await ask(third.mint({ expiresIn: -1 })), undefined)
    assert.equal(await ask(issuer.mint({ claims: { iss: 'https://unknown.test/oidc' } })), metadata('one'))
  })
})

describeAdapters(['protect', 'context'], (adapter, has) => {
  const routes = (table) =>
    Object.fromEntries(Object.entries(table).map(([path, protect]) => [path, { steps: [{ protect }] }]))

  test('protect checks external principals like any other, and calls check and onRefused', async (t) => {
    t.mock.method(console, 'error', () => {})
    const refused = []
    const onRefused = ({ code }) => refused.push(code)
    const client = await adapter.serve(t, {
      steps: [{ auth: { ...options, fallback: ownerOf, onRefused } }],
      routes: routes({
        '/any': {},
        '/read': { requiredScope: 'read', requiredRole: 'admin', organizationId: null },
        '/write': { requiredScope: 'write' },
        '/org': { organizationId: 'org' },
        '/users': { subjectType: 'user' },
        '/external': { subjectType: 'external' },
        '/checked': { check: async ({ userId }, request) => headerOf(request, 'x-owner') === userId },
        '/permitted': { check: () => true },
        '/fault': { check: () => Promise.reject(new RangeError('the database is down')) },
      }),
    })
    const ask = (path, more) => outcome(has, client(path, { headers: { 'x-api-key': 'k1', ...more } }))
    for (const path of ['/any', '/read', '/external', '/permitted']) assert.equal(await ask(path), 'owner', path)
    assert.deepEqual(refused, [])
    assert.equal(await ask('/write'), 'missing_scope')
    assert.equal(await ask('/org'), 'wrong_organization')
    assert.equal(await ask('/users'), 'missing_role')
    assert.equal(await ask('/checked'), 'forbidden')
    assert.equal(await ask('/checked', { 'x-owner': 'owner' }), 'owner')
    assert.deepEqual(refused, ['missing_scope', 'wrong_organization', 'missing_role', 'forbidden'])
    assert.equal(await ask('/fault'), 500)
    const token = bearer(issuer.mint({ sub: 'alice' })).headers
    assert.equal(await ask('/external', token), 'missing_role')
  })

  test('a guest is reported when it is created, and again when protect rejects it', async (t) => {
    const refused = []
    const onRefused = ({ code }) => refused.push(code)
    const auth = { ...options, allowGuest: true, onRefused, check: () => false }
    const client = await adapter.serve(t, { steps: [{ auth }], routes: { '/open': {}, ...routes({ '/closed': {} }) } })
    const token = bearer(issuer.mint())
    assert.equal(JSON.parse((await client('/open', token)).body).guestReason, 'forbidden')
    assert.deepEqual(refused, ['forbidden'])
    assert.equal(await outcome(has, client('/closed', token)), 'forbidden')
    assert.deepEqual(refused, ['forbidden', 'forbidden', 'forbidden'])
  })
})

describeAdapters(['middleware', 'protect', 'onError'], (adapter) => {
  test('C7: logtoAuth or protect without a call is a TypeError that says what to write', async (t) => {
    t.mock.method(console, 'error', () => {})
    for (const [uncalled, said] of [
      [adapter.exports.protect, /write protect\(\)/],
      [adapter.exports.logtoAuth, /write (logtoAuth\(options\)|app\.register\(logtoAuth, options\))/],
    ]) {
      const faults = []
      const client = await adapter.serve(t, { steps: [{ uncalled }], faults })
      assert.equal((await client('/', bearer(issuer.mint()))).status, 500)
      assert.deepEqual([faults.length, faults[0].name], [1, 'TypeError'])
      assert.match(faults[0].message, said)
    }
    // An array method calls `protect` with three arguments, which must not be mistaken for a call by a framework.
    for (const guard of [{ requiredScope: 'read' }, {}].map(/** @type {any} */ (adapter.protect))) {
      assert.equal(typeof guard, 'function')
    }
  })

  test('property stores the context under another name, and getAuth and requireAuth return it', async (t) => {
    const { getAuth, requireAuth } = adapter.exports
    const seen = []
    const run = (holder, _set, request) => {
      const auth = getAuth(request)
      seen.push([holder.caller === auth, holder.auth, auth?.userId ?? auth?.guestReason])
      if (auth !== undefined) seen.push(outcomeOf(() => requireAuth(request).userId))
    }
    const auth = { ...options, property: 'caller', allowGuest: true }
    const steps = [{ run: (_holder, _set, request) => seen.push(getAuth(request)) }, { auth }, { run }]
    const client = await adapter.serve(t, { steps, routes: { '/open': {}, '/me': { steps: [{ protect: {} }] } } })
    assert.equal((await client('/me', bearer(issuer.mint({ sub: 'alice' })))).status, 200)
    assert.deepEqual(seen.splice(0), [undefined, [true, undefined, 'alice'], 'alice'])
    assert.equal((await client('/open')).status, 200)
    assert.deepEqual(seen.splice(0), [undefined, [true, undefined, 'missing_token'], 'missing_token'])
    assert.equal((await client('/me')).status, 401)
  })

  test('requireAuth throws what protect would respond with, also if other code has replaced the context', async (t) => {
    const { requireAuth } = adapter.exports
    const seen = []
    const steps = [
      { auth: { ...options, allowGuest: true } },
      { run: (_holder, _set, request) => seen.push(outcomeOf(() => requireAuth(request).userId)) },
      { run: (holder) => (holder.auth = { userId: 'root', isAuthenticated: true, isGuest: false }) },
      { run: (_holder, _set, request) => seen.push(outcomeOf(() => requireAuth(request).userId)) },
    ]
    const client = await adapter.serve(t, { steps })
    await client('/', bearer(issuer.mint({ sub: 'alice' })))
    await client('/', bearer(issuer.mint({ expiresIn: -1 })))
    assert.deepEqual(seen, ['alice', 'missing_token', 'token_expired', 'missing_token'])
  })

  test('an explicit undefined is not "no requirements"', () => {
    assert.throws(() => adapter.protect(undefined), {
      name: 'TypeError',
      message: 'Invalid option "requirements": expected an object, got undefined',
    })
  })
})
