const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
require('reflect-metadata')
const { createTestIssuer } = require('logto-authkit/testing')
const { bearer } = require('../support/frameworks')
const { AUDIENCE } = require('../support/helpers')

/**
 * Middleware of every framework, called without the framework: `logtoAuth`, then `protect` if the application has it.
 *
 * @typedef {(headers: any, passed: (auth: any) => void) => unknown} Run - `passed` is called once the request may go on.
 * @type {Record<string, (options: any, hasProtect: boolean) => Run | Promise<Run>>}
 */
const MIDDLEWARE = {
  Express(options, hasProtect) {
    const { logtoAuth, protect } = require('logto-authkit/express')
    const [authenticate, required] = [logtoAuth(options), protect()]
    return (headers, passed) => {
      const [req, res] = /** @type {any[]} */ ([{ method: 'GET', headers }, {}])
      const next = (error) => passed(error ?? req.auth)
      authenticate(req, res, (error) => (hasProtect && !error ? required(req, res, next) : next(error)))
    }
  },

  async Fastify(options, hasProtect) {
    const { logtoAuth, protect } = require('logto-authkit/fastify')
    const hooks = []
    const fastify = {
      hasRequestDecorator: () => true,
      addHook: (/** @type {any[]} */ ...[name, hook]) => name === 'onRequest' && hooks.push(hook),
    }
    await logtoAuth(/** @type {any} */ (fastify), options)
    if (hasProtect) hooks.push(protect())
    return (headers, passed) => {
      const request = { method: 'GET', headers, auth: undefined }
      // As Fastify does: a hook calls back or returns a promise.
      const step = (at) => {
        const next = () => step(at + 1)
        return at === hooks.length ? passed(request.auth) : hooks[at](request, {}, next)?.then(next)
      }
      return step(0)
    }
  },

  Hono(options, hasProtect) {
    const { logtoAuth, protect } = require('logto-authkit/hono')
    const [authenticate, required] = [logtoAuth(options), protect()]
    return (headers, passed) => {
      const variables = new Map()
      const c = /** @type {any} */ ({
        req: { raw: new Request('http://localhost', { headers }) },
        get: (name) => variables.get(name),
        set: (name, value) => variables.set(name, value),
      })
      const next = async () => passed(c.get('auth'))
      return authenticate(c, async () => void (await (hasProtect ? required(c, next) : next())))
    }
  },

  Koa(options, hasProtect) {
    const { logtoAuth, protect } = require('logto-authkit/koa')
    const [authenticate, required] = /** @type {any[]} */ ([logtoAuth(options), protect()])
    return (headers, passed) => {
      const ctx = { req: { method: 'GET', headers }, res: {}, state: { auth: undefined } }
      const next = async () => passed(ctx.state.auth)
      return authenticate(ctx, () => (hasProtect ? required(ctx, next) : next()))
    }
  },

  NestJS(options) {
    const { LogtoAuthGuard } = require('logto-authkit/nestjs')
    const guard = new LogtoAuthGuard(options)
    return (headers, passed) => {
      const request = { method: 'GET', headers, auth: undefined }
      const http = { getRequest: () => request, getResponse: () => ({}) }
      const result = guard.canActivate(/** @type {any} */ ({ getType: () => 'http', switchToHttp: () => http }))
      const next = () => passed(request.auth)
      return typeof result === 'boolean' ? next() : result.then(next)
    }
  },

  'Next.js, App Router'(options, hasProtect) {
    const { withAuth } = require('logto-authkit/next').createNextAuth(options)
    return (headers, passed) => {
      const handler = /** @type {any} */ (withAuth)(({ auth }) => passed(auth), ...(hasProtect ? [{}] : []))
      return handler(new Request('http://localhost', { headers }), {})
    }
  },

  'Next.js, Pages Router'(options, hasProtect) {
    const { withAuth } = require('logto-authkit/next').createNextAuth(options)
    return (headers, passed) => {
      const handler = /** @type {any} */ (withAuth)(({ auth }) => passed(auth), ...(hasProtect ? [{}] : []))
      return handler({ headers }, { setHeader() {} })
    }
  },
}

let issuer

before(async () => {
  issuer = await createTestIssuer()
})
after(() => issuer.close())

/** Whether a request went on synchronously, and its user. */
const enter = (run, headers) =>
  new Promise((resolve, reject) => {
    let synchronous = true
    Promise.resolve(run(headers, ({ userId }) => resolve([synchronous, userId]))).catch(reject)
    synchronous = false
  })

for (const [framework, create] of Object.entries(MIDDLEWARE)) {
  test(`${framework}: continues synchronously for a previously verified token and a known guest only`, async () => {
    const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
    for (const hasProtect of [true, false]) {
      const strict = await create({ ...options, requiredScope: 'read:orders', allowGuest: hasProtect }, hasProtect)
      const [alice, bob] = ['alice', 'bob'].map((sub) => bearer(issuer.mint({ sub, scope: 'read:orders' })).headers)
      assert.deepEqual(await enter(strict, alice), [false, 'alice'])
      assert.deepEqual(await enter(strict, alice), [true, 'alice'])
      assert.deepEqual(await enter(strict, bob), [false, 'bob'])
    }
    const lenient = await create({ ...options, allowGuest: true }, false)
    assert.deepEqual(await enter(lenient, { cookie: 'guest_logto_authtoken=known' }), [true, null])
  })
}
