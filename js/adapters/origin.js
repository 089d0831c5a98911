/**
 * The origins of requests. The origin determines whether a web page may open a connection or read a rejection, and
 * whether a cookie may omit `Secure`.
 */

const { cookieValues } = require('../core/request')
const { createOneTimeWarning, printRejection } = require('../core/warnings')

/** @typedef {InstanceType<typeof import('./authenticator').Authenticator>} Authenticator */
/** @typedef {{ headers: import('node:http').IncomingHttpHeaders }} Request */

/**
 * @typedef {{ hasOwnToken?: boolean, hasGetToken?: boolean }} Client - `hasOwnToken`: the client passed a token, so the
 *   token cookie is not read. `hasGetToken`: the application reads tokens from elsewhere.
 */

/** The error message for a handshake from a page whose origin is not allowed to connect. */
const ORIGIN_MESSAGE = 'Origin is not allowed'

/**
 * Maximum length of the details in a warning. They quote the request's `Origin` header, which a client can make
 * arbitrarily long.
 */
const MAX_DETAILS_LENGTH = 500

/**
 * Returns whether a page may open a connection to this server. The first time that a page may not connect, a warning
 * states the reason, because the browser does not show it. The debug output contains every rejected page.
 *
 * @param {Request} request
 * @param {Authenticator} authenticator
 * @param {Client} [client]
 */
function checkOrigin(request, authenticator, client) {
  if (isAllowedOrigin(request, authenticator, client)) return true
  const { allowedOrigins } = authenticator.options
  const details = JSON.stringify({ origin: request.headers.origin, allowedOrigins }).replace(/[^\x20-\x7e]/g, '?')
  if (allowedOrigins === undefined) warnAboutCookie()
  else warnAboutUnlistedOrigin(details.slice(0, MAX_DETAILS_LENGTH))
  const rejection = { code: 'forbidden', status: 403, message: ORIGIN_MESSAGE, details, cause: null }
  printRejection(/** @type {any} */ (rejection), request)
  return false
}

/**
 * Checks the `Origin` header of a WebSocket handshake, because any website can open a WebSocket to this server (RFC
 * 6455 section 10.2). Without `allowedOrigins`, pages of other websites may connect, but not with a visitor's cookies.
 * A client that sends no `Origin` is not a browser, so no website can make it send a user's cookies.
 *
 * @param {Request} request
 * @param {Authenticator} authenticator
 * @param {Client} [client]
 */
function isAllowedOrigin(request, authenticator, client = {}) {
  const { hasOwnToken = false, hasGetToken = authenticator.hasFunction('getToken') } = client
  const { origin, host } = request.headers
  if (origin === undefined) return true
  const { allowedOrigins } = authenticator.options
  if (allowedOrigins !== undefined) return allowedOrigins.includes(origin)
  if (isSameHost(origin, host)) return true
  // The application's `fallback` and `getToken` may read the session of another library from any cookie.
  const readsAnyCookie = authenticator.hasFunction('fallback') || (hasGetToken && !hasOwnToken)
  const names = authenticator.sessionCookies(!hasOwnToken)
  const hasSession = readsAnyCookie
    ? request.headers.cookie !== undefined
    : names.some((name) => cookieValues(request, name).length > 0)
  return !hasSession
}

/**
 * Returns whether an origin has the same host as the `Host` header. Both the origin and the `Host` header may omit a
 * default port.
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

const warnAboutUnlistedOrigin = createOneTimeWarning(
  'LOGTO_AUTHKIT_ORIGIN',
  'A page whose Origin is not in allowedOrigins has been rejected. If the page is yours, add its origin to allowedOrigins: ',
)

const warnAboutCookie = createOneTimeWarning(
  'LOGTO_AUTHKIT_ORIGIN',
  'A page whose Origin is not the Host of this server has been rejected, because its request contains a cookie: list the origins of your pages in allowedOrigins',
)

/**
 * Returns the CORS headers of a rejection. Without these headers, no page of another origin could read the rejection,
 * not even one whose origin is in `allowedOrigins`. Socket.IO connects with ordinary cross-origin requests if it starts
 * with polling.
 *
 * @type {(request: Request, authenticator: Authenticator) => Record<string, string>}
 */
function corsHeaders({ headers: { origin } }, { options: { allowedOrigins } }) {
  if (origin === undefined || !allowedOrigins?.includes(origin)) return {}
  return { 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true', Vary: 'Origin' }
}

/**
 * Returns the protocol and the host that a client has used to reach Express or Node's `http`.
 *
 * @param {any} req
 * @returns {[protocol: string, host: string | undefined]}
 */
const requestOrigin = (req) => [req.protocol ?? (req.socket?.encrypted ? 'https' : 'http'), req.headers.host]

module.exports = { ORIGIN_MESSAGE, checkOrigin, corsHeaders, requestOrigin }
