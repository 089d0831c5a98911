/** Contexts of previously verified tokens are copied. A copy must equal a parsed context, and belong to its caller alone. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { test } = require('node:test')
const { Worker } = require('node:worker_threads')
const { createVerifier } = require('logto-authkit')
const { logtoAuth, protect } = require('logto-authkit/express')
const { FRAMEWORKS, ask, bearer, serve } = require('../../support/frameworks')
const { inChild } = require('../../support/child')
const { startKeyServer } = require('../../support/key-server')
const { pollute, verdict } = require('../../support/helpers')
const { AUDIENCE, createKey, optionsFor, signToken } = require('../../support/tokens')

/** Flat claims are copied. Nested and large ones are parsed again. */
const SHAPES = {
  flat: { text: 'a', number: 1.5, truth: false, 7: 'seven', scope: 'read write' },
  null: { nothing: null },
  nested: { roles: ['admin'], object: { list: [{ deep: 1 }] }, aud: [AUDIENCE, 'other'] },
  large: { pad: 'x'.repeat(5_000) },
  'large and nested': { pad: ['x'.repeat(5_000)] },
  'with magic names': JSON.parse('{"__proto__":"flat","constructor":"a","toString":1,"hasOwnProperty":"b"}'),
  'with nested magic names': JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}'),
}

for (const [name, claims] of Object.entries(SHAPES)) {
  test(`the contexts of a token with claims that are ${name} are equal and share nothing`, async (t) => {
    const { server, verifier } = await setUp(t)
    const token = server.key.sign(server.issuer, { claims })
    const first = await verifier.verify(token)
    for (const [claim, value] of Object.entries(claims)) assert.deepEqual(own(first.payload, claim), value)
    const expected = JSON.stringify(first)
    for (let call = 0; call < 4; call += 1) {
      const auth = await verifier.verify(token)
      assert.equal(JSON.stringify(auth), expected)
      assert.equal(Object.getPrototypeOf(auth), Object.prototype)
      assert.equal(Object.getPrototypeOf(auth.payload), Object.prototype)
      overwrite(auth)
      assert.notEqual(JSON.stringify(auth), expected)
    }
    assert.equal(verifier.stats().tokens.hits, 4)
  })
}

test('1,200 tokens used in turn each give their own context', async (t) => {
  const { server, verifier } = await setUp(t)
  const users = Array.from({ length: 1200 }, (_, n) => `user ${n}`)
  const tokens = users.map((sub, n) =>
    server.key.sign(server.issuer, { claims: { sub, scope: `s${n}`, ...(n % 3 === 0 && { roles: [sub] }) } }),
  )
  // Forwards, backwards, and alternating between both ends.
  const forwards = [...users.keys()]
  const orders = [forwards, forwards.toReversed(), forwards.map((n) => (n % 2 === 0 ? n : 1200 - n))]
  for (const order of [...orders, ...orders]) {
    for (const n of order) {
      const { userId, payload, scopes } = await verifier.verify(tokens[n])
      assert.deepEqual([userId, payload?.sub, scopes], [users[n], users[n], [`s${n}`]])
    }
  }
  const { misses, hits } = verifier.stats().tokens
  assert.deepEqual([misses, hits], [1200, 6000])
})

test('tokens that evict one another from a small cache give their own contexts', async (t) => {
  const { server, verifier } = await setUp(t, { tokenCacheSize: 2 })
  const tokens = Array.from({ length: 5 }, (_, n) => server.key.sign(server.issuer, { claims: { sub: `user ${n}` } }))
  for (let call = 0; call < 300; call += 1) {
    const n = (call * call + (call >> 2)) % 5
    for (let again = 0; again < 2; again += 1) assert.equal((await verifier.verify(tokens[n])).userId, `user ${n}`)
  }
})

test('tokens verified in one thread give their own contexts in other threads', async (t) => {
  const { server, verifier, options } = await setUp(t)
  const users = Array.from({ length: 50 }, (_, n) => `user ${n}`)
  const tokens = users.map((sub, n) =>
    server.key.sign(server.issuer, { claims: n % 2 === 0 ? { sub } : { sub, nested: { sub } } }),
  )
  const expected = []
  for (const token of tokens) expected.push(await verifier.verify(token))

  const script = `
    const { parentPort, workerData: { tokens, options } } = require('node:worker_threads')
    const verifier = require('logto-authkit').createVerifier(options)
    const rounds = async () => {
      for (let round = 0; round < 3; round += 1) {
        const seen = []
        for (const token of tokens) seen.push(await verifier.verify(token))
        parentPort.postMessage({ seen, misses: verifier.stats().tokens.misses })
      }
    }
    rounds()`
  const workers = [1, 2, 3].map(() => new Worker(script, { eval: true, workerData: { tokens, options } }))
  let answers = 0
  for (const worker of workers) {
    worker.on('message', ({ seen, misses }) => {
      answers += 1
      assert.deepEqual(seen, expected)
      assert.equal(misses, 0)
    })
  }
  const exits = workers.map((worker) => once(worker, 'exit'))
  for (let round = 0; round < 20; round += 1) {
    for (const [n, token] of tokens.entries()) assert.deepEqual(await verifier.verify(token), expected[n])
    await new Promise(setImmediate)
  }
  assert.deepEqual(await Promise.all(exits), [[0], [0], [0]])
  assert.equal(answers, 9)
})

test('changes that a handler makes to a context grant nothing, in this request or the next', async (t) => {
  const { server, options } = await setUp(t)
  const url = await serve(
    t,
    FRAMEWORKS['Express 5'](
      logtoAuth(options),
      (req, _res, next) => {
        overwrite(req.auth, 'admin')
        next()
      },
      protect({ requiredScope: 'admin' }),
      (_req, res) => res.end('let in'),
    ),
  )
  const plain = bearer(server.key.sign(server.issuer, { claims: { scope: 'read' } }))
  const admin = bearer(server.key.sign(server.issuer, { claims: { scope: 'admin' } }))
  for (let call = 0; call < 3; call += 1) {
    assert.equal((await ask(url, plain)).status, 403)
    assert.equal((await ask(url, admin)).body, 'let in')
  }
})

test('a polluted prototype does not replace the required organization', async (t) => {
  const key = createKey('EdDSA')
  const verifier = createVerifier(optionsFor(key, { organizationId: 'good' }))
  const token = signToken(key, { organization_id: 'evil' })
  pollute(t, 'organization', 'evil')
  pollute(t, 'noOrganization', true)
  const request = { headers: {}, cookies: { logto_authtoken: token } }
  assert.equal(await verdict(verifier.verify(request)), 'wrong_organization')
})

test('a polluted prototype changes neither a copied context nor a rejection', async (t) => {
  const { server, options } = await setUp(t)
  const task = {
    options,
    good: server.key.sign(server.issuer),
    expired: server.key.sign(server.issuer, { claims: { exp: 1 } }),
  }
  const { code, stdout, stderr } = await inChild(async ({ options, good, expired }) => {
    const { createVerifier } = require('logto-authkit')
    const verifier = createVerifier(options)
    await verifier.prefetch()
    const polluted = { code: 'x', context: '{}', slow: true, auth: {}, json: '{}', userId: 'root', scopes: ['admin'] }
    Object.assign(Object.prototype, polluted)
    const outcomes = []
    for (const token of [good, expired, good, expired, good]) {
      const outcome = await verifier.verify(token).then(
        ({ userId, scopes }) => `${userId} ${scopes.length}`,
        (error) => error.code,
      )
      outcomes.push(outcome)
    }
    for (const name of Object.keys(polluted)) delete (/** @type {any} */ (Object.prototype)[name])
    console.log(outcomes.join())
  }, task)
  assert.deepEqual([code, stdout], [0, 'alice 0,token_expired,alice 0,token_expired,alice 0\n'], stderr)
})

async function setUp(t, more) {
  const server = await startKeyServer(t)
  const options = { ...server.options, ...more }
  return { server, options, verifier: createVerifier(options) }
}

const own = (object, name) => Object.getOwnPropertyDescriptor(object, name)?.value

/** Overwrites every member of an object, recursively. */
function overwrite(object, value = 'mallory') {
  for (const name of Object.keys(object)) {
    const member = own(object, name)
    if (typeof member === 'object' && member !== null) overwrite(member, value)
    else Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true })
  }
  if (Array.isArray(object)) object.push(value)
  else object.added = value
}

test('copies of the package, even of different releases, share objects under names that never change', async () => {
  const { stdout } = await inChild(() => {
    require('logto-authkit/express')
    require('logto-authkit/revocation')
    const symbols = Object.getOwnPropertySymbols(globalThis).map((symbol) => String(symbol.description))
    console.log(JSON.stringify(symbols.filter((name) => name.startsWith('logto-authkit.')).toSorted()))
  })
  assert.deepEqual(JSON.parse(stdout), [
    'logto-authkit.1.RecordedContext',
    'logto-authkit.1.RevocationsHandle',
    'logto-authkit.1.requestRecords',
    'logto-authkit.1.usedRevocations',
  ])
})
