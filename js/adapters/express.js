/** Express 4 and 5, Connect and plain `http`: see express.d.ts for the contract. */

const { settle } = require('../core/settle')
const { Authenticator, checkRequest, rejectionOf, setAuth } = require('./authenticator')
const { Requirements } = require('./requirements')
const { addCookie, errorResponse, fail, send } = require('./response')

/** @typedef {import('node:http').IncomingMessage & { auth?: unknown }} Request */
/** @typedef {import('./response').Response} Response */
/** @typedef {import('./response').Next} Next */

/** @type {import('./authenticator').Framework} */
const express = {
  request: (req) => req,
  // Express applies its `trust proxy` setting; in Connect and plain http, only the socket tells the protocol.
  origin: (req) => [req.protocol ?? (req.socket?.encrypted ? 'https' : 'http'), req.headers.host],
  store: setAuth,
  addCookie,
}

/** @type {typeof import('./express').logtoAuth} */
function logtoAuth(options) {
  const authenticator = new Authenticator('adapter', options, express)

  return function logtoAuth(req, res, next) {
    let pending
    try {
      pending = authenticator.authenticate(req, res)
    } catch (error) {
      reject(error, req, res, next)
      return
    }
    if (pending === undefined) next()
    else {
      pending.then(
        () => res.headersSent || next(),
        (error) => reject(error, req, res, next),
      )
    }
  }
}

/** @type {typeof import('./express').protect} */
function protect(requirements) {
  const required = new Requirements(requirements)

  return function protect(/** @type {Request} */ req, res, next) {
    try {
      checkRequest(required, req, req.auth)
    } catch (error) {
      reject(error, req, res, next)
      return
    }
    next()
  }
}

/** @type {(thrown: unknown, req: Request, res: Response, next: Next) => void} */
function reject(thrown, req, res, next) {
  let hasContinued = false
  const nextOnce = (/** @type {unknown[]} */ ...args) => {
    if (hasContinued) return
    hasContinued = true
    next(...args)
  }
  settle(
    () => {
      const { error, onError } = rejectionOf(thrown, req)
      if (res.headersSent) return
      if (onError !== undefined) return onError(error, req, res, nextOnce)
      send(res, errorResponse(error))
    },
    () => {},
    (failure) => fail(failure, res, nextOnce),
  )
}

module.exports = { logtoAuth, protect }
