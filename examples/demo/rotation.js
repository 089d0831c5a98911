const { invalidateJwksCache, verifyAuth } = require('logto-authkit')
const { CLIENT_ID, ORDERS } = require('./identity-server.js')
const { headerOf } = require('./token-parts.js')
const { accepted, check, rejected } = require('./verdict.js')

/**
 * Rotates the signing key while this process runs, first with and then without the previous key in the key set.
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
  // The library is not notified of the rotation: the unknown `kid` makes it fetch the key set again.
  const rotated = [
    await check(`rotated: new key ${keyOf(newToken)}`, reader, verifyAuth(newToken, api)),
    await check(`rotated: old key ${keyOf(oldToken)}`, reader, verifyAuth(oldToken, api)),
  ]

  server.dropPreviousKey()
  // Otherwise, the removal would take effect only when the cached key set is refreshed.
  invalidateJwksCache(server.logtoUrl)
  const dropped = [
    await check(`dropped: old key ${keyOf(oldToken)}`, rejected(401, 'unknown_key'), verifyAuth(oldToken, api)),
    await check(`dropped: new key ${keyOf(newToken)}`, reader, verifyAuth(newToken, api)),
  ]
  return [before, ...rotated, ...dropped]
}

/** @param {string} token its `kid` is shortened, because a prefix is enough to tell two keys apart */
const keyOf = (token) => headerOf(token).kid.slice(0, 8)

module.exports = { rotationRows }
