const assert = require('node:assert/strict')
const { test } = require('node:test')
const { Hono } = require('hono')
const { requireScopes } = require('logto-authkit')
const { logtoAuth, protect } = require('logto-authkit/hono')
const { serveFetch } = require('../../support/adapters')
const { ask, bearer } = require('../../support/frameworks')
const { AUDIENCE, startIssuer } = require('../../support/helpers')

/** @typedef {import('hono').Context<{ Variables: import('logto-authkit/hono').AuthVariables }>} Context */

/** @type {(t: import('node:test').TestContext, more?: object) => Promise<{ issuer: any, options: any }>} */
async function setUp(t, more) {
  const issuer = await startIssuer(t)
  return { issuer, options: { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, ...more } }
}

const OWN = { 'set-cookie': 'a=1', vary: 'Origin' }

test('the guest cookie is beside the own ones, whatever kind of response it is', async (t) => {
  const { options } = await setUp(t, { allowGuest: true })
  const fixed = new Response('fixed', { headers: OWN })
  const url = await serveFetch(t, new Hono().get('/', () => new Response('fetched', { headers: OWN })).fetch)
  /** @type {Record<string, (c: Context) => Response | Promise<Response>>} */
  const handlers = {
    text: (c) => c.text('x', 200, OWN),
    header: (c) => {
      c.header('Set-Cookie', 'a=1')
      c.header('Vary', 'Origin')
      return c.json({})
    },
    'of its own': () => new Response('x', { headers: OWN }),
    'an immutable one': () => fetch(url),
    'one for everybody': () => fixed.clone(),
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
    const address = await serveFetch(t, app.fetch)
    for (const method of ['GET', 'HEAD']) {
      const { cookies, headers } = await ask(address, { method })
      assert.equal(cookies[0], 'a=1', `${method} ${name}`)
      assert.match(cookies[1], /^guest_logto_authtoken=/)
      assert.deepEqual([cookies.length, headers.vary, headers['cache-control']], [2, 'Origin, Cookie', 'private'], name)
    }
  }
  assert.deepEqual([...fixed.headers.keys()].sort(), ['content-type', 'set-cookie', 'vary'])
})

test('unknown paths and broken handlers tell a guest its id, too', async (t) => {
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

test('app.request needs no server', async (t) => {
  const { issuer, options } = await setUp(t)
  const app = new Hono().use(logtoAuth(options)).get('/', (c) => c.text(String(c.var.auth.userId)))
  const refused = await app.request('/')
  assert.equal(refused.status, 401)
  assert.equal(refused.headers.get('content-length'), String((await refused.arrayBuffer()).byteLength))
  assert.equal(await (await app.request('/', bearer(issuer.mint({ sub: 'alice' })))).text(), 'alice')
})

test('onError answers instead, also for protect', async (t) => {
  /** @type {any} */
  const onError = async (/** @type {any} */ error, /** @type {Context} */ c) => c.text(error.code, 418)
  const { issuer, options } = await setUp(t, { onError })
  const app = new Hono().use(logtoAuth(options)).get('/', protect({ requiredScope: 'a' }), (c) => c.text('in'))
  for (const [code, request] of /** @type {[string, object][]} */ ([
    ['missing_token', {}],
    ['missing_scope', bearer(issuer.mint())],
  ])) {
    const response = await app.request('/', request)
    assert.deepEqual([response.status, await response.text()], [418, code])
  }
})

test('a refusal that a handler throws is for app.onError first, and else answered as ever', async (t) => {
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

test('two logtoAuth make one guest, the one that the last handler sees', async (t) => {
  const { options } = await setUp(t, { allowGuest: true })
  const app = new Hono()
    .use(logtoAuth(options))
    .use(logtoAuth(options))
    .get('/', (c) => c.text(Object(c.get('auth')).guestId))
  const response = await app.request('/')
  const cookies = response.headers.getSetCookie()
  assert.equal(cookies.length, 1)
  assert.ok(cookies[0].startsWith(`guest_logto_authtoken=${await response.text()};`))
})

test('sub-applications see what the one around them has found', async (t) => {
  const { issuer, options } = await setUp(t)
  const sub = new Hono().get('/orders', protect({ requiredScope: 'read' }), (c) => c.text(String(c.get('auth').userId)))
  const app = new Hono().use('/api/*', logtoAuth(options)).route('/api', sub).route('/open', sub)
  const token = bearer(issuer.mint({ sub: 'alice', scope: 'read' }))
  assert.equal(await (await app.request('/api/orders', token)).text(), 'alice')
  assert.equal((await app.request('/api/orders', bearer(issuer.mint()))).status, 403)
  assert.equal((await app.request('/open/orders', token)).status, 401)
})

test('what something else has set as auth does not count', async (t) => {
  const { issuer, options } = await setUp(t, {
    onError: (/** @type {any} */ error, /** @type {Context} */ c) => c.text(String(c.get('auth')), error.status),
  })
  const spoof = { userId: 'root', isAuthenticated: true, isGuest: false, scopes: ['admin'], payload: {} }
  /** @type {any} */
  const spoofing = async (/** @type {any} */ c, /** @type {any} */ next) => {
    c.set('auth', spoof)
    await next()
  }
  const token = bearer(issuer.mint({ sub: 'alice' }))
  const before = new Hono()
    .use(spoofing)
    .use(logtoAuth(options))
    .get('/', (c) => c.text(String(c.get('auth').userId)))
  assert.equal(await (await before.request('/')).text(), 'undefined')
  assert.equal(await (await before.request('/', token)).text(), 'alice')
  const after = new Hono()
    .use(logtoAuth(options))
    .use(spoofing)
    .get('/', protect(), (c) => c.text('in'))
  assert.equal((await after.request('/', token)).status, 401)
})

test('wrong options are found at once', () => {
  const required = { logtoUrl: 'https://auth.example.test', audience: AUDIENCE }
  for (const mistake of [
    () => logtoAuth(/** @type {any} */ ({})),
    () => logtoAuth(/** @type {any} */ ({ ...required, scope: 'a' })),
    () => logtoAuth(/** @type {any} */ ({ ...required, onError: null })),
    () => protect({ requiredScope: '' }),
  ]) {
    assert.throws(mistake, { name: 'TypeError', code: 'invalid_options' })
  }
})
