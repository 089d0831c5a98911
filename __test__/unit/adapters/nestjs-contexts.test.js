// @ts-nocheck: decorators applied by hand, in frameworks whose types have nothing in common

/** The NestJS guard outside of HTTP routes on Express: GraphQL, gateways, Fastify, and public routes. */

const assert = require('node:assert/strict')
const { EventEmitter, once } = require('node:events')
const { describe, test } = require('node:test')
require('reflect-metadata')
const { UseFilters, UseGuards } = require('@nestjs/common')
const { io } = require('socket.io-client')
const { requireScopes } = require('logto-authkit')
const { Auth, AuthErrorFilter, LogtoAuthGuard, Protect, Public } = require('logto-authkit/nestjs')
const { socketAuth } = require('logto-authkit/upgrade')
const { ask, bearer } = require('../../support/frameworks')
const { AUDIENCE } = require('../../support/helpers')
const { controller, decorated, filter, globally, route, serve, setUp, userId } = require('../../support/nestjs')

describe('@Public()', { timeout: 60_000 }, () => {
  test('C10: opens a method, or a class, behind a global guard', async (t) => {
    const { issuer, guard } = await setUp(t)
    const controllers = [
      controller({ ...route('me', userId), ...route('health', userId, Public()) }),
      controller({ ...route('about', userId), ...route('secret', userId, Protect()) }, [Public()]),
    ]
    const { url } = await serve(t, { controllers, providers: [globally(guard)] })
    const statuses = async (request) => {
      const answers = {}
      for (const path of ['me', 'health', 'about', 'secret']) {
        const { status, body } = await ask(`${url}/${path}`, request)
        answers[path] = status === 200 ? body : status
      }
      return answers
    }
    const open = { health: 'undefined', about: 'undefined' }
    for (const request of [undefined, bearer('forged')]) {
      assert.deepEqual(await statuses(request), { me: 401, ...open, secret: 401 })
    }
    const alice = bearer(issuer.mint({ sub: 'alice' }))
    assert.deepEqual(await statuses(alice), { me: 'alice', ...open, secret: 'alice' })
  })

  test('C10: opens a method of a class that requires something', async (t) => {
    const { guard } = await setUp(t)
    const routes = controller({ ...route('closed', userId), ...route('open', userId, Public()) }, [
      Protect({ requiredScope: 'admin' }),
      UseGuards(guard),
    ])
    const { url } = await serve(t, { controllers: [routes] })
    assert.equal((await ask(`${url}/closed`)).status, 401)
    assert.equal((await ask(`${url}/open`)).body, 'undefined')
  })

  test('cannot be combined with @Protect() on the same method or class', () => {
    const expected = { name: 'TypeError', message: /^@Public\(\) and @Protect\(\) contradict each other/ }
    for (const pair of [
      [Public(), Protect()],
      [Protect(), Public()],
    ]) {
      assert.throws(() => decorated({}, pair), expected)
      assert.throws(() => decorated(route('both', userId, ...pair), []), expected)
    }
    decorated(route('twice', userId, Protect(), Protect()), [Public(), Public()])
  })
})

describe('GraphQL', { timeout: 60_000 }, () => {
  const { GraphQLModule, Query, Resolver } = require('@nestjs/graphql')
  const { ApolloDriver } = require('@nestjs/apollo')

  const field = (name, handler, ...decorators) => ({
    [name]: { handler, decorators: [Query(() => String, { name }), ...decorators] },
  })

  async function serveGraphql(t, guard, fields, more) {
    const resolver = decorated(fields, [Resolver()])
    const graphql = GraphQLModule.forRoot({ driver: ApolloDriver, autoSchemaFile: true, graphiql: false, ...more })
    const { url, errors } = await serve(t, { imports: [graphql], providers: [resolver, globally(guard), filter] })
    const query = async (text, token) => {
      const headers = { 'content-type': 'application/json', ...token?.headers }
      const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query: text }) })
      return { ...(await response.json()), status: response.status, cookies: response.headers.getSetCookie() }
    }
    return { query, errors }
  }

  test('C10: a global guard protects resolvers, and reports rejections as GraphQL errors', async (t) => {
    const { issuer, guard } = await setUp(t)
    const fields = {
      ...field('me', userId),
      ...field('orders', userId, Protect({ requiredScope: 'read:orders' })),
      ...field('admin', (auth) => requireScopes(auth, 'admin')),
      ...field('health', userId, Public()),
    }
    const { query, errors } = await serveGraphql(t, guard, fields)
    const rejected = ({ errors: [{ message, extensions }] }) => [
      extensions.code,
      extensions.originalError.code,
      extensions.originalError.statusCode,
      message,
    ]
    const missing = 'No token found in cookies or Authorization header'
    assert.deepEqual(rejected(await query('{ me }')), ['UNAUTHENTICATED', 'missing_token', 401, missing])
    const { status, data } = await query('{ me }')
    assert.deepEqual([status, data], [200, null])
    const alice = bearer(issuer.mint({ sub: 'alice', scope: 'read:orders' }))
    assert.deepEqual((await query('{ me orders }', alice)).data, { me: 'alice', orders: 'alice' })
    const [orders] = rejected(await query('{ orders }', bearer(issuer.mint())))
    assert.equal(orders, 'FORBIDDEN')
    // An AuthError thrown by a resolver, through AuthErrorFilter.
    assert.deepEqual(rejected(await query('{ admin }', alice)).slice(0, 3), ['FORBIDDEN', 'missing_scope', 403])
    assert.deepEqual((await query('{ health }')).data, { health: 'undefined' })
    assert.deepEqual(errors, [])
  })

  test('all fields of an operation see the same new guest', async (t) => {
    const { guard } = await setUp(t, { allowGuest: true })
    const guest = (auth) => auth.guestId
    const { query } = await serveGraphql(t, guard, { ...field('a', guest), ...field('b', guest) })
    const first = await query('{ a b }')
    const second = await query('{ a b }')
    assert.equal(first.data.a, first.data.b)
    assert.notEqual(first.data.a, second.data.a)
    assert.deepEqual(
      first.cookies.map((cookie) => cookie.split(';')[0]),
      [`guest_logto_authtoken=${first.data.a}`],
    )
  })

  test('each operation is verified, even if all operations of a connection share a context object', async (t) => {
    let isRevoked = false
    const { issuer, guard } = await setUp(t, { isRevoked: () => isRevoked })
    /** @type {any} */
    let shared
    const context = ({ req }) => {
      shared ??= { req }
      return shared
    }
    const { query } = await serveGraphql(t, guard, field('me', userId), { context })
    const alice = bearer(issuer.mint({ sub: 'alice' }))
    for (isRevoked of [false, true, false]) {
      const { data, errors } = await query('{ me }', alice)
      const code = errors?.[0].extensions.originalError.code
      assert.deepEqual([data?.me, code], isRevoked ? [undefined, 'token_revoked'] : ['alice', undefined])
    }
  })

  test('each field gets the context of its own guard, even if guards read different tokens of a request', async (t) => {
    const { issuer, guard } = await setUp(t, { tokenSources: ['header'] })
    const audience = 'https://admin.example.com'
    const options = { logtoUrl: issuer.logtoUrl, audience, tokenSources: ['cookie'] }
    const other = new LogtoAuthGuard(options)
    const fields = {
      ...field('me', userId, UseGuards(guard)),
      ...field('orders', userId, Protect({ requiredScope: 'admin' }), UseGuards(guard)),
      ...field('site', userId, Protect({ requiredScope: 'admin' }), UseGuards(other)),
      ...field('scoped', (auth) => auth.scopes.join(), UseGuards(guard)),
    }
    const { query } = await serveGraphql(t, { canActivate: () => true }, fields)
    const ask = (scope) => {
      const { headers } = bearer(issuer.mint({ sub: 'alice', scope }))
      const cookie = `logto_authtoken=${issuer.mint({ sub: 'root', audience, scope: 'admin' })}`
      return query('{ me orders site scoped }', { headers: { ...headers, cookie } })
    }
    // The second request finds both tokens in the cache, so that all guards finish synchronously.
    for (let call = 0; call < 2; call += 1) {
      const allowed = await ask('admin write')
      assert.deepEqual(allowed.data, { me: 'alice', orders: 'alice', site: 'root', scoped: 'admin,write' })
      const { errors } = await ask('read')
      assert.deepEqual(
        errors.map(({ path, extensions }) => [path, extensions.originalError.code]),
        [[['orders'], 'missing_scope']],
      )
    }
    const { errors } = await query('{ me site scoped }', bearer(issuer.mint({ sub: 'alice' })))
    assert.deepEqual(
      errors.map(({ path }) => path),
      [['site']],
    )
  })

  test('a context without a request is an error that names getRequest, and an override of it works', async (t) => {
    const context = ({ req }) => ({ req: { none: true }, wrapped: req })
    const plain = await setUp(t)
    const broken = await serveGraphql(t, plain.guard, field('me', userId), { context })
    assert.match((await broken.query('{ me }')).errors[0].message, /override getRequest\(context\)/)

    class Guard extends LogtoAuthGuard {
      getRequest(executionContext) {
        return executionContext.getArgByIndex(2).wrapped
      }
    }
    const { issuer, guard } = await setUp(t, {}, Guard)
    const fields = { ...field('me', userId), ...field('orders', userId, Protect({ requiredScope: 'read' })) }
    const { query } = await serveGraphql(t, guard, fields, { context })
    const alice = bearer(issuer.mint({ sub: 'alice', scope: 'read' }))
    assert.deepEqual((await query('{ me orders }', alice)).data, { me: 'alice', orders: 'alice' })
    assert.equal((await query('{ orders }')).errors[0].extensions.code, 'UNAUTHENTICATED')
  })
})

describe('gateways', { timeout: 60_000 }, () => {
  const { ConnectedSocket, SubscribeMessage, WebSocketGateway } = require('@nestjs/websockets')

  class Guard extends LogtoAuthGuard {
    getRequest(context) {
      return context.getType() === 'ws' ? context.switchToWs().getClient().request : super.getRequest(context)
    }
  }
  const message = (name, handler, ...decorators) => ({
    [name]: { handler, decorators: [SubscribeMessage(name), ...decorators] },
  })
  const messages = {
    ...message('me', userId),
    ...message('orders', userId, Protect({ requiredScope: 'read:orders' })),
    ...message('admin', (auth) => requireScopes(auth, 'admin')),
    ...message('health', userId, Public()),
  }

  async function connect(t, guard, extraHeaders, decorators = [UseFilters(AuthErrorFilter)], methods = messages) {
    const gateway = decorated(methods, [WebSocketGateway(), ...decorators])
    const routes = controller(route('me', userId))
    const providers = [gateway, globally(guard), filter]
    const { url, errors } = await serve(t, { controllers: [routes], providers })
    const client = io(url, { transports: ['websocket'], extraHeaders, reconnection: false })
    t.after(() => client.close())
    const send = (name) =>
      new Promise((resolve) => {
        client.once('exception', resolve)
        client.emit(name, {}, (reply) => resolve(reply))
      })
    return { url, send, errors, client }
  }

  test('C10: a guard with getRequest protects messages, and rejects them with a WsException', async (t) => {
    const { issuer, guard } = await setUp(t, {}, Guard)
    const { headers } = bearer(issuer.mint({ sub: 'alice' }))
    // NestJS does not apply global filters to gateways, hence UseFilters.
    const { send, url, errors } = await connect(t, guard, headers)
    assert.equal(await send('me'), 'alice')
    const forbidden = { status: 'error', error: 'Forbidden', code: 'missing_scope' }
    for (const name of ['orders', 'admin']) {
      const { message, ...rest } = await send(name)
      assert.deepEqual(rest, forbidden)
      assert.match(message, /scope/)
    }
    assert.equal(await send('health'), 'undefined')
    assert.equal((await ask(`${url}/me`, { headers })).body, 'alice')
    assert.deepEqual(errors, [])
  })

  describe('messages of a connection, which share a request', () => {
    /**
     * Sends a message that waits between the guard and @Protect(), and another message, whose `isRevoked` waits until
     * `verify` is called. The other message can have another guard.
     */
    async function sendTwo(t, { hasOtherGuard = false } = {}) {
      const events = new EventEmitter()
      const verdicts = []
      const isRevoked = () =>
        new Promise((resolve) => {
          verdicts.push(resolve)
          events.emit('asked')
        })
      let release
      const released = new Promise((resolve) => {
        release = () => resolve(true)
      })
      const canActivate = () => {
        events.emit('waiting')
        return released
      }
      const { issuer, guard } = await setUp(t, { isRevoked }, Guard)
      const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, isRevoked }
      const otherGuard = hasOtherGuard ? new Guard(options) : guard
      const first = {
        handler: (auth, { request }) => [auth.userId, request.auth?.userId],
        parameters: [Auth(), ConnectedSocket()],
        decorators: [SubscribeMessage('first'), Protect(), UseGuards(guard, { canActivate })],
      }
      const methods = { first, ...message('second', userId, UseGuards(otherGuard)) }
      const { headers } = bearer(issuer.mint({ sub: 'alice' }))
      const open = { canActivate: () => true }
      const { client } = await connect(t, open, headers, [UseFilters(AuthErrorFilter)], methods)
      const exception = async () => (await once(client, 'exception'))[0].code
      const send = (name) => new Promise((resolve) => client.emit(name, {}, resolve))
      const [firstAsked, firstWaiting] = [once(events, 'asked'), once(events, 'waiting')]
      const replies = [send('first')]
      await firstAsked
      verdicts.shift()(false)
      await firstWaiting
      const secondAsked = once(events, 'asked')
      replies.push(send('second'))
      await secondAsked
      const outcome = (index) => Promise.race([replies[index], exception()])
      return { outcome, release, verify: verdicts[0] }
    }

    test('keep the context of an accepted message while another message is verified', async (t) => {
      const { outcome, release, verify } = await sendTwo(t)
      const first = outcome(0)
      release()
      assert.deepEqual(await first, ['alice', 'alice'])
      const second = outcome(1)
      verify(false)
      assert.equal(await second, 'alice')
    })

    test('lose the context once a message is rejected, for example after the user has signed out', async (t) => {
      const { outcome, release, verify } = await sendTwo(t)
      const second = outcome(1)
      verify(true)
      assert.equal(await second, 'token_revoked')
      const first = outcome(0)
      release()
      assert.equal(await first, 'missing_token')
    })

    for (const isRevoked of [false, true]) {
      test(`keep the context after another guard has ${isRevoked ? 'rejected' : 'accepted'} a message`, async (t) => {
        const { outcome, release, verify } = await sendTwo(t, { hasOtherGuard: true })
        const second = outcome(1)
        verify(isRevoked)
        assert.equal(await second, isRevoked ? 'token_revoked' : 'alice')
        const first = outcome(0)
        release()
        assert.deepEqual(await first, ['alice', isRevoked ? null : 'alice'])
      })
    }

    test('keep the context while another guard verifies a message', async (t) => {
      const { outcome, release } = await sendTwo(t, { hasOtherGuard: true })
      const first = outcome(0)
      release()
      assert.deepEqual(await first, ['alice', null])
    })
  })

  test('C10: a public gateway can verify a token per connection, with socketAuth in afterInit', async (t) => {
    const { issuer, guard } = await setUp(t)
    const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
    const methods = {
      afterInit: { handler: (server) => server.use(socketAuth(options)), parameters: [] },
      who: {
        handler: ({ data }) => data.auth.userId,
        parameters: [ConnectedSocket()],
        decorators: [SubscribeMessage('who')],
      },
    }
    const { headers } = bearer(issuer.mint({ sub: 'alice' }))
    const { send } = await connect(t, guard, headers, [Public()], methods)
    assert.equal(await send('who'), 'alice')
  })

  test('C10: without getRequest, a public message passes, and the error of all others names getRequest', async (t) => {
    const { guard } = await setUp(t)
    const { send, errors } = await connect(t, guard)
    assert.equal(await send('health'), 'undefined')
    assert.deepEqual(errors, [])
    assert.equal((await send('me')).message, 'Internal server error')
    assert.match(String(errors[0]), /cannot find the request of a "ws" context: .* override getRequest\(context\)/)
  })
})

test('C10: NestJS on Fastify sends the same responses, and sets the cookie of a guest', {
  timeout: 60_000,
}, async (t) => {
  const { FastifyAdapter } = require('@nestjs/platform-fastify')
  const { issuer, guard } = await setUp(t)
  const { guard: guests } = await setUp(t, { allowGuest: true })
  const routes = {
    ...route('me', userId, UseGuards(guard)),
    ...route('admin', (auth) => requireScopes(auth, 'admin'), UseGuards(guard)),
    ...route('orders', userId, Protect({ requiredScope: 'read' }), UseGuards(guard)),
    ...route('guest', (auth) => auth.guestId, UseGuards(guests)),
  }
  const controllers = [controller(routes)]
  const { url } = await serve(t, { controllers, providers: [filter] }, { adapter: new FastifyAdapter() })
  const missing = await ask(`${url}/me`)
  assert.deepEqual([missing.status, JSON.parse(missing.body).code], [401, 'missing_token'])
  assert.match(String(missing.headers['www-authenticate']), /^Bearer/)
  assert.equal(missing.headers['cache-control'], 'no-store')
  const alice = bearer(issuer.mint({ sub: 'alice' }))
  assert.equal((await ask(`${url}/me`, alice)).body, 'alice')
  for (const path of ['admin', 'orders']) {
    const { status, body } = await ask(`${url}/${path}`, alice)
    assert.deepEqual([status, JSON.parse(body).code], [403, 'missing_scope'])
  }
  const guest = await ask(`${url}/guest`)
  assert.ok(guest.cookies[0].startsWith(`guest_logto_authtoken=${guest.body};`))
})
