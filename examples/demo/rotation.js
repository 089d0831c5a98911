const { invalidateJwksCache, verifyAuth } = require('logto-authkit')
const { CLIENT_ID, ORDERS } = require('./identity-server.js')
const { headerOf } = require('./token-parts.js')
const { accepted, check, refused } = require('./verdict.js')

/**
 * The server changes its signing key while this process runs on, first keeping the former key, then dropping it.
 *
 * @param {import('./identity-server.js').IdentityServer} server
 */
async function rotationRows(server) {
  const api = { logtoUrl: server.logtoUrl, audience: ORDERS }
  const reader = accepted({
    userId: CLIENT_ID,
    subjectType: 'machine',
    clientId: CLIENT_ID,
    organizationId: null,
    audience: ORDERS,
    scopes: ['read:orders'],
  })

  const oldToken = await server.requestToken(ORDERS, 'read:orders')
  const before = await check(`before: key ${keyOf(oldToken)}`, reader, verifyAuth(oldToken, api))

  await server.rotateKey()
  const newToken = await server.requestToken(ORDERS, 'read:orders')
  // Nothing was told: the unknown `kid` makes the library ask for the key set again.
  const rotated = [
    await check(`rotated: new key ${keyOf(newToken)}`, reader, verifyAuth(newToken, api)),
    await check(`rotated: old key ${keyOf(oldToken)}`, reader, verifyAuth(oldToken, api)),
  ]

  server.dropFormerKey()
  // A removed key is noticed when the cached set is refreshed; whoever drops a leaked key does not wait for that.
  invalidateJwksCache(server.logtoUrl)
  const dropped = [
    await check(`dropped: old key ${keyOf(oldToken)}`, refused(401, 'unknown_key'), verifyAuth(oldToken, api)),
    await check(`dropped: new key ${keyOf(newToken)}`, reader, verifyAuth(newToken, api)),
  ]
  return [before, ...rotated, ...dropped]
}

/** @param {string} token the beginning of its `kid` is enough to tell two keys apart */
const keyOf = (token) => headerOf(token).kid.slice(0, 8)

module.exports = { rotationRows }
