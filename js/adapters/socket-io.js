/** Middleware for Socket.IO: see upgrade.d.ts for the contract. */

const { inspect } = require('node:util')
const { AuthError, asError } = require('../core/errors')
const { settle } = require('../core/settle')
const { Authenticator } = require('./authenticator')
const { ORIGIN_MESSAGE, checkOrigin } = require('./origin')

/** @typedef {import('./upgrade').HandshakeSocket} Socket */

/** @type {any} */
function socketAuth(/** @type {any} */ options) {
  const authenticator = new Authenticator('upgrade', withHandshakeToken(options))
  const hasGetToken = [options].flat().some((one) => one?.getToken !== undefined)

  return function socketAuth(/** @type {Socket} */ socket, /** @type {(error?: Error) => void} */ next) {
    // A WebTransport session has no HTTP request.
    const request = socket.request ?? { headers: socket.handshake.headers }
    if (!checkOrigin(request, authenticator, { hasOwnToken: handshakeToken(socket) !== undefined, hasGetToken })) {
      next(withErrorData(new Error(ORIGIN_MESSAGE), { code: 'forbidden', status: 403 }))
      return
    }
    settle(
      () => authenticator.verify(request, socket),
      (auth) => {
        socket.data.auth = auth
        next()
      },
      (thrown) => next(toSocketError(thrown)),
    )
  }
}

/**
 * Returns options with a `getToken` that prefers the token in the client's handshake.
 *
 * @param {any} options
 * @returns {any}
 */
function withHandshakeToken(options = {}) {
  if (Array.isArray(options)) return options.map((one) => withHandshakeToken(one))
  if (typeof options !== 'object' || options === null) return options
  const { getToken } = options
  if (getToken !== undefined && typeof getToken !== 'function') return options
  const value = (/** @type {Socket} */ socket) => handshakeToken(socket) ?? getToken?.(socket)
  const descriptors = Object.getOwnPropertyDescriptors(options)
  const replacement = { value, enumerable: true, configurable: true, writable: true }
  return Object.create(Object.getPrototypeOf(options), { ...descriptors, getToken: replacement })
}

/** @param {Socket} socket */
function handshakeToken({ handshake }) {
  const token = handshake.auth?.token
  return typeof token === 'string' && token !== '' ? token : undefined
}

/**
 * Returns the error that Socket.IO sends to the client. Application errors are reported only to the operator, because
 * Socket.IO sends an error's message to the client.
 *
 * @param {unknown} thrown
 */
function toSocketError(thrown) {
  if (thrown instanceof AuthError) return withErrorData(thrown, { code: thrown.code, status: thrown.status })
  const error = asError(thrown)
  process.emitWarning(error instanceof Error ? error : inspect(error))
  return withErrorData(new Error('Internal server error'), { status: 500 })
}

/** @type {<T extends object>(error: Error, data: T) => Error & { data: T }} */
const withErrorData = (error, data) => Object.assign(error, { data })

module.exports = { socketAuth }
