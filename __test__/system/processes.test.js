const assert = require('node:assert/strict')
const { test } = require('node:test')
const { setTimeout: pause } = require('node:timers/promises')
const { inChild, moduleInChild } = require('../support/child')
const { hanging, keySet, resetting, startKeyServer, text } = require('../support/key-server')
const { AUDIENCE, createKey } = require('../support/tokens')

/** @typedef {import('../support/worker').Task} Task */

const EXITS = /** @type {const} */ (['exits', 'fails', 'is terminated'])

test('the main thread and four workers share a key set and its fetch', async () => {
  await completes(async ({ assert, start, verifyInWorker }) => {
    const { server, release, options, sign } = await start({ isHeld: true })
    const verifier = require('logto-authkit').createVerifier(options)
    const own = verifier.verify(sign())
    const workers = [1, 2, 3, 4].map(() => verifyInWorker({ ...options, token: sign() }))
    await Promise.all(workers.map(({ asked }) => asked))
    await server.requested(1)
    await release()

    assert.equal((await own).userId, 'alice')
    const { fetchedAt } = verifier.stats().jwks
    for (const { userId, tokens, jwks } of await Promise.all(workers.map(({ answered }) => answered))) {
      assert.equal(userId, 'alice')
      assert.deepEqual(jwks, { state: 'fresh', keys: 1, fetches: 1, failures: 0, fetchedAt, lastError: null })
      assert.deepEqual([tokens.hits, tokens.misses], [0, 1])
    }
    assert.equal(verifier.stats().tokens.size, 5)
    assert.equal(server.requests.length, 1)
    server.close()
  })
})

test('invalidating a key set in a worker invalidates it in every thread', async () => {
  await completes(async ({ assert, start }) => {
    const { once } = require('node:events')
    const { Worker } = require('node:worker_threads')
    const { server, options } = await start()
    const verifier = require('logto-authkit').createVerifier(options)
    await verifier.prefetch()
    const script = `require('logto-authkit').invalidateJwksCache(${JSON.stringify(options.logtoUrl)})`
    await once(new Worker(script, { eval: true }), 'exit')
    assert.equal(verifier.stats().jwks.state, 'empty')
    server.close()
  })
})

test('a second copy of the modules, as created by test runners, shares the key set', async () => {
  await completes(async ({ assert, start }) => {
    const { server, options, sign } = await start()
    for (let copy = 0; copy < 3; copy += 1) {
      for (const name of Object.keys(require.cache)) delete require.cache[name]
      const { verifyLogtoToken } = require('logto-authkit')
      assert.equal((await verifyLogtoToken(sign(), options)).userId, 'alice')
    }
    assert.equal(server.requests.length, 1)
    server.close()
  })
})

for (const end of EXITS) {
  test(`a worker that ${end} during a fetch does not affect other threads`, async () => {
    await completes(async ({ assert, endInWorker, start }, end) => {
      const { server, release, options, sign } = await start({ isHeld: true })
      const patient = { ...options, jwksTimeoutMs: 60_000 }
      const own = require('logto-authkit').verifyLogtoToken(sign(), patient)
      for (let i = 0; i < 5; i += 1) await endInWorker({ ...patient, token: sign() }, end)
      // The fetch completes only after the workers that waited for it have ended.
      await server.requested(1)
      await release()
      assert.equal((await own).userId, 'alice')
      assert.equal(server.requests.length, 1)
      server.close()
    }, end)
  })

  test(`a worker that ${end} while signatures are checked on the thread pool does not affect other threads`, async () => {
    await completes(async ({ assert, endInWorker, start }, end) => {
      const { verifyLogtoToken } = require('logto-authkit')
      const { server, options, sign } = await start()
      const uncached = { ...options, tokenCacheSize: 0 }
      for (let i = 0; i < 5; i += 1) {
        assert.equal((await verifyLogtoToken(sign(), uncached)).userId, 'alice')
        await endInWorker({ ...uncached, token: sign() }, end)
      }
      assert.equal((await verifyLogtoToken(sign(), uncached)).userId, 'alice')
      server.close()
    }, end)
  })

  test(`after the only thread with the addon ${end} during a fetch, a new thread can verify tokens`, async () => {
    await completes(async ({ assert, endInWorker, held, keySet, start, verifyInWorker }, end) => {
      const { key, server, options, sign } = await start()
      for (let i = 0; i < 3; i += 1) {
        const { answer, release } = held(keySet([key]))
        server.answer = answer
        const arrived = server.requested(server.requests.length + 1)
        const task = { ...options, jwksUri: `${server.jwksUri}/${i}`, token: sign() }
        await endInWorker(task, end)
        await arrived
        await release()
        server.answer = keySet([key])
        const next = verifyInWorker(task)
        assert.equal((await next.answered).userId, 'alice')
        assert.equal(await next.exited, 0)
      }
      server.close()
    }, end)
  })
}

test('fifty workers, five at a time, make one request and exit by themselves', async () => {
  await completes(async ({ assert, start, verifyInWorker }) => {
    const { server, options, sign } = await start()
    for (let batch = 0; batch < 10; batch += 1) {
      const exits = [1, 2, 3, 4, 5].map(() => verifyInWorker({ ...options, token: sign() }).exited)
      assert.deepEqual(await Promise.all(exits), [0, 0, 0, 0, 0])
    }
    assert.equal(server.requests.length, 1)
    server.close()
  })
})

/** @type {[string, (data: Task) => unknown, number][]} */
const ENDINGS = [
  [
    'process.exit sets the exit code during a fetch',
    ({ token, ...options }) => {
      require('logto-authkit').verifyLogtoToken(token, options)
      process.exit(7)
    },
    7,
  ],
  [
    'process.exitCode is kept after an outage',
    async ({ token, ...options }) => {
      process.exitCode = 7
      const { verifyLogtoToken } = require('logto-authkit')
      await verifyLogtoToken(token, { ...options, jwksTimeoutMs: 50 }).catch(() => {})
    },
    7,
  ],
  [
    'an uncaught exception during a fetch exits with code 1',
    ({ token, ...options }) => {
      require('logto-authkit').verifyLogtoToken(token, options)
      throw new Error('wanted')
    },
    1,
  ],
  [
    'a verification started while the process exits does not delay the exit',
    ({ token, ...options }) => {
      process.on('exit', () => void require('logto-authkit').verifyLogtoToken(token, options))
      process.exitCode = 7
    },
    7,
  ],
]

for (const [name, script, expected] of ENDINGS) {
  test(name, async (t) => {
    const server = await startKeyServer(t, { answer: hanging })
    const { code, signal, stderr } = await inChild(script, taskOf(server))
    assert.deepEqual({ code, signal }, { code: expected, signal: null }, stderr)
  })
}

for (const [when, jwksTimeoutMs] of /** @type {const} */ ([
  ['a fetch that hangs', 60_000],
  ['a timeout', 1],
])) {
  test(`process.exit sets the exit code during ${when} and checks on the thread pool`, async () => {
    const { code, signal, stderr } = await inChild(async (jwksTimeoutMs) => {
      const { verifyLogtoToken } = require('logto-authkit')
      const { hanging, startKeyServer } = require('../support/key-server')
      const { AUDIENCE, createKey } = require('../support/tokens')

      const key = createKey('ES384')
      const options = { logtoUrl: 'https://auth.example.test', audience: AUDIENCE, tokenCacheSize: 0 }
      const token = key.sign('https://auth.example.test/oidc')
      const server = await startKeyServer({ after() {} }, { answer: hanging })
      const jwksUri = server.jwksUri
      const fetching = verifyLogtoToken(token, { ...options, jwksUri, jwksTimeoutMs }).catch(() => {})
      for (let i = 0; i < 1000; i += 1) verifyLogtoToken(token, { ...options, jwks: { keys: [key.jwk] } })
      await (jwksTimeoutMs === 1 ? fetching : server.requested(1))
      process.exit(7)
    }, jwksTimeoutMs)
    assert.deepEqual({ code, signal }, { code: 7, signal: null }, stderr)
  })
}

/** In milliseconds: long enough for a busy machine, and shorter than the timeout of a fetch, which must not delay the exit. */
const MAX_EXIT_MS = 4500

/** @type {[string, import('../support/key-server').Answer | undefined, Partial<import('logto-authkit').VerifyAuthOptions>][]} */
const LAST_ACTIONS = [
  ['a verification', undefined, {}],
  ['a verification without caches', undefined, { skipJwksCache: true, tokenCacheSize: 0 }],
  ['an outage', text(500), {}],
  ['a connection reset', resetting, {}],
  ['a timeout', hanging, { jwksTimeoutMs: 50 }],
]

for (const [what, answer, more] of LAST_ACTIONS) {
  test(`a process with nothing else to do exits immediately after ${what}`, async (t) => {
    const key = createKey('ES384')
    const server = await startKeyServer(t, { keys: [key], answer })
    const { code, signal, stdout, stderr, lingered } = await inChild(
      async ({ token, ...options }) => {
        const { verifyLogtoToken } = require('logto-authkit')
        console.log(
          await verifyLogtoToken(token, options).then(
            ({ userId }) => userId,
            (error) => error.code,
          ),
        )
      },
      { ...taskOf(server), ...more },
    )
    const expected = answer === undefined ? 'alice\n' : 'jwks_unavailable\n'
    assert.deepEqual({ code, signal, stdout }, { code: 0, signal: null, stdout: expected }, stderr)
    assert.ok(lingered < MAX_EXIT_MS, `${lingered} ms`)
  })
}

for (const isListening of [false, true]) {
  test(`a background refresh does not keep the process alive, with subscribers: ${isListening}`, async (t) => {
    const server = await startKeyServer(t)
    const ended = inChild(
      async ({ token, isListening, ...options }) => {
        const { subscribe } = require('node:diagnostics_channel')
        const { createVerifier } = require('logto-authkit')
        const channels = isListening ? ['logto-authkit:verify', 'logto-authkit:jwks'] : []
        for (const name of channels) subscribe(name, () => {})
        const verifier = createVerifier({ ...options, jwksCacheTtlMs: 2000, jwksTimeoutMs: 3_600_000 })
        await verifier.verify(token)
        while (verifier.stats().jwks.fetches < 2) {
          await new Promise((resolve) => setTimeout(resolve, 10))
          await verifier.verify(token)
        }
        console.log('refreshing')
      },
      { ...taskOf(server), isListening },
    )
    await server.requested(1)
    server.answer = (request, response) => {
      server.answer = hanging
      keySet([server.key])(request, response)
    }
    const { code, signal, stdout, stderr, lingered } = await ended
    assert.deepEqual({ code, signal, stdout }, { code: 0, signal: null, stdout: 'refreshing\n' }, stderr)
    assert.ok(lingered < MAX_EXIT_MS, `${lingered} ms`)
  })
}

test('a process does not exit while a verification is pending', async (t) => {
  const key = createKey('ES384')
  const server = await startKeyServer(t, { keys: [key] })
  server.answer = async (request, response) => {
    // Long enough for a process to exit if nothing keeps it alive.
    await pause(300)
    keySet([key])(request, response)
  }
  const { token, ...options } = taskOf(server)
  const { code, stdout, stderr } = await moduleInChild(`
    import { createVerifier, verifyLogtoToken } from 'logto-authkit'
    await createVerifier(${JSON.stringify(options)}).prefetch()
    const { userId } = await verifyLogtoToken(${JSON.stringify(token)}, ${JSON.stringify(options)})
    console.log(userId)
  `)
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'alice\n' }, stderr)
})

for (const [when, answer, alg] of /** @type {const} */ ([
  ['immediately', undefined, 'none'],
  ['after a fetch', undefined, 'ES256'],
  ['in an outage', text(500), 'ES256'],
])) {
  test(`a verification that fails ${when} and is not awaited is an ordinary unhandled rejection`, async (t) => {
    const server = await startKeyServer(t, { answer })
    const token = server.key.sign(server.issuer, { header: { alg }, claims: { exp: 1 } })
    const expected = alg === 'none' ? 'unsupported_algorithm' : answer ? 'jwks_unavailable' : 'token_expired'
    const task = { ...taskOf(server), token }

    const fatal = await inChild(({ token, ...options }) => {
      require('logto-authkit').verifyLogtoToken(token, options)
    }, task)
    assert.deepEqual([fatal.code, fatal.signal], [1, null])
    assert.match(fatal.stderr, /AuthError: /)
    assert.match(fatal.stderr, new RegExp(`code: '${expected}'`))

    const handled = await inChild(({ token, ...options }) => {
      process.on('unhandledRejection', (error) => console.log(/** @type {any} */ (error).code))
      require('logto-authkit').verifyLogtoToken(token, options)
    }, task)
    assert.deepEqual([handled.code, handled.stdout], [0, `${expected}\n`])
  })
}

function taskOf({ key, issuer, logtoUrl }) {
  return { logtoUrl, audience: AUDIENCE, token: key.sign(issuer) }
}

/** Asserts that the function completes in a child process without failing or crashing. It gets support/processes.js. */
async function completes(script, data) {
  const whole = /** @type {any} */ (`(data) => (${script})(require('../support/processes'), data)`)
  const { code, signal, stderr } = await inChild(whole, data)
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
}
