/** The origins of requests: which web pages may open a connection and read a rejection, and which cookies need no `Secure`. */

const { cookieValues } = require('../core/request')
const { oneTimeWarning } = require('../core/warnings')

/** @typedef {InstanceType<typeof import('./authenticator').Authenticator>} Authenticator */
/** @typedef {{ headers: import('node:http').IncomingHttpHeaders }} Request */

/**
 * Checks the `Origin`, which browsers send because any website can open a WebSocket to this server (RFC 6455 section 10.2).
 * Without `allowedOrigins`, another website may connect, but not with the cookies of its visitor. Clients that send no `Origin`
 * are not browsers, so they have no user's cookies to abuse.
 *
 * @param {Request} request
 * @param {Authenticator} authenticator
 * @param {{ hasOwnToken?: boolean, hasGetToken?: boolean }} [client] - Whether the client has passed the token itself, so that its
 *   cookie is not read, and whether the application reads tokens from elsewhere.
 */
function isAllowedOrigin(request, authenticator, client = {}) {
  const { hasOwnToken = false, hasGetToken = authenticator.hasFunction('getToken') } = client
  const { origin, host } = request.headers
  if (origin === undefined) return true
  const { allowedOrigins } = authenticator.options
  if (allowedOrigins !== undefined) return allowedOrigins.includes(origin)
  if (isSameHost(origin, host)) return true
  // The functions `fallback` and `getToken` may read another library's session from any cookie.
  const readsAnyCookie = authenticator.hasFunction('fallback') || (hasGetToken && !hasOwnToken)
  const names = authenticator.sessionCookies(!hasOwnToken)
  const hasSession = readsAnyCookie
    ? request.headers.cookie !== undefined
    : names.some((name) => cookieValues(request, name).length > 0)
  if (!hasSession) return true
  warnAboutOrigin()
  return false
}

/**
 * Returns whether the host of an origin is that of the `Host` header. A default port may be omitted.
 *
 * @type {(origin: string, host: string | undefined) => boolean}
 */
function isSameHost(origin, host) {
  try {
    const { protocol, host: expected } = new URL(origin)
    return expected !== '' && new URL(`${protocol}//${host}`).host === expected
  } catch {
    return false
  }
}

const warnAboutOrigin = oneTimeWarning(
  'LOGTO_AUTHKIT_ORIGIN',
  'A session cookie from a page whose Origin is not the Host of this server has been rejected: list the origins of your pages in allowedOrigins',
)

/**
 * Returns the CORS headers of a rejection, without which a page in `allowedOrigins` could not read it. Socket.IO connects with an
 * ordinary cross-origin request if it starts with polling.
 *
 * @type {(request: Request, authenticator: Authenticator) => Record<string, string>}
 */
function corsHeaders({ headers: { origin } }, { options: { allowedOrigins } }) {
  if (origin === undefined || !allowedOrigins?.includes(origin)) return {}
  return { 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true', Vary: 'Origin' }
}

/**
 * Returns the protocol and the host with which a client has reached Express or Node's `http`.
 *
 * @param {any} req
 * @returns {[protocol: string, host: string | undefined]}
 */
const requestOrigin = (req) => [req.protocol ?? (req.socket?.encrypted ? 'https' : 'http'), req.headers.host]

module.exports = { corsHeaders, isAllowedOrigin, requestOrigin }
