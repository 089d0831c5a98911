const assert = require('node:assert/strict')
const { createServer } = require('node:http')
const { describe, test } = require('node:test')
const { Server } = require('socket.io')
const { io } = require('socket.io-client')
const { socketAuth } = require('logto-authkit/upgrade')
const { bearer, listen, setUp } = require('../../support/frameworks')

/** A server that greets each client with its context, and the sockets that it has accepted. */
async function serveSockets(t, options) {
  const http = createServer()
  const server = new Server(http)
  server.use(socketAuth(options))
  const accepted = []
  server.on('connection', (socket) => {
    accepted.push(socket)
    socket.emit('hello', socket.data.auth)
  })
  const url = await listen(t, http)
  t.after(() => server.close())
  return { url, accepted, server }
}

/** A client, and a function that returns its next greeting or error. */
function connect(t, url, options) {
  const client = io(url, { transports: ['websocket'], forceNew: true, ...options })
  t.after(() => client.close())
  const next = () =>
    new Promise((resolve) => {
      client.once('hello', resolve)
      client.once('connect_error', resolve)
    })
  return { client, next }
}

const outcome = async (t, url, options) => {
  const { client, next } = connect(t, url, options)
  const { userId, message, data } = await next()
  client.close()
  return data === undefined ? userId : { message, ...data }
}

const MISSING = { message: 'No token found in cookies or Authorization header', code: 'missing_token', status: 401 }
const ORIGIN = { message: 'Origin is not allowed', code: 'forbidden', status: 403 }

describe('socketAuth', { timeout: 60_000 }, () => {
  for (const transport of ['polling', 'websocket']) {
    test(`takes the token from the handshake, otherwise from the request, over ${transport}`, async (t) => {
      const { issuer, options } = await setUp(t)
      const { url } = await serveSockets(t, options)
      const transports = [transport]
      const [alice, bob] = ['alice', 'bob'].map((sub) => issuer.mint({ sub }))
      const { headers } = bearer(bob)
      assert.equal(await outcome(t, url, { transports, auth: { token: alice } }), 'alice')
      assert.equal(await outcome(t, url, { transports, extraHeaders: headers }), 'bob')
      assert.equal(await outcome(t, url, { transports, extraHeaders: { cookie: `logto_authtoken=${bob}` } }), 'bob')
      assert.equal(await outcome(t, url, { transports, auth: { token: alice }, extraHeaders: headers }), 'alice')
      for (const token of [undefined, null, '', 1, {}, [alice]]) {
        assert.equal(await outcome(t, url, { transports, auth: { token }, extraHeaders: headers }), 'bob')
        assert.deepEqual(await outcome(t, url, { transports, auth: { token } }), MISSING)
      }
    })
  }

  test('rejects with the message, code and status of the AuthError', async (t) => {
    const { issuer, options } = await setUp(t, { requiredScope: 'chat' })
    const { url, accepted } = await serveSockets(t, options)
    const rejected = (token) => outcome(t, url, { auth: { token } })
    assert.deepEqual(await outcome(t, url), MISSING)
    assert.deepEqual(await rejected(issuer.mint()), {
      message: 'Missing required scope: chat',
      code: 'missing_scope',
      status: 403,
    })
    const expired = { message: 'Token has expired', code: 'token_expired', status: 401 }
    assert.deepEqual(await rejected(issuer.mint({ scope: 'chat', expiresIn: -1 })), expired)
    // The cookie is not tried as a fallback.
    const extraHeaders = { cookie: `logto_authtoken=${issuer.mint({ scope: 'chat' })}` }
    assert.equal((await outcome(t, url, { auth: { token: 'forged' }, extraHeaders })).code, 'opaque_token')
    assert.deepEqual(accepted, [])
  })

  test('lets a rejected client, and one whose connection was closed, reconnect with a new token', async (t) => {
    const { issuer, options } = await setUp(t)
    const { url, accepted } = await serveSockets(t, options)
    const tokens = [issuer.mint({ expiresIn: -1 }), issuer.mint({ sub: 'alice' }), issuer.mint({ sub: 'bob' })]
    const { client, next } = connect(t, url, {
      auth: (send) => send({ token: tokens.shift() }),
      reconnectionDelay: 1,
      reconnectionDelayMax: 1,
    })
    assert.equal((await next()).data.code, 'token_expired')
    client.connect()
    assert.equal((await next()).userId, 'alice')
    accepted[0].conn.close()
    assert.equal((await next()).userId, 'bob')
  })

  test('calls getToken and organizationId with the socket', async (t) => {
    const { issuer, options } = await setUp(t, {
      getToken: ({ handshake }) => handshake.query.access,
      organizationId: ({ handshake }) => handshake.auth.organization,
    })
    const { url } = await serveSockets(t, options)
    const access = issuer.mint({ sub: 'alice', organizationId: 'mine' })
    const inQuery = (auth) => outcome(t, url, { query: { access }, auth })
    assert.equal(await inQuery({ organization: 'mine' }), 'alice')
    assert.equal((await inQuery({ organization: 'other' })).code, 'wrong_organization')
    assert.equal((await inQuery({})).code, 'wrong_organization')
    const forged = { organization: 'mine', token: 'forged' }
    assert.equal((await inQuery(forged)).code, 'opaque_token')
  })

  test('B9: without allowedOrigins, rejects the cookies of a visitor of another website', async (t) => {
    t.mock.method(process, 'emitWarning', () => {})
    const { issuer, options } = await setUp(t)
    const token = issuer.mint({ sub: 'alice' })
    const cookie = `logto_authtoken=${token}`
    const { url } = await serveSockets(t, options)
    const evil = { origin: 'https://evil.test' }
    assert.deepEqual(await outcome(t, url, { extraHeaders: { cookie, ...evil } }), ORIGIN)
    assert.equal(await outcome(t, url, { extraHeaders: { cookie, origin: url } }), 'alice')
    // A page that knows the token needs no cookie.
    assert.equal(await outcome(t, url, { auth: { token }, extraHeaders: { cookie, ...evil } }), 'alice')

    const listed = await serveSockets(t, { ...options, allowedOrigins: ['https://app.example.test'] })
    const app = { origin: 'https://app.example.test' }
    assert.equal(await outcome(t, listed.url, { extraHeaders: { cookie, ...app } }), 'alice')
    assert.deepEqual(await outcome(t, listed.url, { auth: { token }, extraHeaders: evil }), ORIGIN)
  })

  test('keeps the id of a guest, and rejects the guest cookie from another website', async (t) => {
    t.mock.method(process, 'emitWarning', () => {})
    const { options } = await setUp(t, { allowGuest: true })
    const { url } = await serveSockets(t, options)
    const cookie = 'guest_logto_authtoken=known'
    const { next } = connect(t, url, { extraHeaders: { cookie }, auth: { token: 'forged' } })
    const { guestId, guestReason } = await next()
    assert.deepEqual([guestId, guestReason], ['known', 'opaque_token'])
    const evil = { cookie, origin: 'https://evil.test' }
    assert.deepEqual(await outcome(t, url, { auth: { token: 'forged' }, extraHeaders: evil }), ORIGIN)
  })

  test('tells a client nothing about a fault, and reports it as a warning', async (t) => {
    const warnings = t.mock.method(process, 'emitWarning', () => {})
    const { issuer, options } = await setUp(t, { isRevoked: () => Promise.reject(new Error('no database')) })
    const { url } = await serveSockets(t, options)
    const rejected = await outcome(t, url, { auth: { token: issuer.mint() } })
    assert.deepEqual(rejected, { message: 'Internal server error', status: 500 })
    assert.equal(String(warnings.mock.calls[0].arguments[0]), 'Error: no database')
  })

  test('throws for invalid options at construction', () => {
    const options = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }
    for (const [invalid, message] of /** @type {[any, RegExp][]} */ ([
      [undefined, /./],
      [{ ...options, getToken: 'token' }, /^Invalid option "getToken"/],
      [{ ...options, alowedOrigins: [] }, /did you mean "allowedOrigins"\?$/],
      [Object.create({ ...options, requiredScope: 'chat' }), /inherited/],
    ])) {
      assert.throws(() => socketAuth(invalid), { name: 'TypeError', code: 'invalid_options', message })
    }
  })
})
