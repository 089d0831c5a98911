/** The messages that subscribers of `node:diagnostics_channel` receive about verifications and key fetches. */

const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const { randomUUID } = require('node:crypto')
const { subscribe, unsubscribe } = require('node:diagnostics_channel')
const { once } = require('node:events')
const { test } = require('node:test')
const { Worker } = require('node:worker_threads')
const { createVerifier, verifyAuth, verifyLogtoToken } = require('logto-authkit')
const { logtoAuth } = require('logto-authkit/express')
const { inChild } = require('../../support/child')
const { EXPRESSES } = require('../../support/frameworks')
const { messagesOf, startServer, verdict } = require('../../support/helpers')
const { held, keySet, startKeyServer, startVerifier, text } = require('../../support/key-server')
const { bearer, createKey } = require('../../support/tokens')

/** Every verification fetches the keys. */
const ALWAYS_FETCHING = { jwksCacheTtlMs: 0, jwksCooldownMs: 0 }

test('the first verification of a token has remembered: false, later ones have true', async (t) => {
  const { server, verifier } = await startVerifier(t)
  const token = server.key.sign(server.issuer)
  const messages = verifications(t)
  for (const input of [token, bearer(token), token]) await verifier.verify(input)
  assert.deepEqual(messages.map(withoutDuration), [
    { outcome: 'ok', guest: false, remembered: false },
    { outcome: 'ok', guest: false, remembered: true },
    { outcome: 'ok', guest: false, remembered: true },
  ])
  for (const { duration } of messages) assert.ok(duration > 0 && duration < 60_000, String(duration))
})

test('remembered is true even if the verification waited for keys or ran on the thread pool', async (t) => {
  const key = createKey('ES384')
  const { server, verifier } = await startVerifier(t, { ...ALWAYS_FETCHING }, { keys: [key] })
  const tokens = Array.from({ length: 8 }, () => key.sign(server.issuer))
  const messages = verifications(t)
  await Promise.all(tokens.map((token) => verifier.verify(token)))
  assert.deepEqual(
    messages.map(({ remembered }) => remembered),
    Array(8).fill(false),
  )
  await Promise.all(tokens.map((token) => verifier.verify(token)))
  assert.deepEqual(
    messages.slice(8).map(({ remembered }) => remembered),
    Array(8).fill(true),
  )
})

test('remembered describes the accepted token if another one was rejected before it', async (t) => {
  const { server, verifier } = await startVerifier(t, { isRevoked: ({ userId }) => userId === 'mallory' })
  const [good, revoked] = ['alice', 'mallory'].map((sub) => server.key.sign(server.issuer, { claims: { sub } }))
  await verifier.verify(good)
  const messages = verifications(t)
  await verifier.verify({ headers: { cookie: `logto_authtoken=${revoked}`, ...bearer(good).headers } })
  assert.deepEqual(messages.map(withoutDuration), [{ outcome: 'ok', guest: false, remembered: true }])
})

test('a rejection has its error code as outcome and remembered: false', async (t) => {
  const { server, verifier } = await startVerifier(t)
  const token = server.key.sign(server.issuer)
  await verifier.verify(token)
  const messages = verifications(t)
  const refusals = [
    ['missing_token', verifier.verify({ headers: {} })],
    ['opaque_token', verifier.verify('opaque')],
    ['token_expired', verifier.verify(server.key.sign(server.issuer, { claims: { exp: 1 } }))],
    ['token_revoked', verifyAuth(token, { ...server.options, isRevoked: () => true })],
    ['invalid_audience', verifyAuth(token, { ...server.options, audience: 'https://other.example.test' })],
    ['missing_scope', verifyLogtoToken(token, { ...server.options, requiredScope: 'a' })],
  ]
  for (const [code, verification] of refusals) assert.equal(await verdict(/** @type {any} */ (verification)), code)
  assert.deepEqual(new Set(messages.map(({ outcome }) => outcome)), new Set(refusals.map(([code]) => code)))
  assert.equal(messages.length, refusals.length)
  for (const { guest, remembered } of messages) assert.deepEqual([guest, remembered], [false, false])
})

test('a guest has guest: true and the reason as outcome', async (t) => {
  const { server, verifier } = await startVerifier(t, { allowGuest: true })
  const messages = verifications(t)
  await verifier.verify({ headers: {} })
  await verifier.verify(bearer(server.key.sign(server.issuer, { claims: { exp: 1 } })))
  assert.deepEqual(messages.map(withoutDuration), [
    { outcome: 'missing_token', guest: true, remembered: false },
    { outcome: 'token_expired', guest: true, remembered: false },
  ])
})

test('there is no message for invalid options, invalid input or an isRevoked that throws', async (t) => {
  const server = await startKeyServer(t)
  const messages = verifications(t)
  const token = server.key.sign(server.issuer)
  const isRevoked = () => Promise.reject(new Error('the database is gone'))
  await assert.rejects(verifyAuth(token, { ...server.options, isRevoked }), /the database is gone/)
  await assert.rejects(verifyAuth(token, /** @type {any} */ ({ ...server.options, wrong: 1 })), TypeError)
  await assert.rejects(verifyAuth(/** @type {any} */ ({}), server.options), TypeError)
  assert.deepEqual(messages, [])
})

for (const [framework, express] of Object.entries(EXPRESSES)) {
  test(`${framework}: there is one message per request, before the response`, async (t) => {
    const keys = await startKeyServer(t)
    const messages = verifications(t)
    const counts = []
    const app = express().use(logtoAuth(keys.options))
    app.use((_req, res) => res.end(String(counts.push(messages.length))))
    const { url } = await startServer(t, app)
    await fetch(url, bearer(keys.key.sign(keys.issuer)))
    await fetch(url)
    assert.deepEqual(counts, [1])
    assert.deepEqual(
      messages.map(({ outcome }) => outcome),
      ['ok', 'missing_token'],
    )
  })
}

test('a subscriber runs in the async context of the caller', async (t) => {
  const { server, verifier } = await startVerifier(t)
  const request = new AsyncLocalStorage()
  const requests = []
  listen(t, VERIFY, () => requests.push(request.getStore()))
  const ask = (n) => request.run(n, () => verifier.verify(server.key.sign(server.issuer)))
  await Promise.all([ask(1), ask(2)])
  await ask(3)
  assert.deepEqual(requests.sort(), [1, 2, 3])
})

test('a fetch has its reason and outcome, and comes before the verification that waited for it', async (t) => {
  const server = await startKeyServer(t)
  const order = []
  listen(t, VERIFY, () => order.push('verification'))
  listen(t, JWKS, ({ jwksUri }) => jwksUri === server.jwksUri && order.push('fetch'))
  const messages = fetches(t, server)
  const before = Date.now()
  const verifier = createVerifier(server.options)
  await verifier.verify(server.key.sign(server.issuer))
  assert.deepEqual(order, ['fetch', 'verification'])

  const [{ duration, startedAt, ...rest }] = messages
  const { jwksUri } = server
  assert.deepEqual(rest, { jwksUri, reason: 'empty', outcome: 'ok', keys: 1, error: null })
  assert.ok(startedAt >= before - 1 && startedAt + duration <= Date.now() + 1, `${before} ${startedAt} ${duration}`)

  const next = createKey()
  server.answer = keySet([server.key, next])
  await verifier.verify(next.sign(server.issuer))
  server.answer = text(500)
  await createVerifier({ ...server.options, ...ALWAYS_FETCHING }).verify(next.sign(server.issuer))
  assert.deepEqual(
    messages.slice(1).map(({ reason, outcome, keys, error }) => [reason, outcome, keys, error]),
    [
      ['unknown_kid', 'ok', 2, null],
      ['stale', 'failed', 0, verifier.stats().jwks.lastError],
    ],
  )
})

test('there is one message per fetch', async (t) => {
  const server = await startKeyServer(t)
  const messages = fetches(t, server)
  const verifier = createVerifier({ ...server.options, ...ALWAYS_FETCHING })
  for (let n = 0; n < 200; n += 1) {
    if (n % 2 === 0) server.answer = n % 4 === 0 ? text(500) : keySet([server.key])
    await verifier.verify(server.key.sign(server.issuer)).catch(() => {})
  }
  const { fetches: made, failures } = verifier.stats().jwks
  assert.equal(messages.length, made)
  assert.equal(messages.filter(({ outcome }) => outcome === 'failed').length, failures)
  assert.ok(failures > 0 && failures < made)
})

test('prefetch and stats publish fetches as well', async (t) => {
  const server = await startKeyServer(t)
  const messages = fetches(t, server)
  const verifier = createVerifier(server.options)
  await verifier.prefetch()
  assert.deepEqual(
    messages.map(({ outcome }) => outcome),
    ['ok'],
  )

  const { answer, release } = held(keySet([server.key]))
  server.answer = answer
  const verification = createVerifier({ ...server.options, ...ALWAYS_FETCHING }).verify(server.key.sign(server.issuer))
  await server.requested(2)
  verifier.stats()
  assert.equal(messages.length, 1)
  await release()
  await verification
  assert.equal(messages.length, 2)
})

test('a fetch without subscribers is published once to later subscribers', async (t) => {
  const { server, verifier } = await startVerifier(t)
  await verifier.prefetch()
  const [first, second] = [fetches(t, server), fetches(t, server)]
  verifier.stats()
  assert.deepEqual([first.length, second.length], [1, 1])
  verifier.stats()
  await verifier.verify(server.key.sign(server.issuer))
  assert.equal(first.length, 1)
})

test('without subscribers no clock is read and no fetch is read from the core', async (t) => {
  const { server, verifier } = await startVerifier(t)
  const native = require('../../../js/core/addon')
  const taken = t.mock.method(native, 'drainFetchLog')
  const clock = t.mock.method(performance, 'now')
  const ask = async () => {
    await verifier.prefetch()
    await verifier.verify(server.key.sign(server.issuer))
    await verdict(verifier.verify('opaque'))
    verifier.stats()
  }
  await ask()
  assert.deepEqual([taken.mock.callCount(), clock.mock.callCount()], [0, 0])
  const stop = listen(t, VERIFY, () => {})
  await ask()
  assert.deepEqual([taken.mock.callCount(), clock.mock.callCount()], [0, 4])
  stop()
  await ask()
  assert.deepEqual([taken.mock.callCount(), clock.mock.callCount()], [0, 4])
  listen(t, JWKS, () => {})
  await ask()
  assert.equal(taken.mock.callCount(), 4)
})

test('a message has only the declared members, and contains no user, token or key', async (t) => {
  const key = createKey('ES256', { kid: randomUUID() })
  const server = await startKeyServer(t, { keys: [key] })
  const messages = messagesOf(t, VERIFY, JWKS)
  const verifier = createVerifier({ ...server.options, allowGuest: true })
  const claims = { sub: `user-${randomUUID()}`, client_id: `app-${randomUUID()}`, organization_id: randomUUID() }
  const token = key.sign(server.issuer, { claims })
  const kid = randomUUID()
  const guestId = randomUUID()
  const unknown = key.sign(server.issuer, { claims, header: { kid } })
  for (const one of [token, token, unknown, `${token}x`]) {
    const cookie = `guest_logto_authtoken=${guestId}`
    await verifier.verify({ headers: { cookie, ...bearer(one).headers } })
    await verdict(verifier.verify(one))
  }
  const own = messages.filter(({ jwksUri = server.jwksUri }) => jwksUri === server.jwksUri)
  assert.deepEqual([...new Set(own.map((message) => Object.keys(message).sort().join()))].sort(), [
    'duration,error,jwksUri,keys,outcome,reason,startedAt',
    'duration,guest,outcome,remembered',
  ])
  const json = JSON.stringify(own)
  const secrets = [...Object.values(claims), key.jwk.kid, kid, guestId, key.jwk.x, ...token.split('.')]
  for (const secret of secrets) assert.equal(json.includes(String(secret)), false, json)
})

test('a subscriber that throws affects neither the verification nor other subscribers', async (t) => {
  const server = await startKeyServer(t)
  const { code, stdout, stderr } = await inChild(
    async ({ token, ...options }) => {
      const { subscribe } = require('node:diagnostics_channel')
      const { verifyAuth } = require('logto-authkit')
      process.on('uncaughtException', (error) => console.log(error.message))
      for (const name of ['logto-authkit:verify', 'logto-authkit:jwks']) {
        subscribe(name, () => {
          throw new Error(`thrown for ${name}`)
        })
        subscribe(name, (message) => console.log(name, /** @type {any} */ (message).outcome))
      }
      console.log((await verifyAuth(token, options)).userId)
      console.log((await verifyAuth('opaque', options).catch((error) => error)).code)
    },
    { ...server.options, token: server.key.sign(server.issuer) },
  )
  assert.equal(code, 0, stderr)
  assert.deepEqual(stdout.trim().split('\n').sort(), [
    'alice',
    'logto-authkit:jwks ok',
    'logto-authkit:verify ok',
    'logto-authkit:verify opaque_token',
    'opaque_token',
    'thrown for logto-authkit:jwks',
    'thrown for logto-authkit:verify',
    'thrown for logto-authkit:verify',
  ])
})

test('the messages of a worker thread go to its own subscribers only', async (t) => {
  const server = await startKeyServer(t)
  const [mine, ofKeys] = [verifications(t), fetches(t, server)]
  const received = await inWorker(server, true)
  assert.deepEqual(mine, [])
  assert.deepEqual(received, ['logto-authkit:jwks empty', 'logto-authkit:verify ok'])
  createVerifier(server.options).stats()
  assert.deepEqual(ofKeys, [], 'it was published twice')
})

test('a fetch by a worker thread without subscribers is published in a thread that has some', async (t) => {
  const server = await startKeyServer(t)
  const messages = fetches(t, server)
  assert.deepEqual(await inWorker(server, false), [])
  createVerifier(server.options).stats()
  assert.deepEqual(
    messages.map(({ reason, outcome }) => [reason, outcome]),
    [['empty', 'ok']],
  )
})

test('terminating worker threads that wait for keys does not lose messages in other threads', async (t) => {
  const { answer, release } = held(keySet([createKey()]))
  const server = await startKeyServer(t, { answer })
  const messages = fetches(t, server)
  const workers = [1, 2, 3].map(() => new Worker(IN_WORKER, { eval: true, workerData: taskOf(server, true) }))
  await server.requested(1)
  await Promise.all(workers.map((worker) => worker.terminate()))
  const waiting = createVerifier(server.options).prefetch()
  await release()
  await waiting
  assert.deepEqual(
    messages.map(({ reason, outcome }) => [reason, outcome]),
    [['empty', 'ok']],
  )
})

const withoutDuration = ({ duration, ...rest }) => rest

/** Subscribes until the test ends or the returned function is called. */
function listen(t, name, subscriber) {
  const own = (message) => subscriber(message)
  subscribe(name, own)
  const stop = () => void unsubscribe(name, own)
  t.after(stop)
  return stop
}

/** Collects the messages about verifications. */
const verifications = (t) => messagesOf(t, VERIFY)

/** Collects the messages about fetches from that server. */
function fetches(t, server) {
  const messages = []
  listen(t, JWKS, (message) => message.jwksUri === server.jwksUri && messages.push(message))
  return messages
}

const taskOf = (server, isListening) => ({
  isListening,
  token: server.key.sign(server.issuer),
  options: server.options,
})

/** The messages that a worker thread receives while it verifies one token. */
async function inWorker(server, isListening) {
  const worker = new Worker(IN_WORKER, { eval: true, workerData: taskOf(server, isListening) })
  const [[messages], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  assert.equal(code, 0)
  return messages
}

const VERIFY = 'logto-authkit:verify'
const JWKS = 'logto-authkit:jwks'

const IN_WORKER = `
  const { subscribe } = require('node:diagnostics_channel')
  const { parentPort, workerData } = require('node:worker_threads')
  const { verifyAuth } = require('logto-authkit')
  const { isListening, token, options } = workerData
  const messages = []
  if (isListening) {
    for (const name of ['logto-authkit:verify', 'logto-authkit:jwks']) {
      subscribe(name, ({ reason, outcome }) => messages.push(name + ' ' + (reason ?? outcome)))
    }
  }
  verifyAuth(token, options).then(() => parentPort.postMessage(messages))
`
