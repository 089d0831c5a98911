/** What subscribers of `node:diagnostics_channel` are told of verifications and key fetches. */

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
const { bearer, startServer, verdict } = require('../../support/helpers')
const { hanging, held, keySet, startKeyServer, text } = require('../../support/key-server')
const { AUDIENCE, createKey } = require('../../support/keys')

/**
 * @typedef {import('logto-authkit').VerificationMessage} VerificationMessage
 * @typedef {import('logto-authkit').KeyFetchMessage} KeyFetchMessage
 * @typedef {import('node:test').TestContext} TestContext
 */

/** Every verification asks for the keys. */
const ASKING = { jwksCacheTtlMs: 0, jwksCooldownMs: 0 }

test('an accepted token is told as new, and from then on as remembered', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
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

test('a remembered token is told as such also where it had to wait for the keys, or was checked on another thread', async (t) => {
  const key = createKey({ alg: 'ES384' })
  const server = await startKeyServer(t, { keys: [key] })
  const verifier = createVerifier({ ...options(server), ...ASKING })
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

test('the first token may be refused where the other one is remembered', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), isRevoked: ({ userId }) => userId === 'mallory' })
  const [good, revoked] = ['alice', 'mallory'].map((sub) => server.key.sign(server.issuer, { claims: { sub } }))
  await verifier.verify(good)
  const messages = verifications(t)
  await verifier.verify({ headers: { cookie: `logto_authtoken=${revoked}`, ...bearer(good).headers } })
  assert.deepEqual(messages.map(withoutDuration), [{ outcome: 'ok', guest: false, remembered: true }])
})

test('a refusal is told by its code, and never as remembered', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const token = server.key.sign(server.issuer)
  await verifier.verify(token)
  const messages = verifications(t)
  const refusals = [
    ['missing_token', verifier.verify({ headers: {} })],
    ['opaque_token', verifier.verify('opaque')],
    ['token_expired', verifier.verify(server.key.sign(server.issuer, { claims: { exp: 1 } }))],
    ['token_revoked', verifyAuth(token, { ...options(server), isRevoked: () => true })],
    ['invalid_audience', verifyAuth(token, { ...options(server), audience: 'https://other.example.test' })],
    ['missing_scope', verifyLogtoToken(token, { ...options(server), requiredScope: 'a' })],
  ]
  for (const [code, verification] of refusals) assert.equal(await verdict(/** @type {any} */ (verification)), code)
  assert.deepEqual(new Set(messages.map(({ outcome }) => outcome)), new Set(refusals.map(([code]) => code)))
  assert.equal(messages.length, refusals.length)
  for (const { guest, remembered } of messages) assert.deepEqual([guest, remembered], [false, false])
})

test('a guest is told with the reason', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier({ ...options(server), allowGuest: true })
  const messages = verifications(t)
  await verifier.verify({ headers: {} })
  await verifier.verify(bearer(server.key.sign(server.issuer, { claims: { exp: 1 } })))
  assert.deepEqual(messages.map(withoutDuration), [
    { outcome: 'missing_token', guest: true, remembered: false },
    { outcome: 'token_expired', guest: true, remembered: false },
  ])
})

test('what is no outcome is not told: a wrong option, what is no request, an isRevoked that throws', async (t) => {
  const server = await startKeyServer(t)
  const messages = verifications(t)
  const token = server.key.sign(server.issuer)
  const isRevoked = () => Promise.reject(new Error('the database is gone'))
  await assert.rejects(verifyAuth(token, { ...options(server), isRevoked }), /the database is gone/)
  await assert.rejects(verifyAuth(token, /** @type {any} */ ({ ...options(server), wrong: 1 })), TypeError)
  await assert.rejects(verifyAuth(/** @type {any} */ ({}), options(server)), TypeError)
  assert.deepEqual(messages, [])
})

for (const [framework, express] of Object.entries(EXPRESSES)) {
  test(`a request to ${framework} is told once, before it is answered`, async (t) => {
    const keys = await startKeyServer(t)
    const messages = verifications(t)
    /** @type {number[]} */
    const told = []
    const app = express().use(logtoAuth(options(keys)))
    app.use((_req, res) => res.end(String(told.push(messages.length))))
    const { url } = await startServer(t, app)
    await fetch(url, bearer(keys.key.sign(keys.issuer)))
    await fetch(url)
    assert.deepEqual(told, [1])
    assert.deepEqual(
      messages.map(({ outcome }) => outcome),
      ['ok', 'missing_token'],
    )
  })
}

test('a subscriber is called in the asynchronous context of who asks', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const request = new AsyncLocalStorage()
  /** @type {unknown[]} */
  const requests = []
  listen(t, VERIFY, () => requests.push(request.getStore()))
  const ask = (/** @type {number} */ n) => request.run(n, () => verifier.verify(server.key.sign(server.issuer)))
  await Promise.all([ask(1), ask(2)])
  await ask(3)
  assert.deepEqual(requests.sort(), [1, 2, 3])
})

test('a fetch is told with what provoked it and what came of it, before the verification that waited for it', async (t) => {
  const server = await startKeyServer(t)
  /** @type {string[]} */
  const order = []
  listen(t, VERIFY, () => order.push('verification'))
  listen(t, JWKS, ({ jwksUri }) => jwksUri === server.jwksUri && order.push('fetch'))
  const messages = fetches(t, server)
  const before = Date.now()
  const verifier = createVerifier(options(server))
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
  await createVerifier({ ...options(server), ...ASKING }).verify(next.sign(server.issuer))
  assert.deepEqual(
    messages.slice(1).map(({ reason, outcome, keys, error }) => [reason, outcome, keys, error]),
    [
      ['unknown_kid', 'ok', 2, null],
      ['stale', 'failed', 0, verifier.stats().jwks.lastError],
    ],
  )
})

test('as many fetches are told as were made', async (t) => {
  const server = await startKeyServer(t)
  const messages = fetches(t, server)
  const verifier = createVerifier({ ...options(server), ...ASKING })
  for (let n = 0; n < 200; n += 1) {
    if (n % 2 === 0) server.answer = n % 4 === 0 ? text(500) : keySet([server.key])
    await verifier.verify(server.key.sign(server.issuer)).catch(() => {})
  }
  const { fetches: made, failures } = verifier.stats().jwks
  assert.equal(messages.length, made)
  assert.equal(messages.filter(({ outcome }) => outcome === 'failed').length, failures)
  assert.ok(failures > 0 && failures < made)
})

test('prefetch and stats tell of fetches, too', async (t) => {
  const server = await startKeyServer(t)
  const messages = fetches(t, server)
  const verifier = createVerifier(options(server))
  await verifier.prefetch()
  assert.deepEqual(
    messages.map(({ outcome }) => outcome),
    ['ok'],
  )

  const { answer, release } = held(keySet([server.key]))
  server.answer = answer
  const verification = createVerifier({ ...options(server), ...ASKING }).verify(server.key.sign(server.issuer))
  await server.requested(2)
  verifier.stats()
  assert.equal(messages.length, 1)
  await release()
  await verification
  assert.equal(messages.length, 2)
})

test('a fetch that nobody listened to is told to who listens later, once', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  await verifier.prefetch()
  const [first, second] = [fetches(t, server), fetches(t, server)]
  verifier.stats()
  assert.deepEqual([first.length, second.length], [1, 1])
  verifier.stats()
  await verifier.verify(server.key.sign(server.issuer))
  assert.equal(first.length, 1)
})

test('without a subscriber no message is made, no clock is read and no fetch is taken', async (t) => {
  const server = await startKeyServer(t)
  const verifier = createVerifier(options(server))
  const native = require('../../../js/core/addon')
  const taken = t.mock.method(native, 'takeKeyFetches')
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

test('a message has only the members that are declared, and none says who asked, with which token, or by which key', async (t) => {
  const key = createKey({ kid: randomUUID() })
  const server = await startKeyServer(t, { keys: [key] })
  /** @type {any[]} */
  const messages = []
  for (const name of [VERIFY, JWKS]) listen(t, name, (message) => messages.push(message))
  const verifier = createVerifier({ ...options(server), allowGuest: true })
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
  const said = JSON.stringify(own)
  const secrets = [...Object.values(claims), key.jwk.kid, kid, guestId, key.jwk.x, ...token.split('.')]
  for (const secret of secrets) assert.equal(said.includes(String(secret)), false, said)
})

test('a subscriber that throws harms neither the verification nor other subscribers', async (t) => {
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
    { ...options(server), token: server.key.sign(server.issuer) },
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

test('a process with subscribers ends while a fetch is under way in the background', async (t) => {
  const server = await startKeyServer(t)
  const ended = inChild(
    async ({ token, ...options }) => {
      const { subscribe } = require('node:diagnostics_channel')
      const { createVerifier } = require('logto-authkit')
      for (const name of ['logto-authkit:verify', 'logto-authkit:jwks']) subscribe(name, () => {})
      const verifier = createVerifier({ ...options, jwksCacheTtlMs: 2000, jwksTimeoutMs: 3_600_000 })
      await verifier.verify(token)
      while (verifier.stats().jwks.fetches < 2) {
        await new Promise((resolve) => setTimeout(resolve, 10))
        await verifier.verify(token)
      }
    },
    { ...options(server), token: server.key.sign(server.issuer) },
  )
  await server.requested(1)
  server.answer = (request, response) => {
    server.answer = hanging
    keySet([server.key])(request, response)
  }
  const { code, signal, stderr } = await ended
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
})

test('a worker thread tells its own subscribers of its verifications, and nobody else', async (t) => {
  const server = await startKeyServer(t)
  const [mine, ofKeys] = [verifications(t), fetches(t, server)]
  const told = await inWorker(server, true)
  assert.deepEqual(mine, [])
  assert.deepEqual(told, ['logto-authkit:jwks empty', 'logto-authkit:verify ok'])
  createVerifier(options(server)).stats()
  assert.deepEqual(ofKeys, [], 'told twice')
})

test('a fetch of a worker thread that does not listen, and has ended, is told to one that does', async (t) => {
  const server = await startKeyServer(t)
  const messages = fetches(t, server)
  assert.deepEqual(await inWorker(server, false), [])
  createVerifier(options(server)).stats()
  assert.deepEqual(
    messages.map(({ reason, outcome }) => [reason, outcome]),
    [['empty', 'ok']],
  )
})

test('worker threads that are terminated while they listen and wait for keys leave the others their messages', async (t) => {
  const { answer, release } = held(keySet([createKey()]))
  const server = await startKeyServer(t, { answer })
  const messages = fetches(t, server)
  const workers = [1, 2, 3].map(() => new Worker(IN_WORKER, { eval: true, workerData: taskOf(server, true) }))
  await server.requested(1)
  await Promise.all(workers.map((worker) => worker.terminate()))
  const waiting = createVerifier(options(server)).prefetch()
  await release()
  await waiting
  assert.deepEqual(
    messages.map(({ reason, outcome }) => [reason, outcome]),
    [['empty', 'ok']],
  )
})

/** @param {import('../../support/key-server').KeyServer} server */
const options = (server) => ({ logtoUrl: server.logtoUrl, audience: AUDIENCE })

/** @type {(message: VerificationMessage) => Omit<VerificationMessage, 'duration'>} */
const withoutDuration = ({ duration, ...rest }) => rest

/**
 * Until the test is over, or the function is called that is returned.
 *
 * @param {TestContext} t
 * @param {string} name
 * @param {(message: any) => void} subscriber
 */
function listen(t, name, subscriber) {
  const own = (/** @type {unknown} */ message) => subscriber(message)
  subscribe(name, own)
  const stop = () => void unsubscribe(name, own)
  t.after(stop)
  return stop
}

/**
 * What is told of verifications from now on.
 *
 * @param {TestContext} t
 */
function verifications(t) {
  /** @type {VerificationMessage[]} */
  const messages = []
  listen(t, VERIFY, (message) => messages.push(message))
  return messages
}

/**
 * What is told of fetches from that server from now on.
 *
 * @param {TestContext} t
 * @param {import('../../support/key-server').KeyServer} server
 */
function fetches(t, server) {
  /** @type {KeyFetchMessage[]} */
  const messages = []
  listen(t, JWKS, (message) => message.jwksUri === server.jwksUri && messages.push(message))
  return messages
}

/**
 * @param {import('../../support/key-server').KeyServer} server
 * @param {boolean} isListening
 */
const taskOf = (server, isListening) => ({
  isListening,
  token: server.key.sign(server.issuer),
  options: options(server),
})

/**
 * What a worker is told that verifies one token.
 *
 * @param {import('../../support/key-server').KeyServer} server
 * @param {boolean} isListening
 */
async function inWorker(server, isListening) {
  const worker = new Worker(IN_WORKER, { eval: true, workerData: taskOf(server, isListening) })
  const [[told], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  assert.equal(code, 0)
  return told
}

const VERIFY = 'logto-authkit:verify'
const JWKS = 'logto-authkit:jwks'

const IN_WORKER = `
  const { subscribe } = require('node:diagnostics_channel')
  const { parentPort, workerData } = require('node:worker_threads')
  const { verifyAuth } = require('logto-authkit')
  const { isListening, token, options } = workerData
  const told = []
  if (isListening) {
    for (const name of ['logto-authkit:verify', 'logto-authkit:jwks']) {
      subscribe(name, ({ reason, outcome }) => told.push(name + ' ' + (reason ?? outcome)))
    }
  }
  verifyAuth(token, options).then(() => parentPort.postMessage(told))
`
