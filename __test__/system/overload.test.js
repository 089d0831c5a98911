/** More requests than a process can verify: clients that pipeline requests, expensive tokens and unknown keys. */

const assert = require('node:assert/strict')
const { EventEmitter, once } = require('node:events')
const http2 = require('node:http2')
const { connect } = require('node:net')
const { test } = require('node:test')
const fastify = require('fastify')
const { createVerifier } = require('logto-authkit')
const { ask } = require('../support/frameworks')
const { outcome, startServer } = require('../support/helpers')
const { keySet, startVerifier, text, tokensOfUnknownKeys } = require('../support/key-server')
const { ISSUER, createKey, optionsFor } = require('../support/tokens')

const key = createKey('ES384')
const forger = createKey('ES384', { kid: key.jwk.kid })
const FORGED = forger.sign(ISSUER)
const REQUEST = `GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${FORGED}\r\n\r\n`
const COUNT = 1_000
const MANY_BYTES = 16 * 1024 * 1024

/** Starts a server that answers each request with the outcome of its verification, and counts open requests. */
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

test('A5: tokens are verified or rejected as overloaded if there are more than the queue holds', async () => {
  const verifier = createVerifier({ ...optionsFor(key), tokenCacheSize: 0 })
  const few = Array.from({ length: 50 }, (_, n) => {
    const isForged = n % 5 === 2
    const token = (isForged ? forger : key).sign(ISSUER, {
      claims: { sub: `user ${n}`, ...(n % 7 === 3 && { exp: 1 }) },
    })
    return { input: token, expected: isForged ? 'invalid_signature' : n % 7 === 3 ? 'token_expired' : `user ${n}` }
  })
  const many = Array.from({ length: 10_000 }, (_, n) => few[n % few.length])
  const outcomes = await Promise.all(many.map(({ input }) => outcome(verifier.verify(input))))
  const counts = { expected: 0, overloaded: 0 }
  for (const [n, actual] of outcomes.entries()) {
    if (actual === 'overloaded') counts.overloaded += 1
    else {
      assert.equal(actual, many[n].expected)
      counts.expected += 1
    }
  }
  // The queue holds 4,096 tokens, and a slow machine verifies fewer in time.
  assert.ok(counts.expected > 100 && counts.overloaded > 100, JSON.stringify(counts))
  for (const { input, expected } of few) assert.equal(await outcome(verifier.verify(input)), expected)
})

test('A5: an overloaded server asks clients to try again, and previously verified tokens are unaffected', async () => {
  const verifier = createVerifier(optionsFor(key))
  const token = key.sign(ISSUER)
  await verifier.verify(token)
  const guests = createVerifier(optionsFor(key, { allowGuest: true }))
  const forged = { headers: { authorization: `Bearer ${FORGED}` } }
  const flood = Array.from({ length: 8_000 }, (_, n) => (n % 2 === 0 ? guests : verifier).verify(forged))
  assert.equal((await verifier.verify(token)).userId, 'alice')

  /** @type {any[]} */
  const results = await Promise.allSettled(flood)
  const guest = results.find(({ status, value }) => status === 'fulfilled' && value.guestReason === 'overloaded')
  assert.ok(guest)
  const { reason } = results.find(({ status, reason }) => status === 'rejected' && reason.code === 'overloaded')
  const { status, message, wwwAuthenticate, headers } = reason
  assert.deepEqual(
    { status, message, wwwAuthenticate, 'Retry-After': headers['Retry-After'] },
    {
      status: 503,
      message: 'Too many tokens to verify, try again later',
      wwwAuthenticate: null,
      'Retry-After': '1',
    },
  )
})

for (const [when, answerOf, code] of /** @type {[string, (key: any) => any, string][]} */ ([
  ['while the server works', (key) => keySet([key]), 'unknown_key'],
  ['during an outage', () => text(500), 'jwks_unavailable'],
])) {
  test(`10,000 tokens with unknown keys cause one fetch per cooldown ${when}, and valid tokens are accepted throughout`, async (t) => {
    const { server, verifier } = await startVerifier(t)
    const flood = tokensOfUnknownKeys(server, 10_000)
    const good = () => outcome(verifier.verify(server.key.sign(server.issuer)))
    assert.equal(await good(), 'alice')

    server.answer = answerOf(server.key)
    const began = Date.now()
    for (let batch = 0; batch < 10; batch += 1) {
      const refused = flood.splice(0, 1000).map((token) => outcome(verifier.verify(token)))
      assert.equal(await good(), 'alice')
      assert.deepEqual([...new Set(await Promise.all(refused))], [code])
    }
    assert.equal(await good(), 'alice')
    const cooldowns = 1 + Math.floor((Date.now() - began) / 10_000)
    assert.ok(server.requests.length >= 2 && server.requests.length <= 1 + cooldowns, String(server.requests.length))
    const { state, keys } = verifier.stats().jwks
    assert.deepEqual({ state, keys }, { state: 'fresh', keys: 1 })
  })
}

for (const [how, padding] of [
  ['at once', ''],
  // Large responses make Node pause the connection as well.
  ['late', '.'.repeat(20_000)],
]) {
  test(`A5: a client that pipelines requests and reads ${how} has few open ones at a time, and gets all responses`, async (t) => {
    const { open, client } = await start(t, padding)
    const socket = client()
    socket.write(REQUEST.repeat(COUNT))
    if (how === 'late') await once(socket, 'readable')
    const { invalid_signature, overloaded } = await responses(socket, COUNT)
    assert.equal(invalid_signature + overloaded, COUNT)
    // Node reads 64 KB at a time, which is about a hundred requests.
    assert.ok(open.most < 250, String(open.most))
  })
}

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

/** Verifies a request several times while many other tokens are waiting. At least one is rejected as overloaded. */
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
