/** Clients that pipeline requests are read only as fast as their tokens can be verified. */

const assert = require('node:assert/strict')
const { createHook } = require('node:async_hooks')
const { EventEmitter, once } = require('node:events')
const http2 = require('node:http2')
const { connect } = require('node:net')
const { test } = require('node:test')
const { setImmediate } = require('node:timers/promises')
const fastify = require('fastify')
const { createVerifier } = require('logto-authkit')
const { ask } = require('../../support/frameworks')
const { outcome, startServer } = require('../../support/helpers')
const { ISSUER, createKey, optionsFor } = require('../../support/tokens')

const key = createKey('ES384')
const FORGED = createKey('ES384', { kid: key.jwk.kid }).sign(ISSUER)
const REQUEST = `GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${FORGED}\r\n\r\n`
const COUNT = 1_000
const MANY_BYTES = 16 * 1024 * 1024

/** Starts a server that answers each request with the outcome of its verification, and counts the open ones. */
async function start(t, padding = '') {
  const verifier = createVerifier({ ...optionsFor(key), tokenCacheSize: 0 })
  const open = { now: 0, most: 0 }
  const { port } = await startServer(t, async (req, res) => {
    open.now += 1
    open.most = Math.max(open.most, open.now)
    const code = await outcome(verifier.verify(/** @type {any} */ (req)))
    open.now -= 1
    res.end(code + padding)
  })
  const client = () => {
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    return socket
  }
  return { open, client }
}

/** Reads until all responses have arrived, and returns the number of each outcome. */
async function responses(socket, count) {
  const counts = { invalid_signature: 0, overloaded: 0 }
  let text = ''
  for await (const chunk of socket) {
    // Padding would make the search for outcomes slow.
    text += String(chunk).replaceAll('.', '')
    counts.invalid_signature = text.split('invalid_signature').length - 1
    counts.overloaded = text.split('overloaded').length - 1
    if (counts.invalid_signature + counts.overloaded === count) return counts
  }
  return counts
}

test('A5: a client that pipelines requests has few open ones at a time, and all are answered', async (t) => {
  const { open, client } = await start(t)
  const socket = client()
  socket.write(REQUEST.repeat(COUNT))
  const { invalid_signature, overloaded } = await responses(socket, COUNT)
  assert.equal(invalid_signature + overloaded, COUNT)
  // Node reads 64 KB at a time, which is about a hundred requests.
  assert.ok(open.most < 250, String(open.most))
})

test('A5: a client that pipelines requests and reads late gets all responses', async (t) => {
  // Large responses make Node pause the connection as well.
  const { open, client } = await start(t, '.'.repeat(20_000))
  const socket = client()
  socket.write(REQUEST.repeat(COUNT))
  await once(socket, 'readable')
  const { invalid_signature, overloaded } = await responses(socket, COUNT)
  assert.equal(invalid_signature + overloaded, COUNT)
  assert.ok(open.most < 250, String(open.most))
})

test('A5: other clients are served while a client pipelines requests', async (t) => {
  const { client } = await start(t)
  const [greedy, other] = [client(), client()]
  greedy.write(REQUEST.repeat(COUNT))
  let served = 0
  const all = responses(greedy, COUNT).then(() => (served += 1))
  await once(other, 'connect')
  other.write(REQUEST)
  assert.equal((await responses(other, 1)).invalid_signature, 1)
  assert.equal(served, 0)
  await all
})

test('A5: a client that disconnects without reading its responses leaves no timer behind', async (t) => {
  const timers = /** @type {any[]} */ ([])
  const hook = createHook({ init: (_id, type, _trigger, timer) => void (type === 'Timeout' && timers.push(timer)) })
  hook.enable()
  t.after(() => hook.disable())
  const verifier = createVerifier({ ...optionsFor(key), tokenCacheSize: 0 })
  const connections = /** @type {Set<import('node:net').Socket>} */ (new Set())
  const outcomes = /** @type {Promise<string>[]} */ ([])
  const { port } = await startServer(t, async (req, res) => {
    connections.add(req.socket)
    const verification = outcome(verifier.verify(/** @type {any} */ (req)))
    outcomes.push(verification)
    res.end((await verification) + '.'.repeat(200_000))
  })
  const client = connect(port, '127.0.0.1')
  client.write(REQUEST.repeat(COUNT))
  await once(client, 'readable')
  const [connection] = connections
  // The buffers are full if the connection has not drained for a while. Node has then paused the connection as well.
  for (let turns = 0; turns < 100; turns = connection.writableNeedDrain ? turns + 1 : 0) await setImmediate()
  const closed = new Promise((resolve) => connection.once('close', resolve))
  client.destroy()
  await closed
  await Promise.all(outcomes)
  for (let turns = 0; turns < 10; turns += 1) await setImmediate()
  assert.deepEqual(
    timers.filter(({ _timerArgs }) => _timerArgs?.includes(connection)),
    [],
  )
})

/** Verifies a request while so many other tokens are waiting that it is rejected as overloaded, at least once. */
async function overload(verifier, request) {
  for (let n = 0; n < 5_000; n += 1) outcome(verifier.verify(FORGED))
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome(verifier.verify(request))))
  assert.ok(outcomes.includes('overloaded'))
}

test('A5: an overloaded server does not read the body of a request faster than the application', async (t) => {
  const verifier = createVerifier(optionsFor(key))
  let upload
  const { url, port } = await startServer(t, async (req, res) => {
    if (req.method === 'GET') return res.end()
    upload = req
    await overload(verifier, req)
    res.writeContinue()
  })
  const client = connect(port, '127.0.0.1')
  t.after(() => client.destroy())
  const head = `POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${FORGED}\r\nContent-Length: ${MANY_BYTES}\r\n\r\n`
  client.write(Buffer.concat([Buffer.from(head), Buffer.alloc(MANY_BYTES)]))
  await once(client, 'readable')
  // Node would read 64 KB in each turn of the event loop.
  for (let n = 0; n < 100; n += 1) await ask(url)
  assert.ok(upload.readableLength < MANY_BYTES / 8, String(upload.readableLength))
})

test('A5: an overloaded HTTP/2 server still reads the connection after the stream has ended', async (t) => {
  const verifier = createVerifier(optionsFor(key))
  const app = fastify({ http2: true })
  app.get('/', async (request) => {
    // Connections are read one by one, so those of other clients are read before this one.
    const others = Array.from({ length: 300 }, () => ({ headers: request.headers, socket: new EventEmitter() }))
    for (let n = 0; n < 5_000; n += 1) outcome(verifier.verify(FORGED))
    for (const other of [...others, request]) outcome(verifier.verify(/** @type {any} */ (other)))
    return 'answered'
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const session = http2.connect(
    `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (app.server.address()).port}`,
  )
  t.after(() => session.destroy())
  t.after(() => app.close())
  const answer = async () => {
    let body = ''
    const stream = session.request({ ':path': '/', authorization: `Bearer ${FORGED}` }).setEncoding('utf8')
    for await (const chunk of stream) body += chunk
    return body
  }
  for (let n = 0; n < 3; n += 1) assert.equal(await answer(), 'answered')
})
