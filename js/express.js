/** Express 4 and 5, Connect and plain `http`: see express.d.ts for the contract. */

const { AuthError, Guard, Requirements, answer, isSecure, split } = require('./guard')
const { optionsError } = require('./errors')
const { addCookie, fail, send, setAuth } = require('./middleware')

/** @typedef {import('./middleware').Request} Request */
/** @typedef {import('./middleware').Response} Response */
/** @typedef {import('./middleware').Next} Next */
/** @typedef {{ auth: import('..').AuthContext | undefined, onError: Function | undefined }} Seen */

/** What `logtoAuth` found out about each request: only that counts in `protect`, whatever else writes `req.auth`. */
/** @type {WeakMap<Request, Seen>} */
const seen = new WeakMap()

/** @type {typeof import('./express').logtoAuth} */
function logtoAuth(options) {
  const { taken, rest } = split(options, ['onError'])
  const { onError } = taken
  if (onError !== undefined && typeof onError !== 'function') {
    throw optionsError({
      option: 'onError',
      message: `Invalid option "onError": expected a function, got ${onError === null ? 'null' : typeof onError}`,
    })
  }
  const guard = new Guard(rest)

  /**
   * @param {Request} req
   * @param {Response} res
   * @param {Next} next
   */
  return function logtoAuth(req, res, next) {
    try {
      remember(req, { auth: undefined, onError })
    } catch (fault) {
      fail(fault, res, next)
      return
    }
    if (isPreflight(req)) {
      next()
      return
    }
    guard.authenticate(req).then(
      (auth) => {
        if (res.headersSent) return
        try {
          remember(req, { auth, onError })
          const cookie = guard.guestHeaders(auth, isSecure(protocol(req), req.headers.host))
          if (cookie !== null) addCookie(res, cookie)
        } catch (fault) {
          fail(fault, res, next)
          return
        }
        next()
      },
      (error) => refuse(error, onError, req, res, next),
    )
  }
}

/** @type {typeof import('./express').protect} */
function protect(requirements) {
  const required = new Requirements(requirements)

  /**
   * @param {Request} req
   * @param {Response} res
   * @param {Next} next
   */
  return function protect(req, res, next) {
    const own = seen.get(req)
    if (own === undefined) warnOfOrder()
    try {
      required.check(own !== undefined && own.auth === req.auth ? own.auth : undefined, req)
    } catch (error) {
      refuse(error, own?.onError, req, res, next)
      return
    }
    next()
  }
}

/**
 * @param {Request} req
 * @param {Seen} found
 */
function remember(req, found) {
  setAuth(req, found.auth)
  seen.set(req, found)
}

/**
 * @param {unknown} error
 * @param {Function | undefined} onError
 * @param {Request} req
 * @param {Response} res
 * @param {Next} next
 */
function refuse(error, onError, req, res, next) {
  if (!(error instanceof AuthError)) {
    fail(error, res, next)
    return
  }
  if (res.headersSent) return
  if (onError === undefined) {
    send(res, answer(error))
    return
  }
  let isPassed = false
  const nextOnce = (/** @type {unknown[]} */ ...args) => {
    if (isPassed) return
    isPassed = true
    next(...args)
  }
  const outcome = new Promise((resolve) => resolve(onError(error, req, res, nextOnce)))
  outcome.catch((fault) => fail(fault, res, nextOnce))
}

/** @param {Request} req */
const isPreflight = ({ method, headers }) =>
  method === 'OPTIONS' && headers['access-control-request-method'] !== undefined

/** @param {any} req - Express knows about proxies that it trusts; a socket knows about itself. */
const protocol = (req) => req.protocol ?? (req.socket?.encrypted ? 'https' : 'http')

let isWarned = false

/** The mistake would look like a client's: 401, whatever token it sends. */
function warnOfOrder() {
  if (isWarned) return
  isWarned = true
  process.emitWarning('protect() was asked about a request that logtoAuth() has not seen: it lets nobody in', {
    code: 'LOGTO_AUTHKIT_UNSEEN_REQUEST',
  })
}

module.exports = { logtoAuth, protect }
