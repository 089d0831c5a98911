const assert = require('node:assert/strict')
const { get } = require('node:http')
const { Readable } = require('node:stream')
const { test } = require('node:test')
const Fastify = require('fastify')
const { requireScopes } = require('logto-authkit')
const { logtoAuth, protect } = require('logto-authkit/fastify')
const { ask, bearer, setUp } = require('../../support/frameworks')

async function serve(t, app) {
  t.after(() => app.close())
  return app.listen({ port: 0, host: '127.0.0.1' })
}

const status = async (url, request = {}) => (await ask(url, request)).status

test('applies to the scope that registers it, including inner scopes and unknown paths', async (t) => {
  const { issuer, options } = await setUp(t)
  const app = Fastify()
  app.get('/open', async (request) => ({ hasAuth: Object(request).auth !== undefined }))
  app.register(
    async (api) => {
      await api.register(logtoAuth, options)
      api.get('/me', async (request) => request.auth.userId)
      api.register(async (inner) => void inner.get('/inner', async (request) => request.auth.userId))
    },
    { prefix: '/api' },
  )
  const url = await serve(t, app)
  assert.deepEqual(JSON.parse((await ask(`${url}/open`)).body), { hasAuth: false })
  for (const path of ['/api/me', '/api/inner']) {
    assert.equal(await status(url + path), 401, path)
    assert.equal((await ask(url + path, bearer(issuer.mint({ sub: 'alice' })))).body, 'alice', path)
  }
  const root = Fastify()
  root.register(logtoAuth, options)
  root.register(async (inner) => void inner.get('/inner', async () => 'in'), { prefix: '/api' })
  const rootUrl = await serve(t, root)
  assert.equal(await status(`${rootUrl}/api/inner`), 401)
  assert.equal(await status(`${rootUrl}/unknown`), 401)
  assert.equal(await status(`${rootUrl}/unknown`, bearer(issuer.mint())), 404)
})

test('uses the result of the innermost plugin', async (t) => {
  const { issuer, options } = await setUp(t, { allowGuest: true })
  const app = Fastify()
  app.register(logtoAuth, options)
  app.get('/', async (request) => request.auth.subjectType)
  app.register(async (inner) => {
    await inner.register(logtoAuth, { ...options, allowGuest: false, requiredScope: 'admin' })
    inner.get('/admin', { onRequest: protect() }, async (request) => request.auth.userId)
  })
  const url = await serve(t, app)
  assert.equal((await ask(url)).body, 'guest')
  assert.equal(await status(`${url}/admin`), 401)
  assert.equal(await status(`${url}/admin`, bearer(issuer.mint())), 403)
  assert.equal(await status(`${url}/admin`, bearer(issuer.mint({ scope: 'admin' }))), 200)
})

test('lets onError hijack the reply', async (t) => {
  const { issuer, options } = await setUp(t, {
    onError: (error, _request, reply) => {
      reply.hijack()
      reply.raw.writeHead(418).end(error.code)
    },
  })
  const app = Fastify()
  app.register(logtoAuth, options)
  app.register(async (routes) => void routes.get('/', { onRequest: protect({ requiredScope: 'a' }) }, async () => 'in'))
  const url = await serve(t, app)
  for (const [code, request] of /** @type {[string, object][]} */ ([
    ['missing_token', {}],
    ['missing_scope', bearer(issuer.mint())],
  ])) {
    const { status, body } = await ask(url, request)
    assert.deepEqual([status, body], [418, code])
  }
})

test('passes errors of onError and of handlers to the error handler of the application, once', async (t) => {
  const { issuer, options } = await setUp(t, {
    onError: (error) => {
      throw error
    },
  })
  const errors = []
  const app = Fastify()
  app.setErrorHandler((error, _request, reply) => {
    errors.push(error)
    reply.code(Object(error).status).send(Object(error).code)
  })
  app.register(logtoAuth, options)
  app.get('/', async (request) => requireScopes(request.auth, 'admin'))
  const url = await serve(t, app)
  assert.equal((await ask(url)).body, 'missing_token')
  assert.equal((await ask(url, bearer(issuer.mint()))).body, 'missing_scope')
  assert.deepEqual(
    errors.map((error) => error.name),
    ['AuthError', 'AuthError'],
  )
})

test('C8: an error handler that reads statusCode responds with the status of the rejection', async (t) => {
  const { issuer, options } = await setUp(t, {
    onError: (error) => {
      throw error
    },
  })
  const app = Fastify()
  app.setErrorHandler((error, _request, reply) => reply.code(Object(error).statusCode ?? 500).send('handled'))
  app.register(logtoAuth, options)
  app.get('/', async (request) => requireScopes(request.auth, 'admin'))
  const url = await serve(t, app)
  assert.deepEqual([(await ask(url)).status, (await ask(url, bearer(issuer.mint()))).status], [401, 403])
})

test('keeps the cookies of the application, however the reply is sent', async (t) => {
  const { options } = await setUp(t, { allowGuest: true })
  const app = Fastify()
  app.register(logtoAuth, options)
  app.register(async (routes) => {
    const own = { 'set-cookie': ['a=1', 'b=2'], vary: 'Origin' }
    routes.get('/object', async (_request, reply) => reply.headers(own).send({ ok: true }))
    routes.get('/stream', async (_request, reply) => reply.headers(own).send(Readable.from(['a', 'b'])))
    routes.get('/redirect', async (_request, reply) => reply.headers(own).redirect('/elsewhere'))
    routes.get(
      '/response',
      async () =>
        new Response('x', { headers: [...own['set-cookie'].map((v) => ['set-cookie', v]), ['vary', 'Origin']] }),
    )
    routes.get('/hijacked', (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, own).end('raw')
    })
    routes.get('/error', async (_request, reply) => {
      reply.headers(own)
      throw new Error('broken')
    })
  })
  const url = await serve(t, app)
  for (const path of ['/object', '/stream', '/redirect', '/response', '/hijacked', '/error']) {
    // For a Response, Fastify sends no headers to a HEAD request.
    for (const method of path === '/response' ? ['GET'] : ['GET', 'HEAD']) {
      const { cookies, headers } = await ask(url + path, { method })
      assert.deepEqual(cookies.slice(0, 2), ['a=1', 'b=2'], `${method} ${path}`)
      assert.match(cookies[2], /^guest_logto_authtoken=/)
      assert.deepEqual([cookies.length, headers.vary, headers['cache-control']], [3, 'Origin, Cookie', 'private'])
    }
  }
})

test('works with inject', async (t) => {
  const { issuer, options } = await setUp(t, { allowGuest: true })
  const app = Fastify()
  t.after(() => app.close())
  app.register(logtoAuth, options)
  app.get('/', async (request) => request.auth.subjectType)
  const guest = await app.inject('/')
  assert.equal(guest.body, 'guest')
  assert.match(String(guest.headers['set-cookie']), /^guest_logto_authtoken=/)
  assert.equal((await app.inject({ url: '/', ...bearer(issuer.mint()) })).body, 'user')
})

test('verifies before the body is parsed, and protect can be a preHandler', async (t) => {
  const { issuer, options } = await setUp(t)
  const app = Fastify()
  app.register(logtoAuth, options)
  app.register(async (routes) => {
    const owner = protect({ organizationId: (request) => request.body.organization })
    routes.post('/', { preHandler: owner }, async (request) => request.body)
  })
  const url = await serve(t, app)
  const post = (headers) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"organization":"mine"}',
    })
  assert.equal((await post({})).status, 401)
  assert.equal((await post(bearer(issuer.mint({ organizationId: 'other' })).headers)).status, 403)
  const { status, body } = await post(bearer(issuer.mint({ organizationId: 'mine' })).headers).then(
    async (response) => ({
      status: response.status,
      body: await response.json(),
    }),
  )
  assert.deepEqual([status, body], [200, { organization: 'mine' }])
})

test('never runs the handler of a rejected request, even if onError sends nothing and the client disconnects', async (t) => {
  const { options } = await setUp(t)
  const app = Fastify()
  /** @type {import('node:http').ClientRequest} */
  let client
  /** @type {Promise<void>} */
  const closed = new Promise((resolve) => {
    const onError = (_error, _request, reply) => {
      // Fastify's own listener, which would continue with the handler, was added before.
      reply.raw.on('close', () => setImmediate(resolve))
      client.destroy()
    }
    app.register(logtoAuth, { ...options, onError })
  })
  let handled = 0
  app.register(async (routes) => {
    routes.get('/', async () => {
      handled += 1
    })
  })
  const url = await serve(t, app)
  // An aborted fetch would open a new connection, for which close() waits.
  client = get(url, { agent: false }).on('error', () => {})
  await closed
  assert.equal(handled, 0)
})
