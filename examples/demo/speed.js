const { createVerifier } = require('logto-authkit')
const { ORDERS } = require('./identity-server.js')

/** Rounds per library. The libraries alternate, so that both run under the same conditions. */
const ROUNDS = 3
/** Duration of a round, in milliseconds. */
const DURATION = 250

/**
 * Verifies an ES384 token again and again, one at a time.
 *
 * @param {import('./identity-server.js').IdentityServer} server
 * @returns {Promise<{ name: string, perSecond: number }[]>} the best round of each library
 */
async function measureSpeed(server) {
  const { createRemoteJWKSet, jwtVerify } = await import('jose')
  const token = await server.requestToken(ORDERS, 'read:orders')
  const { logtoUrl } = server
  const keys = createRemoteJWKSet(new URL(`${logtoUrl}/oidc/jwks`))
  const claims = { issuer: `${logtoUrl}/oidc`, audience: ORDERS, typ: 'at+jwt', algorithms: ['ES384'] }
  const uncached = createVerifier({ logtoUrl, audience: ORDERS, tokenCacheSize: 0 })
  const cached = createVerifier({ logtoUrl, audience: ORDERS })
  /** @type {[string, () => Promise<unknown>][]} */
  const contestants = [
    ['jose', () => jwtVerify(token, keys, claims)],
    ['logto-authkit', () => uncached.verify(token)],
    ['logto-authkit, token verified before', () => cached.verify(token)],
  ]
  const results = contestants.map(([name]) => ({ name, perSecond: 0 }))
  for (const [, verify] of contestants) await verify()
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [i, [, verify]] of contestants.entries())
      results[i].perSecond = Math.max(results[i].perSecond, await measure(verify))
  }
  return results
}

/** @param {() => Promise<unknown>} verify */
async function measure(verify) {
  const start = performance.now()
  let count = 0
  while (performance.now() - start < DURATION) {
    await verify()
    count += 1
  }
  return (count * 1000) / (performance.now() - start)
}

module.exports = { measureSpeed }
