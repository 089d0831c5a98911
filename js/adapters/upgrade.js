/** WebSocket handshakes and other upgrades of an HTTP connection: see upgrade.d.ts for the contract. */

const { STATUS_CODES } = require('node:http')
const { errorTitle } = require('../core/contract')
const { AuthError, asError } = require('../core/errors')
const { Authenticator } = require('./authenticator')
const { setAuth } = require('./set-auth')
const { ORIGIN_MESSAGE, checkOrigin, corsHeaders } = require('./origin')
const { errorResponse, jsonResponse } = require('./response')
const { socketAuth } = require('./socket-io')

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:stream').Duplex} socket
 * @param {any} options
 * @returns {Promise<any>}
 */
async function verifyUpgrade(request, socket, options) {
  // Node has removed its own error listener from the socket. Without a listener, a client that disconnects now would
  // crash the process.
  socket.on('error', ignoreError)
  try {
    const authenticator = new Authenticator('upgrade', options)
    if (!checkOrigin(request, authenticator)) return writeResponse(socket, ORIGIN_REJECTION)
    let auth
    try {
      auth = await authenticator.verify(request)
    } catch (error) {
      if (!(error instanceof AuthError)) throw asError(error)
      const { headers, ...response } = errorResponse(authenticator.withResourceMetadata(error))
      return writeResponse(socket, { ...response, headers: { ...headers, ...corsHeaders(request, authenticator) } })
    }
    if (socket.destroyed) return null
    setAuth(request, auth)
    socket.off('error', ignoreError)
    return auth
  } catch (error) {
    writeResponse(socket, INTERNAL_ERROR)
    throw error
  }
}

/**
 * Writes a response to a raw socket and closes the connection.
 *
 * @param {import('node:stream').Duplex} socket
 * @param {import('./response').ErrorResponse} response
 */
function writeResponse(socket, { status, headers, body }) {
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
  error: errorTitle('forbidden'),
  code: 'forbidden',
  message: ORIGIN_MESSAGE,
})

const INTERNAL_ERROR = { status: 500, headers: { 'Cache-Control': 'no-store' }, body: '' }

module.exports = { socketAuth, verifyUpgrade }
