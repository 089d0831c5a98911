const assert = require('node:assert/strict')
const { Readable } = require('node:stream')
const { test } = require('node:test')
const Koa = require('koa')
const { requireScopes } = require('logto-authkit')
const { logtoAuth, protect } = require('logto-authkit/koa')
const { ask, bearer, serve } = require('../../support/frameworks')
const { AUDIENCE, startIssuer } = require('../../support/helpers')

/** @typedef {(ctx: any, next: () => Promise<unknown>) => unknown} Handler */

/** @type {(t: import('node:test').TestContext, ...handlers: any[]) => Promise<string>} */
async function serveKoa(t, ...handlers) {
  const app = new Koa()
  app.silent = true
  for (const handler of handlers) app.use(handler)
  return serve(t, app.callback())
}

/** @type {(t: import('node:test').TestContext, more?: object) => Promise<{ issuer: any, options: any }>} */
async function setUp(t, more) {
  const issuer = await startIssuer(t)
  return { issuer, options: { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, ...more } }
}

/** @type {Handler} */
const sendUser = (ctx) => {
  ctx.body = String(ctx.state.auth.userId)
}

test('onError answers instead, also for protect, and need not know Koa well', async (t) => {
  /** @type {Record<string, (error: any, ctx: any) => unknown>} */
  const handlers = {
    'at once': (error, ctx) => {
      ctx.status = 418
      ctx.body = error.code
    },
    later: async (error, ctx) => {
      await new Promise(setImmediate)
      ctx.status = 418
      ctx.body = error.code
    },
    thrown: (error, ctx) => ctx.throw(418, error.code),
  }
  for (const [name, onError] of Object.entries(handlers)) {
    const { issuer, options } = await setUp(t, { onError })
    const url = await serveKoa(t, logtoAuth(options), protect({ requiredScope: 'a' }), sendUser)
    for (const [code, request] of /** @type {[string, object][]} */ ([
      ['missing_token', {}],
      ['missing_scope', bearer(issuer.mint())],
    ])) {
      const { status, body } = await ask(url, request)
      assert.deepEqual([status, body], [418, code], name)
    }
  }
  const { options } = await setUp(t, { onError: () => {} })
  assert.equal((await ask(await serveKoa(t, logtoAuth(options), sendUser))).status, 404)
})

test('middleware above sees a refusal as an answer, and what a handler throws as an error', async (t) => {
  const { issuer, options } = await setUp(t)
  /** @type {unknown[]} */
  const seen = []
  /** @type {Handler} */
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
  /** @type {Handler} */
  const handler = (ctx) => requireScopes(ctx.state.auth, 'admin')
  const url = await serveKoa(t, above, logtoAuth(options), handler)
  assert.equal((await ask(url)).headers['x-above'], '1')
  assert.equal((await ask(url, bearer(issuer.mint()))).body, 'caught')
  assert.equal(seen[0], 401)
  assert.equal(/** @type {any} */ (seen[1]).code, 'missing_scope')
})

test('the guest cookie is beside the own ones, however the response is sent', async (t) => {
  const { options } = await setUp(t, { allowGuest: true })
  /** @type {Record<string, Handler>} */
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
    const url = await serveKoa(t, logtoAuth(options), (/** @type {any} */ ctx) => {
      ctx.cookies.set('a', '1')
      ctx.cookies.set('b', '2')
      ctx.vary('Origin')
      return handler(ctx, async () => {})
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

test('an error answer of Koa, which drops all headers, still tells a guest its id', async (t) => {
  const { options } = await setUp(t, { allowGuest: true })
  const url = await serveKoa(t, logtoAuth(options), () => {
    throw new Error('broken')
  })
  const { status, cookies } = await ask(url)
  assert.deepEqual([status, cookies.length], [500, 1])
})

test('two logtoAuth make one guest, the one that the last handler sees', async (t) => {
  const { options } = await setUp(t, { allowGuest: true })
  const url = await serveKoa(t, logtoAuth(options), logtoAuth(options), (/** @type {any} */ ctx) => {
    ctx.body = ctx.state.auth.guestId
  })
  const { cookies, body } = await ask(url)
  assert.equal(cookies.length, 1)
  assert.ok(cookies[0].startsWith(`guest_logto_authtoken=${body};`))
})

test('what stands in ctx.state.auth does not count, unless it was found out', async (t) => {
  const { issuer, options } = await setUp(t, {
    onError: (/** @type {any} */ error, /** @type {any} */ ctx) => {
      ctx.status = error.status
      ctx.body = String(ctx.state.auth)
    },
  })
  /** @type {Handler} */
  const spoofing = (ctx, next) => {
    ctx.state.auth = { userId: 'root', isAuthenticated: true, isGuest: false, scopes: ['admin'], payload: {} }
    return next()
  }
  const token = bearer(issuer.mint({ sub: 'alice' }))
  const found = await serveKoa(t, spoofing, logtoAuth(options), protect(), sendUser)
  assert.equal((await ask(found)).body, 'undefined')
  assert.equal((await ask(found, token)).body, 'alice')
  assert.equal((await ask(await serveKoa(t, logtoAuth(options), spoofing, protect(), sendUser), token)).status, 401)
  assert.equal((await ask(await serveKoa(t, spoofing, protect(), sendUser), token)).status, 401)
})

test('behind a proxy that Koa trusts, its protocol counts', async (t) => {
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
