/** WebSocket handshakes and other upgrades of a connection: see upgrade.d.ts for the contract. */

const { STATUS_CODES } = require('node:http')
const { errorTitle } = require('../core/contract')
const { AuthError, asError } = require('../core/errors')
const { cookieValues } = require('../core/request')
const { warningOnce } = require('../core/warnings')
const { Authenticator, setAuth } = require('./authenticator')
const { errorResponse, jsonResponse } = require('./response')

/** @typedef {InstanceType<typeof import('./authenticator').Authenticator>} Authenticator */

/** @type {typeof import('./upgrade').verifyUpgrade} */
async function verifyUpgrade(request, socket, options) {
  // Node has removed its own listener. Without one, a client that disconnects now would crash the process.
  socket.on('error', ignoreError)
  try {
    const authenticator = new Authenticator('upgrade', options)
    if (!isAllowedOrigin(request, authenticator)) return respond(socket, ORIGIN_REJECTION)
    let auth
    try {
      auth = await authenticator.verify(request)
    } catch (error) {
      if (!(error instanceof AuthError)) throw asError(error)
      return respond(socket, errorResponse(authenticator.withResourceMetadata(error)))
    }
    if (socket.destroyed) return null
    setAuth(request, auth)
    socket.off('error', ignoreError)
    return auth
  } catch (error) {
    respond(socket, INTERNAL_ERROR)
    throw error
  }
}

/**
 * Checks the `Origin`, which browsers send because any website can open a WebSocket to this server (RFC 6455 section 10.2).
 * Without `allowedOrigins`, another website may connect, but not with the cookies of its visitor. Clients that send no `Origin`
 * are not browsers, so they have no user's cookies to abuse.
 *
 * @type {(request: import('node:http').IncomingMessage, authenticator: Authenticator) => boolean}
 */
function isAllowedOrigin(request, { options: { allowedOrigins, tokenSources }, cookieNames }) {
  const { origin, host } = request.headers
  if (origin === undefined) return true
  if (allowedOrigins !== undefined) return allowedOrigins.includes(origin)
  if (isSameHost(origin, host)) return true
  const names = tokenSources?.includes('cookie') === false ? cookieNames.slice(1) : cookieNames
  if (names.every((name) => cookieValues(request, name).length === 0)) return true
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

const warnAboutOrigin = warningOnce(
  'LOGTO_AUTHKIT_ORIGIN',
  'verifyUpgrade rejected a session cookie from a page whose Origin is not the Host of this server: list the origins of your pages in allowedOrigins',
)

/**
 * Writes a response to the raw socket and closes the connection.
 *
 * @param {import('node:stream').Duplex} socket
 * @param {import('./response').ErrorResponse} response
 */
function respond(socket, { status, headers, body }) {
  const connectionHeaders = {
    Date: new Date().toUTCString(),
    Connection: 'close',
    'Content-Length': Buffer.byteLength(body),
  }
  const lines = Object.entries({ ...headers, ...connectionHeaders }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`, () => socket.destroy())
  return null
}

const ignoreError = () => {}

const ORIGIN_REJECTION = jsonResponse(403, {
  error: errorTitle('wrong_organization'),
  message: 'Origin is not allowed',
})

const INTERNAL_ERROR = { status: 500, headers: { 'Cache-Control': 'no-store' }, body: '' }

module.exports = { verifyUpgrade }
