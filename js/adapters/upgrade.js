/** WebSocket handshakes, and whatever else upgrades a connection: see upgrade.d.ts for the contract. */

const { STATUS_CODES } = require('node:http')
const { wrongOption } = require('../core/errors')
const { AuthError, Guard, answer } = require('./guard')
const { asError, setAuth } = require('./node-response')
const { split } = require('../core/options')

/** @typedef {import('node:stream').Duplex} Socket */

/** @type {typeof import('./upgrade').verifyUpgrade} */
async function verifyUpgrade(request, socket, options) {
  // Node has taken its own listener away: without one, a client that leaves meanwhile would end the process.
  socket.on('error', ignore)
  try {
    const { taken, rest } = split(options, ['allowedOrigins'])
    const { allowedOrigins } = taken
    const guard = new Guard(rest)
    if (!isAllowed(request.headers.origin, allowedOrigins)) return refuse(socket, WRONG_ORIGIN)
    let auth
    try {
      auth = await guard.authenticate(request)
    } catch (error) {
      if (!(error instanceof AuthError)) throw asError(error)
      return refuse(socket, answer(guard.challenged(error)))
    }
    if (socket.destroyed) return null
    setAuth(request, auth)
    socket.off('error', ignore)
    return auth
  } catch (fault) {
    refuse(socket, FAULT)
    throw fault
  }
}

/**
 * Browsers name the page that opens a WebSocket, and nothing keeps it from being one of another site (RFC 6455 section
 * 10.2). What is no browser has no cookies of somebody else.
 *
 * @param {string | undefined} origin
 * @param {unknown} allowed
 */
function isAllowed(origin, allowed) {
  if (allowed === undefined) return true
  if (!Array.isArray(allowed) || !allowed.every(isOrigin)) {
    throw wrongOption('allowedOrigins', "an array of origins such as 'https://app.example.com'", allowed)
  }
  return origin === undefined || allowed.includes(origin)
}

/** @param {unknown} text - As browsers send it: nothing behind the host and the port. */
const isOrigin = (text) => typeof text === 'string' && URL.canParse(text) && new URL(text).origin === text

/**
 * Answers where there is no response to do it with, and closes the connection.
 *
 * @param {Socket} socket
 * @param {import('./guard').Answer} answer
 */
function refuse(socket, { status, headers, body }) {
  const own = { Date: new Date().toUTCString(), Connection: 'close', 'Content-Length': Buffer.byteLength(body) }
  const lines = Object.entries({ ...headers, ...own }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`, () => socket.destroy())
  return null
}

const ignore = () => {}

const WRONG_ORIGIN = {
  status: 403,
  headers: { 'Cache-Control': 'no-store', 'Content-Type': 'application/json; charset=utf-8' },
  body: JSON.stringify({ error: 'Forbidden', message: 'Origin is not allowed' }),
}

const FAULT = { status: 500, headers: { 'Cache-Control': 'no-store' }, body: '' }

module.exports = { verifyUpgrade }
