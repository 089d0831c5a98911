/** Handlers of routes that know who is asking: Route Handlers of the App Router, API handlers of the Pages Router. */

const { wrongOption } = require('../core/errors')
const { AuthError, answer, introduce } = require('../adapters/guard')
const { addCookie, fail, send, setAuth } = require('../adapters/node-response')
const { isSecureRequest, keepGuestId, refuseStatic, setCookie } = require('./request')

/** @typedef {InstanceType<typeof import('../adapters/guard').Guard>} Guard */
/** @typedef {InstanceType<typeof import('../adapters/guard').Requirements>} Requirements */

/**
 * @param {any} handler
 * @param {Guard} guard
 * @param {Requirements} [requirements]
 */
function guarded(handler, guard, requirements) {
  if (typeof handler !== 'function') throw wrongOption('handler', 'a function', handler)
  /**
   * @param {any} request
   * @param {any} second - The context of a Route Handler, or the response of an API handler.
   */
  return async (request, second) => {
    const respond = typeof second?.setHeader === 'function' ? respondOnPagesRouter : respondOnAppRouter
    return respond(request, second, handler, guard, requirements)
  }
}

/**
 * @param {any} request
 * @param {unknown} context
 * @param {Function} handler
 * @param {Guard} guard
 * @param {Requirements | undefined} requirements
 */
async function respondOnAppRouter(request, context, handler, guard, requirements) {
  refuseStatic(request.headers)
  /** @type {string | null} */
  let cookie = null
  let response
  try {
    const auth = await guard.authenticate(request)
    await keepGuestId(auth, request)
    cookie = guard.guestCookie(auth, isSecureRequest(request.headers))
    requirements?.check(auth, request)
    setAuth(request, auth)
    response = await handler(request, context)
  } catch (error) {
    if (!(error instanceof AuthError)) {
      // `redirect()` throws, and its response is made of what Next.js knows.
      if (cookie !== null) await setCookie(cookie)
      throw error
    }
    const { status, headers, body } = answer(guard.challenged(error))
    response = new Response(body, { status, headers })
  }
  // Next.js has its own words for what is no response.
  return cookie === null || !(response instanceof Response) ? response : withCookie(response, cookie)
}

/**
 * @param {any} req
 * @param {import('node:http').ServerResponse} res
 * @param {Function} handler
 * @param {Guard} guard
 * @param {Requirements | undefined} requirements
 */
async function respondOnPagesRouter(req, res, handler, guard, requirements) {
  try {
    const auth = await guard.authenticate(req)
    await keepGuestId(auth, req)
    const cookie = guard.guestCookie(auth, isSecureRequest(req.headers))
    if (cookie !== null) addCookie(res, cookie)
    requirements?.check(auth, req)
    setAuth(req, auth)
    await handler(req, res)
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    if (!res.headersSent) {
      send(res, answer(guard.challenged(error)))
      return
    }
    fail(error, res, () => {})
    // Nobody else would end it.
    if (!res.writableEnded) res.destroy()
  }
}

/**
 * A copy, as a response may be one whose headers are fixed (a redirect, a fetched one) or one that others get too.
 *
 * @param {Response} response
 * @param {string} cookie
 */
function withCookie({ body, status, statusText, headers }, cookie) {
  const own = new Headers(headers)
  introduce(own, cookie)
  return new Response(body, { status, statusText, headers: own })
}

module.exports = { guarded }
