const { fork } = require('node:child_process')
const { once } = require('node:events')
const { join } = require('node:path')
const { createVerifier } = require('logto-authkit')
const { createRevocations, redisStore } = require('logto-authkit/revocation')
const { createClient } = require('redis')
const { claimsOf } = require('./token-parts.js')
const { ORDERS } = require('./identity-server.js')
const { check, rejected } = require('./verdict.js')

/** Number of tokens to revoke, one after another. */
const TOKENS = 20
/** The documented time until a revocation takes effect everywhere, in milliseconds. */
const LIMIT = 1000

/**
 * Revokes tokens in this process, and measures how long another process accepts them. Without `redis-server`, returns
 * the reason for skipping this part, because the two processes share nothing else.
 *
 * @param {import('./identity-server.js').IdentityServer} server
 * @returns {Promise<import('./verdict.js').Row[] | string>}
 */
async function revocationRows(server) {
  const { startRedis } = await import('../revocation/redis.mjs')
  const redis = await startRedis().catch(({ message }) => message)
  if (typeof redis === 'string') return redis
  const client = await createClient({ url: redis.url }).connect()
  const revocations = createRevocations({ store: redisStore(client) })
  const options = { logtoUrl: server.logtoUrl, audience: ORDERS }
  const other = fork(join(__dirname, 'revocation-instance.js'), [redis.url, JSON.stringify(options)])
  try {
    const [[port]] = await Promise.all([once(other, 'message'), revocations.ready()])
    const api = `http://127.0.0.1:${port}`
    const tokens = await Promise.all(Array.from({ length: TOKENS }, () => server.requestToken(ORDERS, 'read:orders')))
    const times = []
    for (const token of tokens) {
      if ((await ask(api, token)) !== '200') throw new Error('The other process rejects a token that is not revoked')
      times.push(await acceptedFor(api, token, revocations))
    }
    const verifier = createVerifier({ ...options, revocations })
    const valid = await ask(api, await server.requestToken(ORDERS, 'read:orders'))
    return [
      await check('Revoked token, this process', rejected(401, 'token_revoked'), verifier.verify(tokens[0])),
      timeRow(times),
      { name: 'Valid token, other process', expected: '200', got: valid, ok: valid === '200', detail: '' },
    ]
  } finally {
    other.kill()
    await revocations.close()
    await client.quit()
    await redis.close()
  }
}

/**
 * Revokes a token and calls the other process until it rejects the token. Returns the time in milliseconds.
 *
 * @param {string} api
 * @param {string} token
 * @param {import('logto-authkit/revocation').Revocations} revocations
 */
async function acceptedFor(api, token, revocations) {
  const { jti, exp } = claimsOf(token)
  const start = performance.now()
  const revoked = revocations.revokeToken({ jti, exp })
  let answer = ''
  while (answer !== '401 token_revoked' && performance.now() - start < LIMIT) answer = await ask(api, token)
  const elapsed = performance.now() - start
  await revoked
  return answer === '401 token_revoked' ? elapsed : Number.POSITIVE_INFINITY
}

/** @param {number[]} times @returns {import('./verdict.js').Row} */
function timeRow(times) {
  const sorted = [...times].sort((a, b) => a - b)
  const [median, slowest] = [sorted[TOKENS / 2], sorted[TOKENS - 1]].map((time) => time.toFixed(1))
  return {
    name: 'Revoked token, other process',
    expected: `401 within ${LIMIT} ms`,
    got: `401 after ${median} ms, at most ${slowest} ms`,
    ok: sorted[TOKENS - 1] < LIMIT,
    detail: '',
  }
}

/** @param {string} api @param {string} token */
async function ask(api, token) {
  const response = await fetch(api, { headers: { authorization: `Bearer ${token}` } })
  return response.text()
}

module.exports = { revocationRows }
