/** P-384 signatures are verified on the calling thread or on other threads. The result must not depend on which. */

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { createServer, get } = require('node:http')
const { describe, test } = require('node:test')
const { createVerifier } = require('logto-authkit')
const { inChild } = require('../../support/child')
const { outcome: outcomeOf } = require('../../support/helpers')
const { ISSUER, createKey, optionsFor } = require('../../support/tokens')

const key = createKey('ES384')
const forger = createKey('ES384', { kid: key.jwk.kid })
const options = optionsFor(key)
const FORGED = forger.sign(ISSUER)

const CASES = cases(300)

describe('P-384 signatures', { timeout: 120_000 }, () => {
  test('verified one after the other each get their own result', async () => {
    const verifier = createVerifier({ ...options, tokenCacheSize: 0 })
    for (const { input, expected } of CASES) assert.equal(await outcome(verifier, input), expected)
  })

  for (const count of [2, 3, 17, 64]) {
    test(`verified ${count} at a time each get their own result`, async () => {
      const verifier = createVerifier({ ...options, tokenCacheSize: 0 })
      for (let round = 0; round < 10; round += 1)
        await assertOutcomes(verifier, CASES.slice(11 * round, 11 * round + count))
    })
  }

  test('A5: are not checked for clients that have disconnected', async () => {
    const verifier = createVerifier({ ...options, tokenCacheSize: 0 })
    const verified = new Promise((resolve) => {
      const server = createServer((req) => {
        // These are ahead of the request in the queue.
        const others = Array.from({ length: 200 }, () => outcome(verifier, FORGED))
        const own = verifier.verify(req).catch(({ code, details }) => `${code} ${details.reason}`)
        req.socket.destroy()
        server.close()
        Promise.all([own, ...others]).then(resolve)
      })
      server.listen(0, '127.0.0.1', () => {
        const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
        const authorization = `Bearer ${key.sign(ISSUER)}`
        get({ port, host: '127.0.0.1', headers: { authorization } }).on('error', () => {})
      })
    })
    const [own, ...others] = /** @type {string[]} */ (await verified)
    assert.equal(own, 'overloaded client_disconnected')
    assert.deepEqual(new Set(others), new Set(['invalid_signature']))
  })

  test('are cached by concurrent verifications', async () => {
    const verifier = createVerifier(options)
    const few = CASES.slice(0, 40)
    for (let round = 0; round < 3; round += 1) await assertOutcomes(verifier, [...few, ...few])
    assert.equal(verifier.stats().tokens.size, few.filter(({ expected }) => expected.startsWith('user')).length)
  })

  test('do not delay process.exit, however many are waiting', async () => {
    const token = forger.sign(ISSUER)
    const { code, signal, stderr } = await inChild(
      async ({ options, token }) => {
        const verifier = require('logto-authkit').createVerifier(options)
        for (let n = 0; n < 5_000; n += 1) verifier.verify(token).catch(() => {})
        process.exit(7)
      },
      { options, token },
    )
    assert.deepEqual({ code, signal }, { code: 7, signal: null }, stderr)
  })

  test('are verified if the application has replaced Promise', async () => {
    await assertInChild(async ({ options, inputs }) => {
      // As zone.js does. The core's promises are not instances of that class.
      Object.assign(globalThis, { Promise: class Other extends /** @type {any} */ (Promise) {} })
      const verifier = require('logto-authkit').createVerifier(options)
      const results = inputs.map((input) =>
        verifier.verify(input).then(
          ({ userId }) => userId,
          (error) => error.code,
        ),
      )
      console.log(JSON.stringify(await Promise.all(results)))
    })
  })

  test('are verified if modules run in a realm of their own, as in test runners', async () => {
    await assertInChild(async ({ options, inputs }) => {
      const { readFileSync } = require('node:fs')
      const { createRequire } = require('node:module')
      const { dirname } = require('node:path')
      const vm = require('node:vm')

      const sandbox = vm.createContext({ process, URL })
      /** @type {Map<string, any>} */
      const loaded = new Map()
      /** @type {(path: string) => any} */
      const load = (path) => {
        if (loaded.has(path)) return loaded.get(path).exports
        const outside = createRequire(path)
        /** @type {(name: string) => any} */
        const requireHere = (name) => {
          const isOurs = name.startsWith('.') && !name.includes('native')
          return isOurs ? load(outside.resolve(name)) : outside(name)
        }
        const module = { exports: {} }
        loaded.set(path, module)
        const parameters = ['require', 'module', 'exports', '__filename', '__dirname']
        const compiled = vm.compileFunction(readFileSync(path, 'utf8'), parameters, { parsingContext: sandbox })
        compiled(requireHere, module, module.exports, path, dirname(path))
        return module.exports
      }
      const verifier = load(require.resolve('../../js/core/verifier.js')).createVerifier(options)
      const results = inputs.map((input) =>
        verifier.verify(input).then(
          (auth) => auth.userId,
          (error) => error.code,
        ),
      )
      console.log(JSON.stringify(await Promise.all(results)))
    })
  })

  test('are verified if the system cannot create threads', { skip: !canLimitThreads() }, async () => {
    await assertInChild(async ({ options, inputs }) => {
      const { execFileSync } = require('node:child_process')
      const verifier = require('logto-authkit').createVerifier(options)
      // The limit does not apply to root.
      if (process.getuid?.() === 0) process.setuid?.(65534)
      execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1:1'])
      // If a promise never settled, the process would end without output.
      const results = inputs.map((input) =>
        verifier.verify(input).then(
          ({ userId }) => userId,
          (error) => error.code,
        ),
      )
      const late = new Promise((resolve) => setTimeout(resolve, 10_000, 'not settled').unref())
      console.log(JSON.stringify(await Promise.race([Promise.all(results), late])))
      process.exit()
    })
  })
})

test('pending verifications complete under mocked timers', async (t) => {
  t.mock.timers.enable({ apis: ['setImmediate', 'setInterval', 'setTimeout'] })
  await assertOutcomes(createVerifier({ ...options, tokenCacheSize: 0 }), CASES.slice(0, 100))
})

/** Tokens and requests that are valid, expired or forged. */
function cases(count) {
  return Array.from({ length: count }, (_, n) => {
    const claims = { sub: `user ${n}`, ...(n % 7 === 3 && { exp: 1 }) }
    const signer = n % 5 === 2 ? forger : key
    const token = signer.sign(ISSUER, { claims })
    const expected = signer === forger ? 'invalid_signature' : n % 7 === 3 ? 'token_expired' : claims.sub
    // The first token of a request is forged, so the second one decides.
    const cookie = `logto_authtoken=${FORGED}`
    const input = n % 3 === 1 ? { headers: { cookie, authorization: `Bearer ${token}` } } : token
    return { input, expected: n % 3 === 1 && !expected.startsWith('user') ? 'invalid_signature' : expected }
  })
}

async function assertOutcomes(verifier, all) {
  const outcomes = await Promise.all(all.map(({ input }) => outcome(verifier, input)))
  assert.deepEqual(
    outcomes,
    all.map(({ expected }) => expected),
  )
}

/** The script must print the expected results. */
async function assertInChild(script) {
  const all = CASES.slice(0, 20)
  const { code, stdout, stderr } = await inChild(script, { options, inputs: all.map(({ input }) => input) })
  assert.equal(code, 0, stderr)
  assert.deepEqual(
    JSON.parse(stdout),
    all.map(({ expected }) => expected),
  )
}

/** @type {(verifier: import('logto-authkit').Verifier, input: any) => Promise<string | null>} */
const outcome = (verifier, input) => outcomeOf(verifier.verify(input))

function canLimitThreads() {
  return process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0
}
