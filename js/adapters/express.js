/** Express 4 and 5, Connect and plain `http`: see express.d.ts for the contract. */

const { check, createGate, introduction, isPreflight, refused, remember } = require('./gate')
const { Requirements, answer } = require('./guard')
const { addCookie, fail, send, setAuth } = require('./node-response')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('./node-response').Request} Request */
/** @typedef {import('./node-response').Response} Response */
/** @typedef {import('./node-response').Next} Next */

/** @type {typeof import('./express').logtoAuth} */
function logtoAuth(options) {
  const gate = createGate(options)

  /**
   * @param {Request} req
   * @param {Response} res
   * @param {Next} next
   */
  return function logtoAuth(req, res, next) {
    let auth
    try {
      if (!isPreflight(req, req.method)) auth = gate.guard.authenticate(req)
    } catch (error) {
      auth = Promise.reject(error)
    }
    // Nothing is waited for where nothing has to be: that a token was seen before is known at once.
    if (auth === undefined || isContext(auth)) letIn(gate, auth, req, res, next)
    else wait(gate, auth, req, res, next)
  }
}

/**
 * What is none is a promise, whatever class the application has put in place of `Promise`.
 *
 * @param {AuthContext | Promise<AuthContext>} auth
 * @returns {auth is AuthContext}
 */
const isContext = (auth) => Object.hasOwn(auth, 'isAuthenticated')

/**
 * @param {import('./gate').Gate} gate
 * @param {Promise<AuthContext>} auth
 * @param {Request} req
 * @param {Response} res
 * @param {Next} next
 */
function wait(gate, auth, req, res, next) {
  try {
    // Until it is found out who asks, it is nobody, whatever stood there before.
    put(req, gate, undefined)
  } catch (fault) {
    auth.catch(() => {})
    fail(fault, res, next)
    return
  }
  auth.then(
    (found) => {
      if (!res.headersSent) letIn(gate, found, req, res, next)
    },
    (error) => refuse(error, req, res, next),
  )
}

/**
 * @param {import('./gate').Gate} gate
 * @param {AuthContext | undefined} auth
 * @param {Request} req
 * @param {Response} res
 * @param {Next} next
 */
function letIn(gate, auth, req, res, next) {
  try {
    put(req, gate, auth)
    const cookie = introduction(gate, auth, () => [protocol(req), req.headers.host])
    if (cookie !== null) addCookie(res, cookie)
  } catch (fault) {
    fail(fault, res, next)
    return
  }
  next()
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
    try {
      check(required, req, req.auth)
    } catch (error) {
      refuse(error, req, res, next)
      return
    }
    next()
  }
}

/**
 * @param {Request} req
 * @param {import('./gate').Gate} gate
 * @param {import('../..').AuthContext | undefined} auth
 */
function put(req, gate, auth) {
  setAuth(req, auth)
  remember(req, gate, auth)
}

/**
 * @param {unknown} error
 * @param {Request} req
 * @param {Response} res
 * @param {Next} next
 */
function refuse(error, req, res, next) {
  let outcome
  try {
    outcome = refused(error, req)
  } catch (fault) {
    fail(fault, res, next)
    return
  }
  const { refusal, onError } = outcome
  if (res.headersSent) return
  if (onError === undefined) {
    send(res, answer(refusal))
    return
  }
  let isPassed = false
  const nextOnce = (/** @type {unknown[]} */ ...args) => {
    if (isPassed) return
    isPassed = true
    next(...args)
  }
  const answered = new Promise((resolve) => resolve(onError(refusal, req, res, nextOnce)))
  answered.catch((fault) => fail(fault, res, nextOnce))
}

/** @param {any} req - Express knows about proxies that it trusts; a socket knows about itself. */
const protocol = (req) => req.protocol ?? (req.socket?.encrypted ? 'https' : 'http')

module.exports = { logtoAuth, protect }
