/** Expensive signatures, wherever they are checked: one by one, side by side, more than there is room for, and without threads. */

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { describe, test } = require('node:test')
const { setImmediate: turn } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { doneHere, mayBeHere } = require('../../../js/core/inline-checks')
const { inChild } = require('../../support/child')
const { AUDIENCE, createKey } = require('../../support/keys')

const ISSUER = 'https://auth.example.test/oidc'
const key = createKey({ alg: 'ES384' })
const forger = createKey({ alg: 'ES384', kid: key.jwk.kid })
const options = { logtoUrl: 'https://auth.example.test', audience: AUDIENCE, jwks: { keys: [key.jwk] } }

describe('expensive signatures', { timeout: 120_000 }, () => {
  test('that come one after the other each have their own outcome', async () => {
    const verifier = createVerifier({ ...options, tokenCacheSize: 0 })
    for (const { input, expected } of cases(300)) assert.equal(await outcome(verifier, input), expected)
  })

  for (const count of [2, 3, 17, 64]) {
    test(`that come ${count} at a time each have their own outcome`, async () => {
      const verifier = createVerifier({ ...options, tokenCacheSize: 0 })
      for (let round = 0; round < 10; round += 1) await assertOutcomes(verifier, cases(count))
    })
  }

  test('of which more come at once than have room are all checked, each with its own outcome', async () => {
    const verifier = createVerifier({ ...options, tokenCacheSize: 0 })
    // Room is for 1,024.
    const few = cases(100)
    const many = Array.from({ length: 2_500 }, (_, n) => few[n % few.length])
    for (let round = 0; round < 2; round += 1) await assertOutcomes(verifier, many)
    assert.equal(await outcome(verifier, few[0].input), few[0].expected)
  })

  test('that are remembered meanwhile, and again, each have their own outcome', async () => {
    const verifier = createVerifier(options)
    const few = cases(40)
    for (let round = 0; round < 3; round += 1) await assertOutcomes(verifier, [...few, ...few])
    assert.equal(verifier.stats().tokens.size, few.filter(({ expected }) => expected.startsWith('user')).length)
  })

  test('do not hold up process.exit, however many wait', async () => {
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

  test('are checked as well where the application has put another class in the place of Promise', async () => {
    await assertInChild(async ({ options, inputs }) => {
      // As zone.js does: the promises of the core are none of its.
      Object.assign(globalThis, { Promise: class Other extends /** @type {any} */ (Promise) {} })
      const verifier = require('logto-authkit').createVerifier(options)
      const told = inputs.map((input) =>
        verifier.verify(input).then(
          ({ userId }) => userId,
          (error) => error.code,
        ),
      )
      console.log(JSON.stringify(await Promise.all(told)))
    })
  })

  test('are checked as well where the modules have globals of their own, as in test runners', async () => {
    await assertInChild(async ({ options, inputs }) => {
      const { readFileSync } = require('node:fs')
      const { createRequire } = require('node:module')
      const { dirname } = require('node:path')
      const vm = require('node:vm')

      const sandbox = vm.createContext({ process, URL })
      /** @type {(path: string) => any} */
      const load = (path) => {
        const outside = createRequire(path)
        /** @type {(name: string) => any} */
        const requireHere = (name) => {
          const isOurs = name.startsWith('.') && !name.includes('native')
          return isOurs ? load(outside.resolve(name)) : outside(name)
        }
        const module = { exports: {} }
        const parameters = ['require', 'module', 'exports', '__filename', '__dirname']
        const compiled = vm.compileFunction(readFileSync(path, 'utf8'), parameters, { parsingContext: sandbox })
        compiled(requireHere, module, module.exports, path, dirname(path))
        return module.exports
      }
      const verifier = load(require.resolve('../../js/core/verifier.js')).createVerifier(options)
      const told = inputs.map((/** @type {any} */ input) =>
        verifier.verify(input).then(
          (/** @type {any} */ auth) => auth.userId,
          (/** @type {any} */ error) => error.code,
        ),
      )
      console.log(JSON.stringify(await Promise.all(told)))
    })
  })

  test('are checked as well where the system gives no thread', { skip: !canLimitThreads() }, async () => {
    await assertInChild(async ({ options, inputs }) => {
      const { execFileSync } = require('node:child_process')
      const verifier = require('logto-authkit').createVerifier(options)
      // The limit does not hold for root.
      if (process.getuid?.() === 0) process.setuid?.(65534)
      execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1:1'])
      // A promise that never settles would let the process end without a word.
      const told = inputs.map((input) =>
        verifier.verify(input).then(
          ({ userId }) => userId,
          (error) => error.code,
        ),
      )
      const late = new Promise((resolve) => setTimeout(resolve, 10_000, 'not settled').unref())
      console.log(JSON.stringify(await Promise.race([Promise.all(told), late])))
      process.exit()
    })
  })
})

test('when an expensive signature may be checked on this thread again is not for the application’s clock to say', async (t) => {
  t.mock.timers.enable({ apis: ['setImmediate'] })
  while (mayBeHere()) doneHere()
  await turn()
  await turn()
  assert.ok(mayBeHere())
})

/**
 * Tokens and requests, good and bad in every way that is found out after the signature, or by it.
 *
 * @param {number} count
 */
function cases(count) {
  return Array.from({ length: count }, (_, n) => {
    const claims = { sub: `user ${n}`, ...(n % 7 === 3 && { exp: 1 }) }
    const signer = n % 5 === 2 ? forger : key
    const token = signer.sign(ISSUER, { claims })
    const expected = signer === forger ? 'invalid_signature' : n % 7 === 3 ? 'token_expired' : claims.sub
    // The first token of a request is forged, and the other one counts.
    const cookie = `logto_authtoken=${forger.sign(ISSUER)}`
    const input = n % 3 === 1 ? { headers: { cookie, authorization: `Bearer ${token}` } } : token
    return { input, expected: n % 3 === 1 && !expected.startsWith('user') ? 'invalid_signature' : expected }
  })
}

/**
 * @param {import('logto-authkit').Verifier} verifier
 * @param {ReturnType<typeof cases>} all
 */
async function assertOutcomes(verifier, all) {
  const outcomes = await Promise.all(all.map(({ input }) => outcome(verifier, input)))
  assert.deepEqual(
    outcomes,
    all.map(({ expected }) => expected),
  )
}

/**
 * What the script writes about the inputs must be their outcomes.
 *
 * @param {(data: { options: typeof options, inputs: any[] }) => unknown} script
 */
async function assertInChild(script) {
  const all = cases(20)
  const { code, stdout, stderr } = await inChild(script, { options, inputs: all.map(({ input }) => input) })
  assert.equal(code, 0, stderr)
  assert.deepEqual(
    JSON.parse(stdout),
    all.map(({ expected }) => expected),
  )
}

/**
 * Whose it is, or the code of its refusal.
 *
 * @param {import('logto-authkit').Verifier} verifier
 * @param {any} input
 */
function outcome(verifier, input) {
  return verifier.verify(input).then(
    ({ userId }) => userId,
    (error) => error.code ?? error,
  )
}

function canLimitThreads() {
  return process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0
}
