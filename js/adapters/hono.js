/** Hono on Node.js: see hono.d.ts for the contract. */

const { check, createGate, enter, found, introduction, refused } = require('./gate')
const { AuthError, Requirements, answer, introduce } = require('./guard')

/** @typedef {import('hono').Context} Context */

/** @type {typeof import('./hono').logtoAuth} */
function logtoAuth(options) {
  const gate = createGate(options)
  return async function logtoAuth(c, next) {
    let auth
    let cookie
    try {
      c.set('auth', /** @type {any} */ (undefined))
      auth = await enter(gate, c, c.req.raw, c.req.method)
      c.set('auth', /** @type {any} */ (auth))
      cookie = introduction(gate, auth, () => [new URL(c.req.url).protocol, c.req.header('host')])
    } catch (error) {
      return refuse(error, c)
    }
    await next()
    // Not if another middleware of ours has found another guest since.
    if (cookie !== null && found(c) === auth) setCookie(c, cookie)
  }
}

/** @type {typeof import('./hono').protect} */
function protect(requirements) {
  const required = new Requirements(requirements)
  return async function protect(c, next) {
    try {
      check(required, c, c.get('auth'))
    } catch (error) {
      return refuse(error, c)
    }
    await next()
  }
}

/**
 * @param {unknown} error
 * @param {Context} c
 */
async function refuse(error, c) {
  const { refusal, onError } = refused(error, c)
  if (onError !== undefined) return onError(refusal, c)
  const { status, headers, body } = answer(refusal)
  const length = String(Buffer.byteLength(body))
  return c.body(body, /** @type {any} */ (status), { ...headers, 'Content-Length': length })
}

/**
 * @param {Context} c
 * @param {string} cookie
 */
function setCookie(c, cookie) {
  // A copy: the headers of a fetched response are fixed.
  c.res = new Response(c.res.body, c.res)
  introduce(c.res.headers, cookie)
}

// Hono asks an error that a handler throws for its response, unless the application has an error handler of its own.
Object.defineProperty(AuthError.prototype, 'getResponse', {
  value() {
    const { status, headers, body } = answer(this)
    return new Response(body, { status, headers })
  },
  configurable: true,
  writable: true,
})

module.exports = { logtoAuth, protect }
