const assert = require('node:assert/strict')
const { test } = require('node:test')
const { Hono } = require('hono')
const { requireScopes } = require('logto-authkit')
const { logtoAuth, protect } = require('logto-authkit/hono')
const { serveFetch } = require('../../support/adapters')
const { ask, bearer, setUp } = require('../../support/frameworks')

const OWN = { 'set-cookie': 'a=1', vary: 'Origin' }

test('keeps the cookies of the application, whatever kind of response it is', async (t) => {
  const { options } = await setUp(t, { allowGuest: true })
  const fixed = new Response('fixed', { headers: OWN })
  const url = await serveFetch(t, new Hono().get('/', () => new Response('fetched', { headers: OWN })).fetch)
  const handlers = {
    text: (c) => c.text('x', 200, OWN),
    header: (c) => {
      c.header('Set-Cookie', 'a=1')
      c.header('Vary', 'Origin')
      return c.json({})
    },
    'new Response': () => new Response('x', { headers: OWN }),
    immutable: () => fetch(url),
    shared: () => fixed.clone(),
    stream: () => new Response(new Blob(['a', 'b']).stream(), { headers: OWN }),
    redirect: (c) => {
      c.header('Set-Cookie', 'a=1')
      c.header('Vary', 'Origin')
      return c.redirect('/elsewhere')
    },
    'not found': (c) => {
      c.header('Set-Cookie', 'a=1')
      c.header('Vary', 'Origin')
      return c.notFound()
    },
  }
  for (const [name, handler] of Object.entries(handlers)) {
    const app = new Hono().use(logtoAuth(options)).get('/', handler)
    const appUrl = await serveFetch(t, app.fetch)
    for (const method of ['GET', 'HEAD']) {
      const { cookies, headers } = await ask(appUrl, { method })
      assert.equal(cookies[0], 'a=1', `${method} ${name}`)
      assert.match(cookies[1], /^guest_logto_authtoken=/)
      assert.deepEqual([cookies.length, headers.vary, headers['cache-control']], [2, 'Origin, Cookie', 'private'], name)
    }
  }
  assert.deepEqual([...fixed.headers.keys()].sort(), ['content-type', 'set-cookie', 'vary'])
})

test('sets the guest cookie for unknown paths and failing handlers', async (t) => {
  t.mock.method(console, 'error', () => {})
  const { options } = await setUp(t, { allowGuest: true })
  const app = new Hono().use(logtoAuth(options)).get('/broken', () => {
    throw new Error('broken')
  })
  for (const [path, status] of /** @type {[string, number][]} */ ([
    ['/unknown', 404],
    ['/broken', 500],
  ])) {
    const response = await app.request(path)
    assert.deepEqual([response.status, response.headers.getSetCookie().length], [status, 1])
  }
})

test('works with app.request, without a server', async (t) => {
  const { issuer, options } = await setUp(t)
  const app = new Hono().use(logtoAuth(options)).get('/', (c) => c.text(String(c.var.auth.userId)))
  const rejected = await app.request('/')
  assert.equal(rejected.status, 401)
  assert.equal(rejected.headers.get('content-length'), String((await rejected.arrayBuffer()).byteLength))
  assert.equal(await (await app.request('/', bearer(issuer.mint({ sub: 'alice' })))).text(), 'alice')
})

test('passes an AuthError of a handler to app.onError, and responds to it by default', async (t) => {
  const { issuer, options } = await setUp(t)
  const build = () =>
    new Hono().use(logtoAuth(options)).get('/', (c) => {
      requireScopes(c.get('auth'), 'admin')
      return c.text('in')
    })
  const answered = await build().request('/', bearer(issuer.mint()))
  assert.equal(answered.status, 403)
  assert.equal(/** @type {any} */ (await answered.json()).code, 'missing_scope')
  const own = build().onError((error, c) => c.text(`own: ${Object(error).code}`, 418))
  assert.equal(await (await own.request('/', bearer(issuer.mint()))).text(), 'own: missing_scope')
  assert.equal((await own.request('/')).status, 401)
})

test('passes the context to sub-applications', async (t) => {
  const { issuer, options } = await setUp(t)
  const sub = new Hono().get('/orders', protect({ requiredScope: 'read' }), (c) => c.text(String(c.get('auth').userId)))
  const app = new Hono().use('/api/*', logtoAuth(options)).route('/api', sub).route('/open', sub)
  const token = bearer(issuer.mint({ sub: 'alice', scope: 'read' }))
  assert.equal(await (await app.request('/api/orders', token)).text(), 'alice')
  assert.equal((await app.request('/api/orders', bearer(issuer.mint()))).status, 403)
  assert.equal((await app.request('/open/orders', token)).status, 401)
})
