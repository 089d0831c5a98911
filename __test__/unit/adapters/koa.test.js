const assert = require('node:assert/strict')
const { Readable } = require('node:stream')
const { test } = require('node:test')
const Koa = require('koa')
const { requireScopes } = require('logto-authkit')
const { logtoAuth, protect } = require('logto-authkit/koa')
const { ask, bearer, serve, setUp } = require('../../support/frameworks')

async function serveKoa(t, ...handlers) {
  const app = new Koa()
  app.silent = true
  for (const handler of handlers) app.use(handler)
  return serve(t, app.callback())
}

test('lets onError throw with ctx.throw, and responds with 404 if it does nothing', async (t) => {
  const { issuer, options } = await setUp(t, {
    onError: (error, ctx) => ctx.throw(418, error.code),
  })
  const url = await serveKoa(t, logtoAuth(options), protect({ requiredScope: 'a' }))
  for (const [code, request] of /** @type {[string, object][]} */ ([
    ['missing_token', {}],
    ['missing_scope', bearer(issuer.mint())],
  ])) {
    const { status, body } = await ask(url, request)
    assert.deepEqual([status, body], [418, code])
  }
  const silent = await setUp(t, { onError: () => {} })
  assert.equal((await ask(await serveKoa(t, logtoAuth(silent.options)))).status, 404)
})

test('shows outer middleware a rejection as a response, and an AuthError of a handler as an error', async (t) => {
  const { issuer, options } = await setUp(t)
  const seen = []
  const above = async (ctx, next) => {
    try {
      await next()
      seen.push(ctx.status)
      ctx.set('X-Above', '1')
    } catch (error) {
      seen.push(error)
      ctx.status = Object(error).status
      ctx.body = 'caught'
    }
  }
  const handler = (ctx) => requireScopes(ctx.state.auth, 'admin')
  const url = await serveKoa(t, above, logtoAuth(options), handler)
  assert.equal((await ask(url)).headers['x-above'], '1')
  assert.equal((await ask(url, bearer(issuer.mint()))).body, 'caught')
  assert.equal(seen[0], 401)
  assert.equal(/** @type {any} */ (seen[1]).code, 'missing_scope')
})

test('keeps the cookies of the application, however the response is sent', async (t) => {
  const { options } = await setUp(t, { allowGuest: true })
  const handlers = {
    text: (ctx) => {
      ctx.body = 'text'
    },
    object: (ctx) => {
      ctx.body = { ok: true }
    },
    stream: (ctx) => {
      ctx.body = Readable.from(['a', 'b'])
    },
    redirect: (ctx) => ctx.redirect('/elsewhere'),
    empty: (ctx) => {
      ctx.status = 204
    },
    raw: (ctx) => {
      ctx.respond = false
      ctx.res.writeHead(200, { 'X-Raw': '1' })
      ctx.res.end('raw')
    },
  }
  for (const [name, handler] of Object.entries(handlers)) {
    const url = await serveKoa(t, logtoAuth(options), (ctx) => {
      ctx.cookies.set('a', '1')
      ctx.cookies.set('b', '2')
      ctx.vary('Origin')
      return handler(ctx)
    })
    for (const method of ['GET', 'HEAD']) {
      const { cookies, headers } = await ask(url, { method })
      assert.deepEqual(
        cookies.map((cookie) => cookie.split('=')[0]),
        ['a', 'b', 'guest_logto_authtoken'],
        `${method} ${name}`,
      )
      assert.deepEqual([headers.vary, headers['cache-control']], ['Origin, Cookie', 'private'])
    }
  }
})

test('sets the guest cookie on error responses, for which Koa drops all other headers', async (t) => {
  const { options } = await setUp(t, { allowGuest: true })
  const url = await serveKoa(t, logtoAuth(options), () => {
    throw new Error('broken')
  })
  const { status, cookies } = await ask(url)
  assert.deepEqual([status, cookies.length], [500, 1])
})

test('sets a Secure guest cookie behind a trusted https proxy', async (t) => {
  const { options } = await setUp(t, { allowGuest: true })
  const headers = { 'x-forwarded-proto': 'https', host: 'localhost' }
  for (const proxy of [true, false]) {
    const app = new Koa({ proxy })
    app.use(logtoAuth(options)).use((ctx) => {
      ctx.body = 'x'
    })
    const { cookies } = await ask(await serve(t, app.callback()), { headers })
    assert.equal(/; Secure/.test(cookies[0]), proxy)
  }
})
