const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { connect } = require('node:net')
const { describe, test } = require('node:test')
const { Server } = require('socket.io')
const { io } = require('socket.io-client')
const { socketAuth, verifyUpgrade } = require('logto-authkit/upgrade')
const { WebSocket, WebSocketServer } = require('ws')
const { inChild } = require('../../support/child')
const { ask, bearer, listen, pausedCheck, setUp } = require('../../support/frameworks')
const { pollute } = require('../../support/helpers')

const HANDSHAKE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

/** Starts a WebSocket server that first sends the context. `raw`, `faults` and `outcomes` hold the results so far. */
async function serveSockets(t, options, more) {
  const sockets = new WebSocketServer({ noServer: true, ...more })
  const raw = []
  const faults = []
  const outcomes = []
  const server = createServer().on('upgrade', (incoming, socket, head) => {
    raw.push(socket)
    verifyUpgrade(incoming, socket, options).then(
      (auth) => {
        outcomes.push(auth)
        if (auth === null) return
        assert.equal(Object(incoming).auth, auth)
        sockets.handleUpgrade(incoming, socket, head, (ws) => ws.send(JSON.stringify(auth)))
      },
      (fault) => faults.push(fault),
    )
  })
  const url = await listen(t, server)
  t.after(() => {
    for (const client of sockets.clients) client.terminate()
  })
  return { url, raw, faults, outcomes }
}

/** Returns the first message. */
async function greeting(client) {
  const [message] = await once(client, 'message')
  client.close()
  return JSON.parse(String(message))
}

/** A raw connection that has sent a handshake. */
function startHandshake(url, headers, allowHalfOpen = false) {
  const { hostname, port } = new URL(url)
  const client = connect({ host: hostname, port: Number(port), allowHalfOpen })
  const lines = Object.entries({ host: 'x', ...HANDSHAKE, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  client.write(`GET / HTTP/1.1\r\n${lines.join('')}\r\n`)
  return client
}

describe('verifyUpgrade', { timeout: 60_000 }, () => {
  test('accepts a token in the header, the cookie, the query or the subprotocol', async (t) => {
    const { issuer, options } = await setUp(t)
    const token = issuer.mint({ sub: 'alice' })
    const { url } = await serveSockets(t, options)
    const socketUrl = url.replace('http', 'ws')
    assert.equal((await greeting(new WebSocket(socketUrl, bearer(token)))).userId, 'alice')
    const cookie = `theme=dark; logto_authtoken=${token}`
    assert.equal((await greeting(new WebSocket(socketUrl, { headers: { cookie } }))).userId, 'alice')

    const inQuery = await serveSockets(t, {
      ...options,
      tokenSources: [],
      getToken: (/** @type {any} */ { url }) => new URL(url, 'http://localhost').searchParams.get('token'),
    })
    const withQuery = `${inQuery.url.replace('http', 'ws')}/?token=${token}`
    assert.equal((await greeting(new WebSocket(withQuery))).userId, 'alice')

    const getToken = (/** @type {any} */ { headers }) => headers['sec-websocket-protocol']?.split(/, ?/)[1]
    const inProtocol = await serveSockets(
      t,
      { ...options, tokenSources: [], getToken },
      { handleProtocols: () => 'bearer' },
    )
    const client = new WebSocket(inProtocol.url.replace('http', 'ws'), ['bearer', token])
    assert.equal((await greeting(client)).userId, 'alice')
    assert.equal(client.protocol, 'bearer')
  })

  test('accepts guests if they are allowed, and checks the organization of the request', async (t) => {
    const { issuer, options } = await setUp(t, {
      allowGuest: true,
      organizationId: (/** @type {any} */ { url }) => url.slice(1),
    })
    const { url } = await serveSockets(t, options)
    const socketUrl = url.replace('http', 'ws')
    const token = issuer.mint({ organizationId: 'mine' })
    assert.equal((await greeting(new WebSocket(`${socketUrl}/mine`, bearer(token)))).organizationId, 'mine')
    const other = await greeting(new WebSocket(`${socketUrl}/other`, bearer(token)))
    assert.equal(other.guestReason, 'wrong_organization')
  })

  test('ignores a polluted Object.prototype.allowedOrigins', async (t) => {
    const { issuer, options } = await setUp(t)
    pollute(t, 'allowedOrigins', ['https://app.example.test'])
    const { url } = await serveSockets(t, options)
    const client = new WebSocket(url.replace('http', 'ws'), {
      headers: { ...bearer(issuer.mint()).headers, origin: url },
    })
    assert.equal((await greeting(client)).isAuthenticated, true)
  })

  test('rejects a handshake from an origin that is not allowed', async (t) => {
    const warnings = t.mock.method(process, 'emitWarning', () => {})
    const { issuer, options } = await setUp(t, {
      allowedOrigins: ['https://app.example.test', 'http://localhost:5173'],
    })
    const { url } = await serveSockets(t, options)
    const cookie = `logto_authtoken=${issuer.mint()}`
    for (const origin of [
      'https://evil.test',
      'https://app.example.test.evil.test',
      'http://app.example.test',
      'null',
      '',
    ]) {
      const { status, body, headers } = await ask(url, { headers: { ...HANDSHAKE, cookie, origin } })
      assert.deepEqual(
        [status, JSON.parse(body)],
        [403, { error: 'Forbidden', code: 'forbidden', message: 'Origin is not allowed' }],
        origin,
      )
      assert.equal(headers['cache-control'], 'no-store')
    }
    assert.equal(warnings.mock.calls.length, 1)
    assert.match(String(warnings.mock.calls[0].arguments[0]), /allowedOrigins: {"origin":"https:\/\/evil\.test"/)
    const socketUrl = url.replace('http', 'ws')
    for (const headers of [
      { cookie, origin: 'https://app.example.test' },
      { cookie, origin: 'http://localhost:5173' },
      { cookie },
    ]) {
      assert.equal((await greeting(new WebSocket(socketUrl, { headers }))).isAuthenticated, true)
    }
  })

  test('B9: without allowedOrigins, rejects the cookies of a visitor of another website', async (t) => {
    const warnings = t.mock.method(process, 'emitWarning', () => {})
    const { issuer, options } = await setUp(t)
    const { url } = await serveSockets(t, options)
    const guests = await serveSockets(t, { ...options, allowGuest: true })
    const headerOnly = await serveSockets(t, { ...options, tokenSources: ['header'] })
    const token = issuer.mint()
    const [cookie, guest] = [`theme=dark; logto_authtoken=${token}`, 'guest_logto_authtoken=known']
    const foreign = ['https://evil.test', 'null', '', 'http://localhost', `${url}.evil.test`, 'file://']
    for (const origin of foreign) {
      for (const [base, headers] of /** @type {[string, object][]} */ ([
        [url, { cookie }],
        [url, { cookie, ...bearer(token).headers }],
        [guests.url, { cookie: guest }],
      ])) {
        const { status, body } = await ask(base, { headers: { ...HANDSHAKE, ...headers, origin } })
        assert.deepEqual([status, JSON.parse(body).message], [403, 'Origin is not allowed'], origin)
      }
    }
    assert.ok(warnings.mock.calls.length <= 1)

    // With several servers, each has its own sources; functions may read the session of another library.
    const other = { ...options, logtoUrl: 'https://other.example.test', tokenSources: ['header'] }
    const session = () => ({ userId: 'local' })
    for (const [several, headers] of /** @type {[any, object][]} */ ([
      [[other, options], { cookie }],
      [{ ...options, getToken: () => token }, { cookie: 'sdk=1' }],
      [{ ...options, fallback: session }, { cookie: 'sid=1' }],
    ])) {
      const { url: base } = await serveSockets(t, several)
      const { status } = await ask(base, { headers: { ...HANDSHAKE, ...headers, origin: 'https://evil.test' } })
      assert.equal(status, 403)
    }

    const accepted = async (base, headers) =>
      (await greeting(new WebSocket(base.replace('http', 'ws'), { headers }))).subjectType
    const { host } = new URL(url)
    for (const origin of [`http://${host}`, `https://${host}`, `HTTP://${host}`]) {
      assert.equal(await accepted(url, { cookie, origin }), 'user', origin)
    }
    assert.equal(await accepted(url, { cookie, host: 'app.test', origin: 'https://app.test' }), 'user')
    assert.equal(await accepted(url, { cookie, host: 'app.test:443', origin: 'https://app.test' }), 'user')
    const evil = { origin: 'https://evil.test' }
    assert.equal(await accepted(url, { ...bearer(token).headers, ...evil }), 'user')
    assert.equal(await accepted(guests.url, evil), 'guest')
    assert.equal(await accepted(headerOnly.url, { ...bearer(token).headers, cookie, ...evil }), 'user')
    // The server distinguishes the two cookies by their names, not by their order.
    const guestsByHeader = await serveSockets(t, { ...options, allowGuest: true, tokenSources: ['header'] })
    assert.equal(await accepted(guestsByHeader.url, { cookie, ...evil }), 'guest')
    const rejected = await ask(guestsByHeader.url, { headers: { ...HANDSHAKE, cookie: guest, ...evil } })
    assert.equal(rejected.status, 403)
    assert.equal(await accepted(url, { cookie }), 'user')
  })

  test('responds with 500 without a body to a fault, and rejects with the fault', async (t) => {
    const { issuer, options } = await setUp(t, { isRevoked: () => Promise.reject(new Error('no database')) })
    const { url, faults } = await serveSockets(t, options)
    const { status, body } = await ask(url, { headers: { ...HANDSHAKE, ...bearer(issuer.mint()).headers } })
    assert.deepEqual([status, body, String(faults[0])], [500, '', 'Error: no database'])
  })

  test('responds with 500 to invalid options, and rejects with a TypeError', async (t) => {
    const { options } = await setUp(t)
    const { url, faults } = await serveSockets(t, { ...options, allowedOrigins: ['*'] })
    assert.equal((await ask(url, { headers: HANDSHAKE })).status, 500)
    const { name, code, message } = /** @type {any} */ (faults[0])
    assert.deepEqual([name, code], ['TypeError', 'invalid_options'])
    assert.match(message, /^Invalid option "allowedOrigins"/)
    assert.throws(() => socketAuth({ allowedOrigins: ['https://app.example.test/'], ...options }), {
      message: /without a path or trailing slash, got \["https:\/\/app\.example\.test\/"\]$/,
    })
  })

  test('closes a rejected connection even if the client keeps its end open', async (t) => {
    const { options } = await setUp(t)
    const { url, raw } = await serveSockets(t, options)
    const client = startHandshake(url, {}, true)
    t.after(() => client.destroy())
    const [answer] = await once(client, 'data')
    assert.match(String(answer), /^HTTP\/1\.1 401 Unauthorized\r\n/)
    if (!raw[0].closed) await once(raw[0], 'close')
    assert.equal(client.destroyed, false)
  })

  for (const leave of /** @type {const} */ (['destroy', 'resetAndDestroy'])) {
    test(`keeps serving after a client has left during verification (${leave})`, async (t) => {
      const { isRevoked, asked, release } = pausedCheck()
      const { issuer, options } = await setUp(t, { isRevoked })
      const { url, raw, outcomes, faults } = await serveSockets(t, options)
      const client = startHandshake(url, bearer(issuer.mint()).headers)
      await asked
      client[leave]()
      // Node notifies a paused socket only of a reset.
      if (leave === 'resetAndDestroy') await new Promise((resolve) => raw[0].resume().on('close', resolve))
      release()
      while (outcomes.length + faults.length === 0) await new Promise(setImmediate)
      assert.deepEqual(faults, [])
      if (leave === 'resetAndDestroy') assert.deepEqual(outcomes, [null])
    })
  }
})

describe('Socket.IO', { timeout: 60_000 }, () => {
  for (const transport of ['polling', 'websocket']) {
    test(`accepts and rejects connections over ${transport}`, async (t) => {
      const { issuer, options } = await setUp(t, { allowedOrigins: ['https://app.example.test'] })
      const http = createServer()
      const server = new Server(http, {
        allowRequest: async (incoming, callback) => {
          callback(null, (await verifyUpgrade(incoming, incoming.socket, options)) !== null)
        },
      })
      server.on('connection', (socket) => socket.emit('hello', Object(socket.request).auth.userId))
      const url = await listen(t, http)
      t.after(() => server.close())

      const extraHeaders = bearer(issuer.mint({ sub: 'alice' })).headers
      const client = io(url, { transports: [transport], extraHeaders, reconnection: false })
      t.after(() => client.close())
      assert.equal(await new Promise((resolve) => client.once('hello', resolve)), 'alice')

      const headers = transport === 'websocket' ? HANDSHAKE : {}
      const path = `${url}/socket.io/?EIO=4&transport=${transport}`
      const rejected = await ask(path, { headers })
      assert.deepEqual([rejected.status, JSON.parse(rejected.body).code], [401, 'missing_token'])
      assert.equal(rejected.headers['www-authenticate'], 'Bearer realm="api"')
      const hijack = { ...headers, ...extraHeaders, origin: 'https://evil.test' }
      const hijacked = await ask(path, { headers: hijack })
      assert.deepEqual([hijacked.status, hijacked.headers['access-control-allow-origin']], [403, undefined])

      // Without these headers, a page could not read why it was rejected.
      const page = await ask(path, { headers: { ...headers, origin: 'https://app.example.test' } })
      assert.equal(page.status, 401)
      assert.equal(page.headers['access-control-allow-origin'], 'https://app.example.test')
      assert.equal(page.headers['access-control-allow-credentials'], 'true')
      assert.equal(page.headers.vary, 'Origin')
    })
  }
})

test('a rejected Origin appears once in a warning, and in the debug output, without control characters', async () => {
  const { stderr } = await inChild(
    async () => {
      const { PassThrough } = require('node:stream')
      const { socketAuth, verifyUpgrade } = require('logto-authkit/upgrade')
      const jwks = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] }
      const options = { logtoUrl: 'https://a.test', audience: 'b', jwks, allowedOrigins: ['https://app.test'] }
      const request = /** @type {any} */ ({ headers: { origin: 'https://evil.test\u009b', host: 'c.test' } })
      await verifyUpgrade(request, new PassThrough(), options)
      socketAuth(options)(/** @type {any} */ ({ request, handshake: { headers: {}, auth: {} } }), () => {})
    },
    null,
    { NODE_DEBUG: 'logto-authkit' },
  )
  const lines = stderr.split('\n').filter((line) => line.includes('rejected with'))
  const details = '{"origin":"https://evil.test?","allowedOrigins":["https://app.test"]}'
  assert.equal(lines.length, 2, stderr)
  const warnings = stderr.split('\n').filter((line) => line.includes('[LOGTO_AUTHKIT_ORIGIN]'))
  assert.equal(warnings.length, 1, stderr)
  assert.ok(warnings[0].endsWith(`add its origin to allowedOrigins: ${details}`), warnings[0])
  for (const line of lines) assert.ok(line.endsWith(`forbidden (403): Origin is not allowed ${details}`), line)
})
