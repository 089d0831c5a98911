const { verifyAuth } = require('logto-authkit')
const { CLIENT_ID, ORDERS, REPORTS } = require('./identity-server.js')
const { claimsOf } = require('./token-parts.js')
const { accepted, check, guest, rejected } = require('./verdict.js')

/**
 * Sends requests to an orders API, with and without tokens from a live server.
 *
 * @param {import('./identity-server.js').IdentityServer} server
 */
async function requestRows(server) {
  const token = await server.requestToken(ORDERS, 'read:orders')
  const reportsToken = await server.requestToken(REPORTS, 'read:reports')
  const api = { logtoUrl: server.logtoUrl, audience: ORDERS }
  const machine = { userId: CLIENT_ID, subjectType: 'machine', clientId: CLIENT_ID, organizationId: null }
  const reader = accepted({ ...machine, audience: ORDERS, scopes: ['read:orders'] })
  const reporter = accepted({ ...machine, audience: REPORTS, scopes: ['read:reports'] })

  return [
    await check('ES384 token, Authorization header', reader, verifyAuth(withHeader(token), api)),
    await check('ES384 token, cookie', reader, verifyAuth(withCookie(token), api)),
    await check('RS256 token', reporter, verifyAuth(withHeader(reportsToken), { ...api, audience: REPORTS })),
    await check(
      'token without the required scope',
      rejected(403, 'missing_scope'),
      verifyAuth(withHeader(token), { ...api, requiredScope: 'write:orders' }),
    ),
    await check(
      'one second after the token expired',
      rejected(401, 'token_expired'),
      verifyAuth(withHeader(token), { ...api, currentDate: afterExpiry(token) }),
    ),
    await check('no token', rejected(401, 'missing_token'), verifyAuth({ headers: {} }, api)),
    await check(
      'no token, guests allowed',
      guest('missing_token'),
      verifyAuth({ headers: {} }, { ...api, allowGuest: true }),
    ),
  ]
}

/** @param {string} token */
const withHeader = (token) => ({ headers: { authorization: `Bearer ${token}` } })

/** @param {string} token */
const withCookie = (token) => ({ headers: { cookie: `theme=dark; logto_authtoken=${token}` } })

/** @param {string} token */
const afterExpiry = (token) => new Date((claimsOf(token).exp + 1) * 1000)

module.exports = { requestRows }
