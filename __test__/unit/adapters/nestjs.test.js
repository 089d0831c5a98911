const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { describe, test } = require('node:test')
require('reflect-metadata')
const { Catch, HttpException, Res, UseGuards } = require('@nestjs/common')
const { APP_FILTER } = require('@nestjs/core')
const { requireScopes } = require('logto-authkit')
const { Auth, Protect } = require('logto-authkit/nestjs')
const { ask, bearer } = require('../../support/frameworks')
const { controller, filter, globally, serve, setUp, userId } = require('../../support/nestjs')

describe('NestJS', { timeout: 60_000 }, () => {
  test('applies a guard to its controller only', async (t) => {
    const { issuer, guard } = await setUp(t)
    const controllers = [
      controller({ me: { handler: userId } }, [UseGuards(guard)]),
      controller({ open: { handler: userId } }),
    ]
    const { url } = await serve(t, { controllers })
    assert.equal((await ask(`${url}/me`)).status, 401)
    assert.equal((await ask(`${url}/me`, bearer(issuer.mint({ sub: 'alice' })))).body, 'alice')
    assert.equal((await ask(`${url}/open`, bearer(issuer.mint()))).body, 'undefined')
  })

  test('combines the requirements of class and method, with a guard of the controller or a global one', async (t) => {
    const { issuer, guard } = await setUp(t)
    const admin = { handler: userId, decorators: [Protect({ requiredScope: 'admin' })] }
    const both = {
      handler: userId,
      decorators: [Protect({ requiredScope: 'admin' }), Protect({ requiredRole: 'chief' })],
    }
    const decorated = () =>
      controller({ admin, both, plain: { handler: userId } }, [Protect({ requiredScope: 'read' }), UseGuards(guard)])
    const open = async (url, claims) => {
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
      providers: [globally(guard)],
    })
    for (const { url } of [onClass, global]) {
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

  test('passes rejections to exception filters as HttpException with their cause', async (t) => {
    const { issuer, guard } = await setUp(t)
    class Filter {
      catch(exception, host) {
        const { code } = /** @type {any} */ (exception.cause)
        host.switchToHttp().getResponse().status(418).send(`${exception.getStatus()} ${code}`)
      }
    }
    Catch(HttpException)(Filter)
    const admin = { handler: userId, decorators: [Protect({ requiredScope: 'admin' })] }
    const providers = [globally(guard), { provide: APP_FILTER, useClass: Filter }]
    const { url } = await serve(t, { controllers: [controller({ admin })], providers })
    assert.equal((await ask(`${url}/admin`)).body, '401 missing_token')
    const { body, headers } = await ask(`${url}/admin`, bearer(issuer.mint()))
    assert.equal(body, '403 missing_scope')
    assert.match(String(headers['www-authenticate']), /scope="admin"/)
  })

  test('responds to an AuthError of a handler with 500 unless AuthErrorFilter is used', async (t) => {
    const { issuer, guard } = await setUp(t)
    const admin = { handler: (auth) => requireScopes(auth, 'admin') }
    const plain = await serve(t, { controllers: [controller({ admin })], providers: [globally(guard)] })
    assert.equal((await ask(`${plain.url}/admin`, bearer(issuer.mint()))).status, 500)
    const { url } = await serve(t, { controllers: [controller({ admin })], providers: [globally(guard), filter] })
    const { status, body, headers } = await ask(`${url}/admin`, bearer(issuer.mint()))
    assert.deepEqual([status, JSON.parse(body).code, headers['cache-control']], [403, 'missing_scope', 'no-store'])
  })

  test('aborts a response that has begun if the handler throws an AuthError, and keeps serving', async (t) => {
    const { issuer, guard } = await setUp(t)
    const begun = {
      parameters: [Auth(), Res()],
      handler: (auth, res) => {
        res.write('begun')
        requireScopes(auth, 'admin')
      },
    }
    const { url } = await serve(t, { controllers: [controller({ begun })], providers: [globally(guard), filter] })
    for (let request = 0; request < 2; request += 1) {
      await assert.rejects(ask(`${url}/begun`, bearer(issuer.mint())), { code: 'ECONNRESET' })
    }
  })

  test('keeps the cookies of the application, with and without passthrough', async (t) => {
    const { guard } = await setUp(t, { allowGuest: true })
    const methods = {
      passing: {
        parameters: [Auth(), Res({ passthrough: true })],
        handler: (auth, res) => {
          res.cookie('a', '1').vary('Origin')
          return auth.guestId
        },
      },
      raw: {
        parameters: [Auth(), Res()],
        handler: (auth, res) => {
          res.cookie('a', '1').vary('Origin').end(auth.guestId)
        },
      },
    }
    const { url } = await serve(t, { controllers: [controller(methods)], providers: [globally(guard)] })
    for (const path of ['passing', 'raw']) {
      const { body, cookies, headers } = await ask(`${url}/${path}`)
      assert.equal(cookies[0], 'a=1; Path=/')
      assert.ok(cookies[1].startsWith(`guest_logto_authtoken=${body};`))
      assert.deepEqual([cookies.length, headers.vary, headers['cache-control']], [2, 'Origin, Cookie', 'private'])
    }
  })

  test('gives @Auth() the context of the guard, not one that other guards have set', async (t) => {
    const { issuer, guard } = await setUp(t)
    const spoof = { userId: 'root', isAuthenticated: true, isGuest: false, scopes: ['admin'], payload: {} }
    const spoofing = {
      canActivate: (context) => {
        context.switchToHttp().getRequest().auth = spoof
        return true
      },
    }
    const methods = {
      after: { handler: userId, decorators: [UseGuards(guard, spoofing)] },
      alone: { handler: userId, decorators: [UseGuards(spoofing)] },
    }
    const { url } = await serve(t, { controllers: [controller(methods)] })
    const token = bearer(issuer.mint({ sub: 'alice' }))
    assert.equal((await ask(`${url}/after`, token)).body, 'alice')
    assert.equal((await ask(`${url}/alone`, token)).body, 'undefined')
  })

  test('throws for contexts other than HTTP', async (t) => {
    const { guard } = await setUp(t, { allowGuest: true })
    const context = /** @type {any} */ ({ getType: () => 'ws' })
    await assert.rejects(
      async () => guard.canActivate(context),
      /^Error: logto-authkit cannot find the request of a "ws" context: extend LogtoAuthGuard and override getRequest\(context\)/,
    )
  })

  test('loads nothing of NestJS on import', () => {
    const code = `
      require('logto-authkit/nestjs')
      const loaded = Object.keys(require.cache).filter((path) => path.includes('nestjs') && !path.endsWith('adapters/nestjs.js'))
      if (loaded.length > 0) throw new Error(loaded.join())`
    execFileSync(process.execPath, ['-e', code], { cwd: __dirname, timeout: 30_000 })
  })
})
