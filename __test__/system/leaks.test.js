/** Memory must not grow with the number of tokens, verifiers or options. Each test measures its own process. */

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { test } = require('node:test')

/** The growth per round that is ignored, in MiB. A leak of 9 bytes per token or 75 bytes per verifier exceeds it. */
const TOLERANCE = 0.5

const ROUNDS = 12

/** Runs rounds of work in a process and returns its memory in MiB after each round. */
function memory(prepare, times, warmUp = times / 2) {
  const script = `(${measure})(${prepare}, ${times}, ${warmUp}, ${ROUNDS})`
  const child = spawnSync(process.execPath, ['--expose-gc', '--eval', script], {
    cwd: __dirname,
    encoding: 'utf8',
    timeout: 1_200_000,
  })
  assert.equal(child.status, 0, child.stderr)
  return JSON.parse(child.stdout)
}

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
  const samples = [await mebibytes()]
  while (samples.length <= rounds) {
    await round(times)
    samples.push(await mebibytes())
  }
  console.log(JSON.stringify(samples))
}

/** A leak grows in every round, while caches and the allocator grow only in the first ones. */
function assertFlat(samples) {
  const flat = samples.filter(
    (mebibytes, round) => round > 0 && mebibytes - Math.max(...samples.slice(0, round)) < TOLERANCE,
  )
  assert.ok(flat.length >= ROUNDS / 3, `MiB after each round: ${samples.map((mebibytes) => mebibytes.toFixed(1))}`)
}

test('memory does not grow during 200,000 verifications of valid and invalid tokens', { timeout: 1_300_000 }, () => {
  const samples = memory(async () => {
    const { createVerifier } = require('logto-authkit')
    const { AUDIENCE, LOGTO_URL, bearer, createKey, signToken } = require('../support/tokens')
    const keys = ['EdDSA', 'ES384'].map((alg) => createKey(alg))
    const jwks = { keys: keys.map(({ jwk }) => jwk) }
    const verifier = createVerifier({ logtoUrl: LOGTO_URL, audience: AUDIENCE, jwks, tokenCacheSize: 100 })
    const [quick, slow] = keys.map((key) => Array.from({ length: 500 }, () => signToken(key)))
    return async (times) => {
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
  assertFlat(samples)
})

test('memory does not grow when 10,000 verifiers are created and discarded', { timeout: 1_300_000 }, () => {
  const samples = memory(async () => {
    const { createVerifier } = require('logto-authkit')
    const { AUDIENCE, LOGTO_URL, createKey, signToken } = require('../support/tokens')
    const key = createKey('EdDSA')
    const token = signToken(key)
    let made = 0
    return async (times) => {
      for (let turn = 0; turn < times; turn += 1) {
        made += 1
        // A different URL for each verifier, so that they share nothing.
        const options = { logtoUrl: `${LOGTO_URL}/${made}`, issuer: `${LOGTO_URL}/oidc`, audience: AUDIENCE }
        createVerifier({ ...options, tokenCacheSize: made % 100 }).stats()
        await createVerifier({ ...options, jwks: { keys: [key.jwk] } }).verify(token)
        // Finalizers of native objects run between event loop iterations.
        if (turn % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }, 3_500)
  assertFlat(samples)
})

test('memory does not grow over 20,000 different options of verifyAuth', { timeout: 1_300_000 }, () => {
  const prepare = async () => {
    const { verifyAuth } = require('logto-authkit')
    const { AUDIENCE, LOGTO_URL, createKey, signToken } = require('../support/tokens')
    const key = createKey('EdDSA')
    const token = signToken(key)
    let made = 0
    return async (times) => {
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
  // The cache of the last 1,000 options takes a while to reach its final size.
  assertFlat(memory(prepare, 4_000, 8_000))
})
