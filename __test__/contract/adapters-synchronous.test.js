const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
require('reflect-metadata')
const { createTestIssuer } = require('logto-authkit/testing')
const { bearer } = require('../support/frameworks')
const { AUDIENCE } = require('../support/helpers')

/**
 * Middleware of every framework, called without the framework: `logtoAuth`, then `protect` if the application has it.
 *
 * @typedef {(headers: any, passed: () => void) => unknown} Run
 * @type {Record<string, (options: any, hasProtect: boolean) => Run | Promise<Run>>}
 */
const MIDDLEWARE = {
  Express(options, hasProtect) {
    const { logtoAuth, protect } = require('logto-authkit/express')
    const [authenticate, required] = [logtoAuth(options), protect()]
    return (headers, passed) => {
      const [req, res] = /** @type {any[]} */ ([{ method: 'GET', headers }, {}])
      authenticate(req, res, () => (hasProtect ? required(req, res, passed) : passed()))
    }
  },

  async Fastify(options, hasProtect) {
    const { logtoAuth, protect } = require('logto-authkit/fastify')
    const hooks = []
    const fastify = { hasRequestDecorator: () => true, addHook: (/** @type {any[]} */ ...args) => hooks.push(args[1]) }
    await logtoAuth(/** @type {any} */ (fastify), options)
    if (hasProtect) hooks.push(protect())
    return (headers, passed) => {
      const request = { method: 'GET', headers }
      // Fastify's convention: a hook calls `done` or returns a promise.
      const step = (at) => {
        const next = () => step(at + 1)
        return at === hooks.length ? passed() : hooks[at](request, {}, next)?.then(next)
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
      const next = async () => passed()
      return authenticate(c, async () => void (await (hasProtect ? required(c, next) : next())))
    }
  },

  Koa(options, hasProtect) {
    const { logtoAuth, protect } = require('logto-authkit/koa')
    const [authenticate, required] = /** @type {any[]} */ ([logtoAuth(options), protect()])
    return (headers, passed) => {
      const ctx = { req: { method: 'GET', headers }, res: {}, state: {} }
      const next = async () => passed()
      return authenticate(ctx, () => (hasProtect ? required(ctx, next) : next()))
    }
  },

  NestJS(options) {
    const { LogtoAuthGuard } = require('logto-authkit/nestjs')
    const guard = new LogtoAuthGuard(options)
    return (headers, passed) => {
      const http = { getRequest: () => ({ method: 'GET', headers }), getResponse: () => ({}) }
      const result = guard.canActivate(/** @type {any} */ ({ getType: () => 'http', switchToHttp: () => http }))
      return typeof result === 'boolean' ? passed() : result.then(passed)
    }
  },

  'Next.js, App Router'(options, hasProtect) {
    const { withAuth } = require('logto-authkit/next').createNextAuth(options)
    return (headers, passed) => {
      const handler = /** @type {any} */ (withAuth)(passed, ...(hasProtect ? [{}] : []))
      return handler(new Request('http://localhost', { headers }), {})
    }
  },

  'Next.js, Pages Router'(options, hasProtect) {
    const { withAuth } = require('logto-authkit/next').createNextAuth(options)
    return (headers, passed) => {
      const handler = /** @type {any} */ (withAuth)(passed, ...(hasProtect ? [{}] : []))
      return handler({ headers }, { setHeader() {} })
    }
  },
}

let issuer

before(async () => {
  issuer = await createTestIssuer()
})
after(() => issuer.close())

const isSynchronous = (run, headers) =>
  new Promise((resolve, reject) => {
    let synchronous = true
    Promise.resolve(run(headers, () => resolve(synchronous))).catch(reject)
    synchronous = false
  })

for (const [framework, create] of Object.entries(MIDDLEWARE)) {
  test(`${framework}: passes a previously verified token and a known guest synchronously`, async () => {
    const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, allowGuest: true }
    const { headers } = bearer(issuer.mint())
    const strict = await create(options, true)
    assert.equal(await isSynchronous(strict, headers), false)
    assert.equal(await isSynchronous(strict, headers), true)
    const lenient = await create(options, false)
    assert.equal(await isSynchronous(lenient, { cookie: 'guest_logto_authtoken=known' }), true)
  })
}
