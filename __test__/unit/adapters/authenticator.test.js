const assert = require('node:assert/strict')
const { test } = require('node:test')
const express = require('logto-authkit/express')
const fastify = require('logto-authkit/fastify')
const hono = require('logto-authkit/hono')
const koa = require('logto-authkit/koa')
const { LogtoAuthGuard } = require('logto-authkit/nestjs')
const { bearer, setUp } = require('../../support/frameworks')

/**
 * Each runs the middleware of an adapter with as much of a framework as it needs. `entered` is called with the context, or
 * with the error, once the request may go on.
 */
const ENTER = {
  Express: (options) => {
    const middleware = /** @type {any} */ (express.logtoAuth(options))
    return (headers, entered) => {
      const req = { method: 'GET', headers, auth: undefined }
      middleware(req, {}, (error) => entered(error ?? req.auth))
    }
  },
  Fastify: (options) => {
    let hook
    const instance = /** @type {any} */ ({
      hasRequestDecorator: () => true,
      addHook: (_name, added) => {
        hook = added
      },
    })
    fastify.logtoAuth(instance, options)
    return (headers, entered) => {
      const request = { method: 'GET', headers, auth: undefined }
      return hook(request, {}, () => entered(request.auth))?.then(() => entered(request.auth))
    }
  },
  Hono: (options) => {
    const middleware = /** @type {any} */ (hono.logtoAuth(options))
    return (headers, entered) => {
      const raw = new Request('http://localhost', { headers })
      const values = new Map()
      const c = {
        req: { raw, method: 'GET' },
        get: values.get.bind(values),
        set: values.set.bind(values),
      }
      return middleware(c, async () => entered(values.get('auth')))
    }
  },
  Koa: (options) => {
    const middleware = /** @type {any} */ (koa.logtoAuth(options))
    return (headers, entered) => {
      const ctx = { req: { headers }, method: 'GET', state: { auth: undefined } }
      return middleware(ctx, async () => entered(ctx.state.auth))
    }
  },
  NestJS: (options) => {
    const guard = new LogtoAuthGuard(options)
    return (headers, entered) => {
      const request = { method: 'GET', headers, auth: undefined }
      const http = { getRequest: () => request, getResponse: () => ({}) }
      const result = guard.canActivate(/** @type {any} */ ({ getType: () => 'http', switchToHttp: () => http }))
      if (result === true) entered(request.auth)
      else return Promise.resolve(result).then(() => entered(request.auth))
    }
  },
}

for (const [adapter, create] of Object.entries(ENTER)) {
  test(`${adapter}: continues synchronously for a previously verified token only`, async (t) => {
    const { issuer, options } = await setUp(t, { requiredScope: 'read:orders' })
    const enter = create(options)
    const token = issuer.mint({ sub: 'alice', scope: 'read:orders' })
    /** @type {(token: string) => Promise<[boolean, string]>} */
    const run = async (token) => {
      const contexts = /** @type {any[]} */ ([])
      const entered = new Promise((resolve) => {
        enter(bearer(token).headers, (auth) => resolve(contexts.push(auth)))
      })
      const isSynchronous = contexts.length > 0
      await entered
      return [isSynchronous, contexts[0].userId]
    }
    assert.deepEqual(await run(token), [false, 'alice'])
    assert.deepEqual(await run(token), [true, 'alice'])
    assert.deepEqual(await run(issuer.mint({ sub: 'bob', scope: 'read:orders' })), [false, 'bob'])
  })
}

test('B1: the first CORS preflight causes a warning, and others do not', async (t) => {
  const warnings = t.mock.method(process, 'emitWarning', () => {})
  const { options } = await setUp(t)
  const preflight = { 'access-control-request-method': 'POST' }
  for (let call = 0; call < 3; call += 1) {
    for (const { logtoAuth } of [express, express]) {
      const [req, res] = /** @type {any[]} */ ([
        { method: 'OPTIONS', headers: preflight },
        { setHeader: () => {}, end: () => {} },
      ])
      logtoAuth(options)(req, res, () => assert.fail())
      assert.equal(res.statusCode, 401)
    }
  }
  const {
    arguments: [message, { code }],
  } = /** @type {any} */ (warnings.mock.calls[0])
  assert.equal(warnings.mock.callCount(), 1)
  assert.equal(code, 'LOGTO_AUTHKIT_PREFLIGHT')
  assert.match(message, /cors\(\) before logtoAuth\(\).*allowPreflight: true/)
})
