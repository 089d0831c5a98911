const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { requireScopes } = require('logto-authkit')
const { ADAPTERS } = require('../support/adapters')
const { ask, bearer } = require('../support/frameworks')
const { AUDIENCE, startIssuer } = require('../support/helpers')
const { REFUSALS } = require('../support/refusals')

/**
 * @typedef {import('node:test').TestContext} TestContext
 * @typedef {import('../support/frameworks').Answer} Answer
 * @typedef {import('../support/adapters').App} App
 */

const { Express, ...others } = ADAPTERS

/**
 * The same application in Express and in another framework, asked the same.
 *
 * @param {TestContext} t
 * @param {string} framework
 * @param {App} app
 */
async function both(t, framework, app) {
  const [expected, given] = [await Express(t, app), await ADAPTERS[framework](t, app)]
  return async (/** @type {string} */ path, /** @type {object} */ request = {}) => ({
    expected: await ask(expected + path, request),
    given: await ask(given + path, request),
  })
}

/** What the adapter is answerable for; the rest is the framework's. @type {(answer: Answer) => object} */
function essence({ status, headers, body }) {
  const own = COMPARED.map((name) => [name, headers[name]])
  return { status, body, ...Object.fromEntries(own), retries: /^([1-9]|10)$/.test(headers['retry-after'] ?? '') }
}

const COMPARED = [
  'access-control-allow-origin',
  'cache-control',
  'content-length',
  'content-type',
  'set-cookie',
  'vary',
  'www-authenticate',
  'x-before',
]

test('the table has every code', () => {
  assert.equal(new Set(REFUSALS.map(({ code }) => code)).size, 18)
})

for (const framework of Object.keys(others)) {
  describe(framework, { timeout: 60_000 }, () => {
    for (const row of REFUSALS) {
      test(`answers ${row.code} as Express does, to the byte`, async (t) => {
        const issuer = await startIssuer(t)
        if (row.outage) issuer.setOutage(row.outage)
        const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, ...row.options }
        const headers = row.headers?.(issuer) ?? bearer(row.token?.(issuer) ?? issuer.mint()).headers
        const before = { 'Access-Control-Allow-Origin': 'https://app.example.test', Vary: 'Origin', 'X-Before': '1' }
        const compare = await both(t, framework, { options, routes: { '/': {} }, before })
        for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
          const { expected, given } = await compare('/', { method, headers })
          assert.equal(expected.status, row.status)
          assert.deepEqual(essence(given), essence(expected), method)
        }
      })
    }

    test('hands the context to the handler, by header and by cookie', async (t) => {
      const issuer = await startIssuer(t)
      const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
      const compare = await both(t, framework, { options, routes: { '/': {} } })
      const token = issuer.mint({ sub: 'alice', scope: 'read write' })
      for (const headers of [bearer(token).headers, { cookie: `theme=dark; logto_authtoken=${token}` }]) {
        const { expected, given } = await compare('/', { headers })
        assert.equal(JSON.parse(given.body).userId, 'alice')
        assert.deepEqual([given.status, given.body], [200, expected.body])
      }
    })

    test('lets CORS preflights pass without a context, and not through protect', async (t) => {
      const issuer = await startIssuer(t)
      const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, allowGuest: true }
      const compare = await both(t, framework, { options, routes: { '/': {}, '/guarded': { protect: {} } } })
      const preflight = {
        method: 'OPTIONS',
        headers: { 'access-control-request-method': 'POST', origin: 'https://a.test' },
      }
      const { given } = await compare('/', preflight)
      assert.deepEqual([given.status, given.body, given.cookies], [200, 'null', []])
      const guarded = await compare('/guarded', preflight)
      assert.equal(guarded.given.status, 401)
      assert.deepEqual(essence(guarded.given), essence(guarded.expected))
    })

    test('tells a new guest its id beside the cookies and headers of the application, which stay', async (t) => {
      const issuer = await startIssuer(t)
      const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, allowGuest: true }
      /** @type {Record<string, import('../support/adapters').Route>} */
      const routes = {
        '/': {},
        '/cookies': { sets: { 'Set-Cookie': ['a=1', 'b=2'], Vary: 'Accept' } },
        '/cached': { sets: { 'Cache-Control': 'public, max-age=60', Vary: '*' } },
      }
      const compare = await both(t, framework, { options, routes })
      for (const path of Object.keys(routes)) {
        for (const host of ['127.0.0.1', 'app.example.test']) {
          const { expected, given } = await compare(path, { headers: { host } })
          const { guestId, guestReason } = JSON.parse(given.body)
          assert.equal(guestReason, 'missing_token')
          const cookie = `guest_logto_authtoken=${guestId};`
          assert.equal(given.cookies.filter((value) => value.startsWith(cookie)).length, 1)
          const generic = (/** @type {Answer} */ { cookies, headers }) => [
            cookies.map((value) => value.replace(/=[0-9a-f-]{36};/, '=ID;')),
            headers.vary,
            headers['cache-control'],
          ]
          assert.deepEqual(generic(given), generic(expected), `${path} on ${host}`)
        }
      }
      const known = { headers: { cookie: 'guest_logto_authtoken=known' } }
      const { given } = await compare('/', known)
      assert.equal(JSON.parse(given.body).guestId, 'known')
      assert.deepEqual([given.cookies, given.headers.vary, given.headers['cache-control']], [[], undefined, undefined])
    })

    test('guards single routes by scope, role, organization and kind of subject', async (t) => {
      const issuer = await startIssuer(t)
      const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, allowGuest: true }
      const ofRoute = (/** @type {any} */ it) => (it.params ?? it.req.param()).org
      const routes = {
        '/any': { protect: {} },
        '/scope': { protect: { requiredScope: 'read write' } },
        '/one': { protect: { requiredScope: ['write', 'admin'], scopeMode: 'any' } },
        '/role': { protect: { requiredRole: 'chief' } },
        '/orgs/:org': { protect: { organizationId: ofRoute } },
        '/none': { protect: { organizationId: null } },
        '/machine': { protect: { subjectType: 'machine' } },
      }
      const compare = await both(t, framework, { options, routes })
      const paths = Object.keys(routes).map((path) => path.replace(':org', 'mine'))
      const statuses = []
      for (const claims of [
        null,
        {},
        { expiresIn: -1 },
        { scope: 'read write' },
        { claims: { roles: ['chief'] } },
        { organizationId: 'mine' },
        { organizationId: 'other' },
        { sub: 'app', clientId: 'app' },
      ]) {
        const request = claims === null ? {} : bearer(issuer.mint({ audience: AUDIENCE, ...claims }))
        for (const path of paths) {
          const { expected, given } = await compare(path, request)
          if (given.status === 200) assert.equal(given.body, expected.body)
          else assert.deepEqual({ ...essence(given), 'set-cookie': 0 }, { ...essence(expected), 'set-cookie': 0 }, path)
          assert.equal(given.cookies.length, expected.cookies.length)
          statuses.push(given.status)
        }
      }
      assert.deepEqual([...new Set(statuses)].sort(), [200, 401, 403])
    })

    test('a function that names no organization is a 500, and not a pass', async (t) => {
      t.mock.method(console, 'error', () => {})
      const issuer = await startIssuer(t)
      const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, requiredScope: 'read' }
      const compare = await both(t, framework, { options, routes: { '/': { protect: { organizationId: () => '' } } } })
      const { given } = await compare('/', bearer(issuer.mint({ scope: 'read' })))
      assert.equal(given.status, 500)
    })

    test('a refusal that a handler throws arrives with its status and its challenge', async (t) => {
      const issuer = await startIssuer(t)
      const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
      const throws = (/** @type {any} */ auth) => requireScopes(auth, 'admin')
      const compare = await both(t, framework, { options, routes: { '/': { throws } } })
      const { expected, given } = await compare('/', bearer(issuer.mint()))
      assert.equal(expected.status, 403)
      assert.equal(given.status, 403)
      assert.equal(given.headers['www-authenticate'], expected.headers['www-authenticate'])
      assert.match(String(given.headers['www-authenticate']), /scope="admin"/)
    })

    test('whatever isRevoked throws is a 500 and lets nobody in', async (t) => {
      // Hono prints what it has no handler for.
      t.mock.method(console, 'error', () => {})
      const issuer = await startIssuer(t)
      for (const thrown of [new Error('no database'), 'route', '', 0, null, undefined]) {
        const isRevoked = async () => {
          throw thrown
        }
        const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, isRevoked, allowGuest: true }
        const url = await ADAPTERS[framework](t, { options, routes: { '/': {} } })
        const { status, body } = await ask(url, bearer(issuer.mint()))
        assert.equal(status, 500)
        assert.equal(body.includes('userId'), false)
      }
    })

    test('getToken is asked about the request of the framework', async (t) => {
      const issuer = await startIssuer(t)
      const getToken = (/** @type {any} */ it) =>
        new URL(it.req?.url ?? it.url, 'http://localhost').searchParams.get('token')
      const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, getToken }
      const compare = await both(t, framework, { options, routes: { '/': {} } })
      const { expected, given } = await compare(`/?token=${issuer.mint({ sub: 'alice' })}`)
      assert.deepEqual([given.status, given.body], [200, expected.body])
    })

    test('a refusal names the metadata of the resource where it is asked to, also one of protect', async (t) => {
      const issuer = await startIssuer(t)
      const resourceMetadata = 'https://api.example.test/.well-known/oauth-protected-resource'
      const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, resourceMetadata }
      const routes = { '/': {}, '/admin': { protect: { requiredScope: 'admin' } } }
      const compare = await both(t, framework, { options, routes })
      const missing = await compare('/')
      assert.equal(missing.given.headers['www-authenticate'], `Bearer resource_metadata="${resourceMetadata}"`)
      const scope = await compare('/admin', bearer(issuer.mint()))
      assert.match(String(scope.given.headers['www-authenticate']), /", resource_metadata="[^"]+"$/)
      for (const { expected, given } of [missing, scope]) assert.deepEqual(essence(given), essence(expected))
    })
  })
}
