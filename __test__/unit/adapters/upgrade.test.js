const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { connect } = require('node:net')
const { describe, test } = require('node:test')
const { Server } = require('socket.io')
const { io } = require('socket.io-client')
const { logtoAuth } = require('logto-authkit/express')
const { verifyUpgrade } = require('logto-authkit/upgrade')
const { WebSocket, WebSocketServer } = require('ws')
const { EXPRESSES, ask, bearer, listen, serve } = require('../../support/frameworks')
const { AUDIENCE, pollute, startIssuer } = require('../../support/helpers')
const { REFUSALS } = require('../../support/refusals')

/** @typedef {import('node:test').TestContext} TestContext */

const HANDSHAKE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

/**
 * A server of WebSockets that greets, and the sockets and faults that it has had.
 *
 * @param {TestContext} t
 * @param {any} options
 * @param {object} [more] - Options of `ws`.
 */
async function serveSockets(t, options, more) {
  const sockets = new WebSocketServer({ noServer: true, ...more })
  /** @type {import('node:stream').Duplex[]} */
  const raw = []
  /** @type {unknown[]} */
  const faults = []
  /** @type {unknown[]} */
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

/** What arrives first. @type {(client: WebSocket) => Promise<any>} */
async function greeting(client) {
  const [message] = await once(client, 'message')
  client.close()
  return JSON.parse(String(message))
}

/** @type {(t: TestContext, more?: object) => Promise<{ issuer: any, options: any }>} */
async function setUp(t, more) {
  const issuer = await startIssuer(t)
  return { issuer, options: { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, ...more } }
}

describe('a handshake', { timeout: 60_000 }, () => {
  for (const row of REFUSALS) {
    test(`is answered for ${row.code} as a request to Express, and the socket is destroyed`, async (t) => {
      const { issuer, options } = await setUp(t, row.options)
      if (row.outage) issuer.setOutage(row.outage)
      const headers = row.headers?.(issuer) ?? bearer(row.token?.(issuer) ?? issuer.mint()).headers
      const express = await serve(t, EXPRESSES['Express 5']().use(logtoAuth(options)))
      const { url, raw } = await serveSockets(t, options)
      const expected = await ask(express, { headers })
      const given = await ask(url, { headers: { ...HANDSHAKE, ...headers } })
      assert.deepEqual([given.status, given.body], [expected.status, expected.body])
      assert.equal(given.status, row.status)
      for (const name of [
        'www-authenticate',
        'cache-control',
        'content-type',
        'content-length',
        'set-cookie',
        'vary',
      ]) {
        assert.deepEqual(given.headers[name], expected.headers[name], name)
      }
      assert.equal(given.headers['retry-after'] === undefined, expected.headers['retry-after'] === undefined)
      assert.equal(given.headers.connection, 'close')
      assert.ok(Math.abs(Date.parse(String(given.headers.date)) - Date.now()) < 60_000)
      if (!raw[0].closed) await once(raw[0], 'close')
      assert.equal(raw[0].destroyed, true)
    })
  }

  test('brings its token in the header, in the cookie, in the query or in the subprotocol', async (t) => {
    const { issuer, options } = await setUp(t)
    const token = issuer.mint({ sub: 'alice' })
    const { url } = await serveSockets(t, options)
    const address = url.replace('http', 'ws')
    assert.equal((await greeting(new WebSocket(address, bearer(token)))).userId, 'alice')
    const cookie = `theme=dark; logto_authtoken=${token}`
    assert.equal((await greeting(new WebSocket(address, { headers: { cookie } }))).userId, 'alice')

    const inQuery = await serveSockets(t, {
      ...options,
      tokenSources: [],
      getToken: (/** @type {any} */ { url }) => new URL(url, 'http://localhost').searchParams.get('token'),
    })
    const withQuery = `${inQuery.url.replace('http', 'ws')}/?token=${token}`
    assert.equal((await greeting(new WebSocket(withQuery))).userId, 'alice')

    const getToken = (/** @type {any} */ { headers }) => headers['sec-websocket-protocol']?.split(',')[1]?.trim()
    const inProtocol = await serveSockets(
      t,
      { ...options, tokenSources: [], getToken },
      { handleProtocols: () => 'bearer' },
    )
    const client = new WebSocket(inProtocol.url.replace('http', 'ws'), ['bearer', token])
    assert.equal((await greeting(client)).userId, 'alice')
    assert.equal(client.protocol, 'bearer')
  })

  test('of a guest is let in where guests are, and one for another organization is not', async (t) => {
    const { issuer, options } = await setUp(t, {
      allowGuest: true,
      organizationId: (/** @type {any} */ { url }) => url.slice(1),
    })
    const { url } = await serveSockets(t, options)
    const address = url.replace('http', 'ws')
    const token = issuer.mint({ organizationId: 'mine' })
    assert.equal((await greeting(new WebSocket(`${address}/mine`, bearer(token)))).organizationId, 'mine')
    const other = await greeting(new WebSocket(`${address}/other`, bearer(token)))
    assert.equal(other.guestReason, 'wrong_organization')
  })

  test('is told no origins by a polluted Object.prototype', async (t) => {
    const { issuer, options } = await setUp(t)
    pollute(t, 'allowedOrigins', ['https://app.example.test'])
    const { url } = await serveSockets(t, options)
    const client = new WebSocket(url.replace('http', 'ws'), {
      headers: { ...bearer(issuer.mint()).headers, origin: url },
    })
    assert.equal((await greeting(client)).isAuthenticated, true)
  })

  test('from a page of another site is refused where origins are named, with whatever cookies', async (t) => {
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
        [403, { error: 'Forbidden', message: 'Origin is not allowed' }],
        origin,
      )
      assert.equal(headers['cache-control'], 'no-store')
    }
    const address = url.replace('http', 'ws')
    for (const headers of [
      { cookie, origin: 'https://app.example.test' },
      { cookie, origin: 'http://localhost:5173' },
      { cookie },
    ]) {
      assert.equal((await greeting(new WebSocket(address, { headers }))).isAuthenticated, true)
    }
  })

  test('names the metadata of the resource where it is asked to', async (t) => {
    const { options } = await setUp(t, { resourceMetadata: 'https://api.example.test/.well-known/x' })
    const { url } = await serveSockets(t, options)
    const { headers } = await ask(url, { headers: HANDSHAKE })
    assert.equal(headers['www-authenticate'], 'Bearer resource_metadata="https://api.example.test/.well-known/x"')
  })

  test('that fails for a fault is answered with 500, and the fault is the caller’s', async (t) => {
    for (const thrown of [new Error('no database'), 'text', null]) {
      const { issuer, options } = await setUp(t, {
        isRevoked: async () => {
          throw thrown
        },
      })
      const { url, faults } = await serveSockets(t, options)
      const { status, body } = await ask(url, { headers: { ...HANDSHAKE, ...bearer(issuer.mint()).headers } })
      assert.deepEqual([status, body], [500, ''])
      assert.equal(String(faults[0]), thrown instanceof Error ? 'Error: no database' : `Error: Thrown: ${thrown}`)
    }
  })

  test('with wrong options is answered with 500, and they are named', async (t) => {
    const { options } = await setUp(t)
    for (const [wrong, message] of /** @type {[any, RegExp][]} */ ([
      [{ audience: '' }, /^Invalid option "audience"/],
      [{ origins: [] }, /^Unknown option "origins"/],
      [{ allowedOrigins: 'https://app.example.test' }, /^Invalid option "allowedOrigins"/],
      [{ allowedOrigins: ['https://app.example.test/'] }, /^Invalid option "allowedOrigins"/],
      [{ allowedOrigins: ['*'] }, /^Invalid option "allowedOrigins"/],
      [{ allowedOrigins: null }, /^Invalid option "allowedOrigins"/],
    ])) {
      const { url, faults } = await serveSockets(t, { ...options, ...wrong })
      assert.equal((await ask(url, { headers: HANDSHAKE })).status, 500)
      const { name, code, message: given } = /** @type {any} */ (faults[0])
      assert.deepEqual([name, code], ['TypeError', 'invalid_options'])
      assert.match(given, message)
    }
  })

  test('that is refused is over, also if its client keeps its end open', async (t) => {
    const { options } = await setUp(t)
    const { url, raw } = await serveSockets(t, options)
    const { hostname, port } = new URL(url)
    const client = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    t.after(() => client.destroy())
    const lines = Object.entries({ host: 'x', ...HANDSHAKE }).map(([name, value]) => `${name}: ${value}\r\n`)
    client.write(`GET / HTTP/1.1\r\n${lines.join('')}\r\n`)
    const [answer] = await once(client, 'data')
    assert.match(String(answer), /^HTTP\/1\.1 401 Unauthorized\r\n/)
    if (!raw[0].closed) await once(raw[0], 'close')
    assert.equal(client.destroyed, false)
  })

  test('whose client leaves or resets in mid-verification disturbs nobody', async (t) => {
    for (const leave of /** @type {const} */ (['destroy', 'resetAndDestroy'])) {
      /** @type {any} */
      let release
      /** @type {any} */
      let wasAsked
      const released = new Promise((resolve) => {
        release = resolve
      })
      const asked = new Promise((resolve) => {
        wasAsked = resolve
      })
      const isRevoked = async () => {
        wasAsked()
        await released
        return false
      }
      const { issuer, options } = await setUp(t, { isRevoked })
      const { url, raw, outcomes, faults } = await serveSockets(t, options)
      const { hostname, port } = new URL(url)
      const client = connect(Number(port), hostname)
      const headers = { host: 'x', ...HANDSHAKE, ...bearer(issuer.mint()).headers }
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      client.write(`GET / HTTP/1.1\r\n${lines.join('')}\r\n`)
      await asked
      client[leave]()
      // A paused socket learns of a reset only.
      if (leave === 'resetAndDestroy') await new Promise((resolve) => raw[0].resume().on('close', resolve))
      release(undefined)
      while (outcomes.length + faults.length === 0) await new Promise(setImmediate)
      assert.deepEqual(faults, [])
      if (leave === 'resetAndDestroy') assert.deepEqual(outcomes, [null])
    }
  })
})

describe('Socket.IO', { timeout: 60_000 }, () => {
  for (const transport of ['polling', 'websocket']) {
    test(`lets in and refuses over ${transport}, with the answers of Express`, async (t) => {
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
      const refused = await ask(path, { headers })
      assert.deepEqual([refused.status, JSON.parse(refused.body).code], [401, 'missing_token'])
      assert.equal(refused.headers['www-authenticate'], 'Bearer')
      const hijack = { ...headers, ...extraHeaders, origin: 'https://evil.test' }
      assert.equal((await ask(path, { headers: hijack })).status, 403)
    })
  }
})
