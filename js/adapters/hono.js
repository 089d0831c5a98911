/** Hono on Node.js: see hono.d.ts for the contract. */

const { AuthError, asError } = require('../core/errors')
const { Authenticator, checkRequest, contextOf } = require('./authenticator')
const { assertCalledByApplication } = require('./misuse')
const { rejectionOf, requireContext, withMetadataOf } = require('./rejections')
const { Requirements } = require('./requirements')
const { appendCookie, errorResponse } = require('./response')

/** @typedef {import('hono').Context} Context */

/** @type {import('./authenticator').Framework} */
const honoFramework = {
  request: (c) => c.req.raw,
  origin: (c) => [new URL(c.req.url).protocol, c.req.header('host')],
  store: (c, auth, property) => c.set(property, auth),
  stored: (c, property) => c.get(property),
}

/** @type {any} */
function logtoAuth(/** @type {any} */ options, /** @type {unknown[]} */ ...rest) {
  assertCalledByApplication('logtoAuth(options)', rest)
  const authenticator = new Authenticator('adapter', options, honoFramework)
  return async function logtoAuth(/** @type {Context} */ c, /** @type {import('hono').Next} */ next) {
    let cookie
    try {
      const pending = authenticator.authenticate(c)
      if (pending !== undefined) await pending
      cookie = authenticator.newGuestCookie(contextOf(c), () => honoFramework.origin(c))
    } catch (error) {
      return reject(error, c)
    }
    const auth = contextOf(c)
    await next()
    if (c.error instanceof AuthError) completeChallenge(c, c.error)
    // A second `logtoAuth` may have created another guest while the handlers ran.
    if (cookie === null || contextOf(c) !== auth) return
    // The headers of a fetched response are immutable, so the response is copied.
    c.res = new Response(c.res.body, c.res)
    appendCookie(c.res.headers, cookie)
  }
}

/** @type {any} */
function protect(/** @type {any[]} */ ...given) {
  assertCalledByApplication('protect()', given.slice(1))
  const requirements = new Requirements(...given)
  return async function protect(/** @type {Context} */ c, /** @type {import('hono').Next} */ next) {
    try {
      const pending = checkRequest(requirements, c)
      if (pending !== undefined) await pending
    } catch (error) {
      return reject(error, c)
    }
    await next()
  }
}

/** @type {(thrown: unknown, c: Context) => Promise<any>} */
async function reject(thrown, c) {
  const { error, onError } = rejectionOf(thrown, c)
  if (onError !== undefined) {
    try {
      return await onError(error, c)
    } catch (fault) {
      throw asError(fault)
    }
  }
  const { status, headers, body } = errorResponse(error)
  const length = String(Buffer.byteLength(body))
  return c.body(body, /** @type {any} */ (status), { ...headers, 'Content-Length': length })
}

/**
 * Adds the resource metadata to the challenge of a response that Hono's error handler has created from an error.
 *
 * @param {Context} c
 * @param {InstanceType<typeof AuthError>} error
 */
function completeChallenge(c, error) {
  const { wwwAuthenticate } = error
  if (wwwAuthenticate === null || c.res.headers.get('WWW-Authenticate') !== wwwAuthenticate) return
  c.header('WWW-Authenticate', String(withMetadataOf(c, error).wwwAuthenticate))
}

// Hono calls `getResponse` on errors that handlers throw, unless the application has its own error handler.
Object.defineProperty(AuthError.prototype, 'getResponse', {
  value() {
    const { status, headers, body } = errorResponse(this)
    return new Response(body, { status, headers })
  },
  configurable: true,
  writable: true,
})

module.exports = { getAuth: contextOf, logtoAuth, protect, requireAuth: requireContext }
