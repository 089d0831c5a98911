const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { describe, test } = require('node:test')
require('reflect-metadata')
const { Catch, Controller, Get, HttpException, Module, Res, UseGuards } = require('@nestjs/common')
const { APP_FILTER, APP_GUARD, NestFactory } = require('@nestjs/core')
const { requireScopes, verifyAuth } = require('logto-authkit')
const { Auth, AuthErrorFilter, LogtoAuthGuard, Protect } = require('logto-authkit/nestjs')
const { ask, bearer } = require('../../support/frameworks')
const { AUDIENCE, startIssuer } = require('../../support/helpers')

/** @typedef {import('node:test').TestContext} TestContext */
/** @typedef {{ handler: Function, decorators?: any[], parameters?: any[] }} Method */

/**
 * What decorators make of a class; those of a method stand in the order of a source file.
 *
 * @param {Record<string, Method>} methods
 * @param {any[]} decorators
 */
function controller(methods, decorators = []) {
  class Routes {}
  const prototype = /** @type {any} */ (Routes.prototype)
  for (const [name, { handler, decorators = [], parameters = [Auth()] }] of Object.entries(methods)) {
    // Decorators write on the function: each method needs its own.
    prototype[name] = (/** @type {unknown[]} */ ...args) => handler(...args)
    const descriptor = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(prototype, name))
    for (const [index, decorate] of parameters.entries()) decorate(prototype, name, index)
    for (const decorate of [Get(name), ...decorators].reverse()) decorate(prototype, name, descriptor)
  }
  for (const decorate of [Controller(), ...decorators].reverse()) decorate(Routes)
  return Routes
}

/** @type {(t: TestContext, module: import('@nestjs/common').ModuleMetadata) => Promise<string>} */
async function serve(t, metadata) {
  class App {}
  Module(metadata)(App)
  const app = await NestFactory.create(App, { logger: false })
  await app.listen(0, '127.0.0.1')
  t.after(() => app.close())
  return app.getUrl()
}

/** @type {(t: TestContext, more?: object) => Promise<{ issuer: any, guard: LogtoAuthGuard }>} */
async function setUp(t, more) {
  const issuer = await startIssuer(t)
  return { issuer, guard: new LogtoAuthGuard({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE, ...more }) }
}

/** @type {(auth: any) => string} */
const userId = (auth) => String(auth?.userId)

describe('NestJS', { timeout: 60_000 }, () => {
  test('a guard of one controller is for that controller', async (t) => {
    const { issuer, guard } = await setUp(t)
    const controllers = [
      controller({ me: { handler: userId } }, [UseGuards(guard)]),
      controller({ open: { handler: userId } }),
    ]
    const url = await serve(t, { controllers })
    assert.equal((await ask(`${url}/me`)).status, 401)
    assert.equal((await ask(`${url}/me`, bearer(issuer.mint({ sub: 'alice' })))).body, 'alice')
    assert.equal((await ask(`${url}/open`, bearer(issuer.mint()))).body, 'undefined')
  })

  test('Protect demands what the class and the method say, above the guard or with a global one', async (t) => {
    const { issuer, guard } = await setUp(t)
    const admin = { handler: userId, decorators: [Protect({ requiredScope: 'admin' })] }
    const both = {
      handler: userId,
      decorators: [Protect({ requiredScope: 'admin' }), Protect({ requiredRole: 'chief' })],
    }
    const decorated = () =>
      controller({ admin, both, plain: { handler: userId } }, [Protect({ requiredScope: 'read' }), UseGuards(guard)])
    const open = async (/** @type {string} */ url, /** @type {object} */ claims) => {
      const paths = []
      for (const path of ['admin', 'both', 'plain']) {
        const { status } = await ask(`${url}/${path}`, bearer(issuer.mint(claims)))
        if (status === 200) paths.push(path)
        else assert.equal(status, 403)
      }
      return paths
    }
    const onClass = await serve(t, { controllers: [decorated()] })
    const global = await serve(t, {
      controllers: [controller({ admin, both, plain: { handler: userId } }, [Protect({ requiredScope: 'read' })])],
      providers: [{ provide: APP_GUARD, useValue: guard }],
    })
    for (const url of [onClass, global]) {
      assert.deepEqual(await open(url, {}), [])
      assert.deepEqual(await open(url, { scope: 'admin' }), [])
      assert.deepEqual(await open(url, { scope: 'read' }), ['plain'])
      assert.deepEqual(await open(url, { scope: 'read admin' }), ['admin', 'plain'])
      assert.deepEqual(await open(url, { scope: 'read admin', claims: { roles: ['chief'] } }), [
        'admin',
        'both',
        'plain',
      ])
    }
  })

  test('Protect lets nobody in where no guard has been before', async (t) => {
    const { issuer, guard } = await setUp(t)
    const methods = {
      alone: { handler: userId, decorators: [Protect()] },
      early: { handler: userId, decorators: [UseGuards(guard), Protect()] },
    }
    const url = await serve(t, { controllers: [controller(methods)] })
    for (const path of ['alone', 'early']) {
      assert.equal((await ask(`${url}/${path}`, bearer(issuer.mint()))).status, 401, path)
    }
  })

  test('an exception filter sees a refusal as an HttpException, with its cause', async (t) => {
    const { issuer, guard } = await setUp(t)
    class Filter {
      /** @type {(exception: HttpException, host: import('@nestjs/common').ArgumentsHost) => void} */
      catch(exception, host) {
        const { code } = /** @type {any} */ (exception.cause)
        host.switchToHttp().getResponse().status(418).send(`${exception.getStatus()} ${code}`)
      }
    }
    Catch(HttpException)(Filter)
    const admin = { handler: userId, decorators: [Protect({ requiredScope: 'admin' })] }
    const providers = [
      { provide: APP_GUARD, useValue: guard },
      { provide: APP_FILTER, useClass: Filter },
    ]
    const url = await serve(t, { controllers: [controller({ admin })], providers })
    assert.equal((await ask(`${url}/admin`)).body, '401 missing_token')
    const { body, headers } = await ask(`${url}/admin`, bearer(issuer.mint()))
    assert.equal(body, '403 missing_scope')
    assert.match(String(headers['www-authenticate']), /scope="admin"/)
  })

  test('an AuthError of a handler is a 500 of NestJS, unless AuthErrorFilter is there', async (t) => {
    const { issuer, guard } = await setUp(t)
    const admin = { handler: (/** @type {any} */ auth) => requireScopes(auth, 'admin') }
    const guarded = { provide: APP_GUARD, useValue: guard }
    const plain = await serve(t, { controllers: [controller({ admin })], providers: [guarded] })
    assert.equal((await ask(`${plain}/admin`, bearer(issuer.mint()))).status, 500)
    const filter = { provide: APP_FILTER, useClass: AuthErrorFilter }
    const url = await serve(t, { controllers: [controller({ admin })], providers: [guarded, filter] })
    const { status, body, headers } = await ask(`${url}/admin`, bearer(issuer.mint()))
    assert.deepEqual([status, JSON.parse(body).code, headers['cache-control']], [403, 'missing_scope', 'no-store'])
  })

  test('an AuthError after the response has begun breaks it off, and the next request is answered', async (t) => {
    const { issuer, guard } = await setUp(t)
    const begun = {
      parameters: [Auth(), Res()],
      handler: (/** @type {any} */ auth, /** @type {any} */ res) => {
        res.write('begun')
        requireScopes(auth, 'admin')
      },
    }
    const guarded = { provide: APP_GUARD, useValue: guard }
    const filter = { provide: APP_FILTER, useClass: AuthErrorFilter }
    const url = await serve(t, { controllers: [controller({ begun })], providers: [guarded, filter] })
    for (let request = 0; request < 2; request += 1) {
      await assert.rejects(ask(`${url}/begun`, bearer(issuer.mint())), { code: 'ECONNRESET' })
    }
  })

  test('the metadata of the resource is named once, also in what a handler has from a verification of its own', async (t) => {
    const { logtoUrl } = await startIssuer(t)
    const resourceMetadata = 'https://api.example.test/.well-known/oauth-protected-resource'
    const options = { logtoUrl, audience: AUDIENCE, resourceMetadata }
    const verifying = { handler: () => verifyAuth('', options) }
    const providers = [
      { provide: APP_GUARD, useValue: new LogtoAuthGuard({ ...options, allowGuest: true }) },
      { provide: APP_FILTER, useClass: AuthErrorFilter },
    ]
    const url = await serve(t, { controllers: [controller({ verifying })], providers })
    const { headers } = await ask(`${url}/verifying`)
    assert.equal(headers['www-authenticate'], `Bearer resource_metadata="${resourceMetadata}"`)
  })

  test('the guest cookie is beside the own ones, with and without passthrough', async (t) => {
    const { guard } = await setUp(t, { allowGuest: true })
    const methods = {
      passing: {
        parameters: [Auth(), Res({ passthrough: true })],
        handler: (/** @type {any} */ auth, /** @type {any} */ res) => {
          res.cookie('a', '1').vary('Origin')
          return auth.guestId
        },
      },
      raw: {
        parameters: [Auth(), Res()],
        handler: (/** @type {any} */ auth, /** @type {any} */ res) => {
          res.cookie('a', '1').vary('Origin').end(auth.guestId)
        },
      },
    }
    const providers = [{ provide: APP_GUARD, useValue: guard }]
    const url = await serve(t, { controllers: [controller(methods)], providers })
    for (const path of ['passing', 'raw']) {
      const { body, cookies, headers } = await ask(`${url}/${path}`)
      assert.equal(cookies[0], 'a=1; Path=/')
      assert.ok(cookies[1].startsWith(`guest_logto_authtoken=${body};`))
      assert.deepEqual([cookies.length, headers.vary, headers['cache-control']], [2, 'Origin, Cookie', 'private'])
    }
  })

  test('what something else has put into request.auth does not count', async (t) => {
    const { issuer, guard } = await setUp(t)
    const spoof = { userId: 'root', isAuthenticated: true, isGuest: false, scopes: ['admin'], payload: {} }
    const spoofing = {
      canActivate: (/** @type {any} */ context) => {
        context.switchToHttp().getRequest().auth = spoof
        return true
      },
    }
    const methods = {
      before: { handler: userId, decorators: [UseGuards(spoofing, guard)] },
      after: { handler: userId, decorators: [UseGuards(guard, spoofing)] },
      guarded: { handler: userId, decorators: [Protect(), UseGuards(guard, spoofing)] },
      alone: { handler: userId, decorators: [UseGuards(spoofing)] },
    }
    const url = await serve(t, { controllers: [controller(methods)] })
    const reply = async (/** @type {string} */ path) => {
      const { status, body } = await ask(`${url}/${path}`, bearer(issuer.mint({ sub: 'alice' })))
      return status === 200 ? body : status
    }
    assert.equal(await reply('before'), 'alice')
    assert.equal(await reply('after'), 'alice')
    assert.equal(await reply('guarded'), 401)
    assert.equal(await reply('alone'), 'undefined')
  })

  test('what is not HTTP is an error, and not let in', async (t) => {
    const { guard } = await setUp(t, { allowGuest: true })
    const context = /** @type {any} */ ({ getType: () => 'ws' })
    await assert.rejects(async () => guard.canActivate(context), /^Error: logto-authkit guards HTTP requests, not ws$/)
  })

  test('wrong options are found at once', () => {
    const required = { logtoUrl: 'https://auth.example.test', audience: AUDIENCE }
    for (const mistake of [
      () => new LogtoAuthGuard(/** @type {any} */ ({})),
      () => new LogtoAuthGuard(/** @type {any} */ ({ ...required, onError: () => {} })),
      () => Protect({ requiredScope: '' }),
    ]) {
      assert.throws(mistake, { name: 'TypeError', code: 'invalid_options' })
    }
  })

  test('importing the adapter loads nothing of NestJS', () => {
    const code = `
      require('logto-authkit/nestjs')
      const loaded = Object.keys(require.cache).filter((path) => path.includes('nestjs') && !path.endsWith('adapters/nestjs.js'))
      if (loaded.length > 0) throw new Error(loaded.join())`
    execFileSync(process.execPath, ['-e', code], { cwd: __dirname, timeout: 30_000 })
  })
})
