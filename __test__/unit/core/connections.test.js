/** Clients that pipeline requests are read only as fast as their tokens can be verified. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { connect } = require('node:net')
const { test } = require('node:test')
const { createVerifier } = require('logto-authkit')
const { outcome } = require('../../support/helpers')
const { ISSUER, createKey, optionsFor } = require('../../support/tokens')

const key = createKey('ES384')
const FORGED = createKey('ES384', { kid: key.jwk.kid }).sign(ISSUER)
const REQUEST = `GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${FORGED}\r\n\r\n`
const COUNT = 1_000

/** Starts a server that answers each request with the outcome of its verification, and counts the open ones. */
async function start(t, padding = '') {
  const verifier = createVerifier({ ...optionsFor(key), tokenCacheSize: 0 })
  const open = { now: 0, most: 0 }
  const server = createServer(async (req, res) => {
    open.now += 1
    open.most = Math.max(open.most, open.now)
    const code = await outcome(verifier.verify(/** @type {any} */ (req)))
    open.now -= 1
    res.end(code + padding)
  }).listen(0, '127.0.0.1')
  t.after(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
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
    text += chunk
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
  assert.deepEqual(await responses(socket, COUNT), { invalid_signature: COUNT, overloaded: 0 })
  // Node reads 64 KB at a time, which is about a hundred requests.
  assert.ok(open.most < 250, String(open.most))
})

test('A5: a client that pipelines requests and reads late gets all responses', async (t) => {
  // Large responses make Node pause the connection as well.
  const { open, client } = await start(t, '.'.repeat(20_000))
  const socket = client()
  socket.write(REQUEST.repeat(COUNT))
  await once(socket, 'readable')
  assert.equal((await responses(socket, COUNT)).invalid_signature, COUNT)
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
