/** Express 4 and 5, Connect and plain `http`: see express.d.ts for the contract. */

const { AuthError } = require('../core/errors')
const { settle } = require('../core/settle')
const { Authenticator, checkRequest, contextOf } = require('./authenticator')
const { assertCalledByApplication } = require('./misuse')
const { requestOrigin } = require('./origin')
const { rejectionOf, requireContext } = require('./rejections')
const { Requirements } = require('./requirements')
const { addCookie, errorResponse, passToErrorHandler, sendResponse } = require('./response')
const { setAuth } = require('./set-auth')

/** @typedef {import('node:http').IncomingMessage & { auth?: unknown }} Request */
/** @typedef {import('./response').Response} Response */
/** @typedef {import('./response').Next} Next */

/** @type {import('./authenticator').Framework} */
const expressFramework = {
  request: (req) => req,
  // In Express, `req.protocol` depends on the `trust proxy` setting. In Connect and plain http, the protocol is known
  // only from the socket.
  origin: requestOrigin,
  store: setAuth,
  stored: (req, property) => req[property],
  addCookie,
}

/** @type {any} */
function logtoAuth(/** @type {any} */ options, /** @type {unknown[]} */ ...rest) {
  assertCalledByApplication('logtoAuth(options)', rest)
  const authenticator = new Authenticator('adapter', options, expressFramework)

  return function logtoAuth(/** @type {Request} */ req, /** @type {Response} */ res, /** @type {Next} */ next) {
    let pending
    try {
      pending = authenticator.authenticate(req, res)
    } catch (error) {
      reject(error, req, res, next)
      return
    }
    if (pending === undefined) next()
    else continueOnceAccepted(pending, req, res, next)
  }
}

/** @type {any} */
function protect(/** @type {any[]} */ ...given) {
  assertCalledByApplication('protect()', given.slice(1))
  const requirements = new Requirements(...given)

  return function protect(/** @type {Request} */ req, /** @type {Response} */ res, /** @type {Next} */ next) {
    let pending
    try {
      pending = checkRequest(requirements, req)
    } catch (error) {
      reject(error, req, res, next)
      return
    }
    if (pending === undefined) next()
    else continueOnceAccepted(pending, req, res, next)
  }
}

/**
 * Continues with the next handler once a request is accepted.
 *
 * @type {(pending: Promise<void>, req: Request, res: Response, next: Next) => void}
 */
function continueOnceAccepted(pending, req, res, next) {
  pending.then(
    () => res.headersSent || next(),
    (error) => reject(error, req, res, next),
  )
}

/** @type {any} */
const getAuth = contextOf

/** @type {any} */
const requireAuth = requireContext

/** @type {typeof import('./express').authErrorHandler} */
const authErrorHandler = () => (thrown, req, res, next) => {
  // Express closes the connection if a response has already started.
  if (!(thrown instanceof AuthError) || res.headersSent) next(thrown)
  else sendResponse(res, errorResponse(rejectionOf(thrown, req).error))
}

/** @type {(thrown: unknown, req: Request, res: Response, next: Next) => void} */
function reject(thrown, req, res, next) {
  let hasCalledNext = false
  const callNextOnce = (/** @type {unknown[]} */ ...args) => {
    if (hasCalledNext) return
    hasCalledNext = true
    next(...args)
  }
  settle(
    () => {
      const { error, onError } = rejectionOf(thrown, req)
      if (res.headersSent) return
      if (onError !== undefined) return onError(error, req, res, callNextOnce)
      sendResponse(res, errorResponse(error))
    },
    () => {},
    (failure) => passToErrorHandler(failure, res, callNextOnce),
  )
}

module.exports = { authErrorHandler, getAuth, logtoAuth, protect, requireAuth }
