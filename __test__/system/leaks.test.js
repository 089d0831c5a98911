/** Memory does not grow: with tokens, good and bad, with verifiers, nor with options. In a process of its own for each. */

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { test } = require('node:test')

/** MiB. A round that leaks 9 bytes a token, or 75 a verifier, takes more. */
const NOTHING = 0.5

const ROUNDS = 12

/**
 * The MiB that a process takes after each of some rounds.
 *
 * @param {() => Promise<(times: number) => Promise<unknown>>} prepare
 * @param {number} times - a round
 * @param {number} warmUp - before the first
 */
function memory(prepare, times, warmUp = times / 2) {
  const script = `(${measure})(${prepare}, ${times}, ${warmUp}, ${ROUNDS})`
  const child = spawnSync(process.execPath, ['--expose-gc', '--eval', script], {
    cwd: __dirname,
    encoding: 'utf8',
    timeout: 280_000,
  })
  assert.equal(child.status, 0, child.stderr)
  return JSON.parse(child.stdout)
}

/**
 * @param {() => Promise<(times: number) => Promise<unknown>>} prepare
 * @param {number} times
 * @param {number} warmUp
 * @param {number} rounds
 */
async function measure(prepare, times, warmUp, rounds) {
  const round = await prepare()
  const mebibytes = async () => {
    for (let turn = 0; turn < 4; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      globalThis.gc?.()
    }
    return process.memoryUsage.rss() / 2 ** 20
  }
  await round(warmUp)
  const taken = [await mebibytes()]
  while (taken.length <= rounds) {
    await round(times)
    taken.push(await mebibytes())
  }
  console.log(JSON.stringify(taken))
}

/** A leak grows in every round. What caches and an allocator take to keep, they take in the first ones. @param {number[]} taken */
function assertFlat(taken) {
  const flat = taken.filter((mebibytes, round) => round > 0 && mebibytes - Math.max(...taken.slice(0, round)) < NOTHING)
  assert.ok(flat.length >= ROUNDS / 3, `MiB after each round: ${taken.map((mebibytes) => mebibytes.toFixed(1))}`)
}

test('200,000 verifications of good and bad tokens leave memory as it was', { timeout: 300_000 }, () => {
  const taken = memory(async () => {
    const { createVerifier } = require('logto-authkit')
    const { AUDIENCE, LOGTO_URL, bearer, goodToken, makeKey } = require('../support/helpers')
    const keys = ['EdDSA', 'ES384'].map((alg) => makeKey(alg))
    const jwks = { keys: keys.map(({ jwk }) => jwk) }
    const verifier = createVerifier({ logtoUrl: LOGTO_URL, audience: AUDIENCE, jwks, tokenCacheSize: 100 })
    const [quick, slow] = keys.map((key) => Array.from({ length: 500 }, () => goodToken(key)))
    return async (/** @type {number} */ times) => {
      for (let at = 0; at < times; at += 100) {
        const inputs = Array.from({ length: 100 }, (_, index) => {
          const number = at + index
          const token = quick[number % 500]
          if (number % 50 === 0) return slow[(number / 50) % 500]
          const bad = [
            token,
            bearer(token),
            `${token.slice(0, -8)}${number % 10}AAAAAAA`,
            `${number}.${token}`,
            bearer(`x${number}`),
          ]
          return bad[number % bad.length]
        })
        await Promise.allSettled(inputs.map((input) => verifier.verify(input)))
      }
    }
  }, 35_000)
  assertFlat(taken)
})

test('10,000 verifiers made and dropped leave memory as it was', { timeout: 300_000 }, () => {
  const taken = memory(async () => {
    const { createVerifier } = require('logto-authkit')
    const { AUDIENCE, LOGTO_URL, goodToken, makeKey } = require('../support/helpers')
    const key = makeKey('EdDSA')
    const token = goodToken(key)
    let made = 0
    return async (/** @type {number} */ times) => {
      for (let turn = 0; turn < times; turn += 1) {
        made += 1
        // An address of its own for each, so that nothing is shared.
        const options = { logtoUrl: `${LOGTO_URL}/${made}`, issuer: `${LOGTO_URL}/oidc`, audience: AUDIENCE }
        createVerifier({ ...options, tokenCacheSize: made % 100 }).stats()
        await createVerifier({ ...options, jwks: { keys: [key.jwk] } }).verify(token)
        // Finalizers of native objects run between turns of the event loop.
        if (turn % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }, 3_500)
  assertFlat(taken)
})

test('20,000 different options of verifyAuth leave memory as it was', { timeout: 300_000 }, () => {
  const prepare = async () => {
    const { verifyAuth } = require('logto-authkit')
    const { AUDIENCE, LOGTO_URL, goodToken, makeKey } = require('../support/helpers')
    const key = makeKey('EdDSA')
    const token = goodToken(key)
    let made = 0
    return async (/** @type {number} */ times) => {
      for (let turn = 0; turn < times; turn += 1) {
        made += 1
        const issuer = `${LOGTO_URL}/oidc`
        const jwks = { keys: [key.jwk] }
        await verifyAuth(token, {
          logtoUrl: `${LOGTO_URL}/${made}`,
          issuer,
          audience: AUDIENCE,
          jwks,
          tokenCacheSize: 10,
        })
        if (turn % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }
  // The last 1,000 are kept, whose places take a while to be where they stay.
  assertFlat(memory(prepare, 4_000, 8_000))
})
