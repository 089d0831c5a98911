const assert = require('node:assert/strict')
const { test } = require('node:test')
const express = require('express')
const { verifyAuth } = require('logto-authkit')
const { getAuth, protect, requireAuth } = require('logto-authkit/express')
const { mcpAuth, toAuthInfo } = require('logto-authkit/mcp')
const { ask, bearer, serve } = require('../support/frameworks')
const { AUDIENCE, startIssuer } = require('../support/helpers')

const METADATA = '/.well-known/oauth-protected-resource'
const RESOURCE = 'https://api.example.test/mcp'

/** An application whose only route returns `req.auth`. */
async function setUp(t, options, mount = (app, auth) => app.use(auth)) {
  const issuer = await startIssuer(t)
  const app = express().set('env', 'test')
  mount(app, mcpAuth({ logtoUrl: issuer.logtoUrl, resource: RESOURCE, ...options }))
  app.all('/{*path}', (req, res) => res.json(/** @type {any} */ (req).auth ?? null))
  return { issuer, url: await serve(t, app) }
}

test('puts an AuthInfo into req.auth', async (t) => {
  const { issuer, url } = await setUp(t)
  const claims = { sub: 'alice', clientId: 'app', scope: 'a b', organizationId: 'org', audience: RESOURCE }
  const token = issuer.mint(claims)
  const { body } = await ask(`${url}/mcp`, bearer(token))
  const { extra, ...info } = JSON.parse(body)
  const { payload, ...who } = extra
  assert.deepEqual(info, {
    token,
    clientId: 'app',
    scopes: ['a', 'b'],
    expiresAt: payload.exp,
    resource: RESOURCE,
  })
  assert.deepEqual(who, { userId: 'alice', organizationId: 'org', subjectType: 'user' })
  assert.deepEqual([payload.sub, payload.client_id], ['alice', 'app'])
})

test('rejects with the URL of the metadata, and serves the metadata without a token', async (t) => {
  const { issuer, url } = await setUp(t, { requiredScope: 'a', resourceName: 'Orders' })
  const metadata = `resource_metadata="https://api.example.test${METADATA}/mcp"`
  for (const [request, status, code] of /** @type {[any, number, string][]} */ ([
    [{}, 401, 'missing_token'],
    [bearer(issuer.mint({ audience: AUDIENCE })), 401, 'invalid_audience'],
    [bearer(issuer.mint({ audience: RESOURCE })), 403, 'missing_scope'],
    [
      { headers: { cookie: `logto_authtoken=${issuer.mint({ audience: RESOURCE, scope: 'a' })}` } },
      401,
      'missing_token',
    ],
  ])) {
    const rejected = await ask(`${url}/mcp`, request)
    assert.deepEqual([rejected.status, JSON.parse(rejected.body).code], [status, code])
    assert.ok(String(rejected.headers['www-authenticate']).endsWith(metadata))
  }
  const { status, body } = await ask(`${url}${METADATA}/mcp`)
  assert.equal(status, 200)
  assert.deepEqual(JSON.parse(body), {
    resource: RESOURCE,
    authorization_servers: [issuer.issuer],
    bearer_methods_supported: ['header'],
    resource_name: 'Orders',
  })
})

test('leaves the context to getAuth, requireAuth and protect', async (t) => {
  const { issuer, url } = await setUp(t, {}, (app, auth) => {
    app.use(auth)
    app.get('/who', (req, res) => res.send(`${getAuth(req).userId} ${requireAuth(req).userId}`))
    app.get('/admin', protect({ requiredScope: 'admin' }), (req, res) => res.send(Object(req).auth.extra.userId))
  })
  const request = (scope) => bearer(issuer.mint({ sub: 'alice', audience: RESOURCE, scope }))
  assert.equal((await ask(`${url}/who`, request(''))).body, 'alice alice')
  const { status, headers } = await ask(`${url}/admin`, request(''))
  assert.equal(status, 403)
  assert.match(String(headers['www-authenticate']), /scope="admin".*resource_metadata=/)
  assert.equal((await ask(`${url}/admin`, request('admin'))).body, 'alice')
})

test('passes on a principal that fallback returns, without a token', async (t) => {
  const fallback = ({ headers }) => headers['x-api-key'] === 'key' && { userId: 'importer', scopes: ['a'] }
  const { url } = await setUp(t, { fallback: (request) => fallback(request) || null })
  const { token, clientId, scopes, extra } = JSON.parse((await ask(url, { headers: { 'x-api-key': 'key' } })).body)
  assert.deepEqual([token, clientId, scopes, extra.userId], ['', '', ['a'], 'importer'])
  assert.equal(extra.subjectType, 'external')
  assert.equal((await ask(url)).status, 401)
})

test('can be registered for the paths of the server and of the metadata only', async (t) => {
  const { issuer, url } = await setUp(t, {}, (app, auth) => app.use(['/mcp', `${METADATA}/mcp`], auth))
  assert.equal((await ask(`${url}/mcp`)).status, 401)
  assert.equal((await ask(`${url}/mcp/session`)).status, 401)
  assert.equal((await ask(`${url}/mcp`, bearer(issuer.mint({ audience: RESOURCE })))).status, 200)
  assert.equal(JSON.parse((await ask(`${url}${METADATA}/mcp`)).body).resource, RESOURCE)
  assert.equal((await ask(`${url}/health`)).body, 'null')
})

test('reads LOGTO_URL if the option is missing, but accepts only tokens for the resource', async (t) => {
  const issuer = await startIssuer(t)
  Object.assign(process.env, { LOGTO_URL: issuer.logtoUrl, LOGTO_AUDIENCE: AUDIENCE })
  t.after(() => {
    for (const name of ['LOGTO_URL', 'LOGTO_AUDIENCE']) delete process.env[name]
  })
  const { url } = await setUp(t, { logtoUrl: undefined })
  const status = async (audience) => (await ask(`${url}/mcp`, bearer(issuer.mint({ audience })))).status
  assert.deepEqual([await status(RESOURCE), await status(AUDIENCE)], [200, 401])
  const { body } = await ask(`${url}${METADATA}/mcp`)
  assert.deepEqual(JSON.parse(body).authorization_servers, [issuer.issuer])
})

test('names the accepted issuers as authorization servers, unless they are given', async (t) => {
  const authorizationServers = async (options) => {
    const { url } = await setUp(t, options)
    return JSON.parse((await ask(`${url}${METADATA}/mcp`)).body).authorization_servers
  }
  const issuer = ['https://auth.example.test/oidc', 'https://tenant.logto.app/oidc']
  assert.deepEqual(await authorizationServers({ issuer }), issuer)
  assert.deepEqual(await authorizationServers({ issuer: issuer[0] }), [issuer[0]])
  assert.deepEqual(await authorizationServers({ issuer, authorizationServers: [issuer[1]] }), [issuer[1]])
})

test('accepts other audiences, and any audience if it is null', async (t) => {
  const listed = await setUp(t, { audience: [RESOURCE, AUDIENCE] })
  const any = await setUp(t, { audience: null })
  for (const { issuer, url } of [listed, any]) {
    const { body } = await ask(`${url}/mcp`, bearer(issuer.mint({ audience: AUDIENCE })))
    assert.equal(JSON.parse(body).resource, new URL(AUDIENCE).href)
  }
})

test('replaces the auth of other middleware, also if it is read-only, and passes faults on', async (t) => {
  const { issuer, url } = await setUp(t, { isRevoked: () => Promise.reject(new Error('no database')) }, (app, auth) => {
    app.use((req, _res, next) => {
      Object.defineProperty(req, 'auth', { value: 'spoofed', configurable: true })
      next()
    })
    app.use(auth)
    app.use((error, _req, res, _next) => res.status(500).send(error.message))
  })
  const { status, body } = await ask(`${url}/mcp`, bearer(issuer.mint({ audience: RESOURCE })))
  assert.deepEqual([status, body], [500, 'no database'])
})

test('onError replaces the response', async (t) => {
  const onError = (error, _req, res) => res.status(418).send(error.code)
  const { url } = await setUp(t, { onError })
  const { status, body } = await ask(`${url}/mcp`)
  assert.deepEqual([status, body], [418, 'missing_token'])
})

test('an onError that continues leaves the request without auth', async (t) => {
  const { url } = await setUp(t, { onError: (_error, _req, _res, next) => next() })
  assert.equal((await ask(`${url}/mcp`)).body, 'null')
})

test('toAuthInfo accepts only contexts of authenticated requests', async (t) => {
  const issuer = await startIssuer(t)
  const options = { logtoUrl: issuer.logtoUrl, audience: null, allowGuest: true }
  const auth = await verifyAuth({ headers: bearer(issuer.mint({ sub: 'alice', audience: 'app' })).headers }, options)
  const { extra, resource, scopes } = toAuthInfo(auth)
  assert.deepEqual([extra.userId, resource, scopes], ['alice', undefined, []])
  const guest = await verifyAuth({ headers: {} }, options)
  for (const other of [guest, { ...auth }, null, undefined, {}]) {
    assert.throws(() => toAuthInfo(/** @type {any} */ (other)), TypeError)
  }
})
