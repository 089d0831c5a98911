/** Wraps Route Handlers (App Router) and API handlers (Pages Router). */

const { setAuth } = require('../adapters/set-auth')
const { addCookie, appendCookie, errorResponse, passToErrorHandler, sendResponse } = require('../adapters/response')
const { AuthError, invalidOption } = require('../core/errors')
const { isPromise } = require('../core/settle')
const { assertDynamicRendering, authenticate, browserOrigin, trySetCookie } = require('./request')

/** @typedef {InstanceType<typeof import('../adapters/authenticator').Authenticator>} Authenticator */
/** @typedef {InstanceType<typeof import('../adapters/requirements').Requirements>} Requirements */

/** @typedef {{ handler: Function, authenticator: Authenticator, requirements: Requirements | undefined }} Route */

/** @type {(handler: any, authenticator: Authenticator, requirements?: Requirements) => any} */
function wrapHandler(handler, authenticator, requirements) {
  const route = createRoute(handler, authenticator, requirements)
  // Next.js passes the route's parameters to Route Handlers as the second argument, but the response to API handlers.
  return async (/** @type {any} */ request, /** @type {any} */ contextOrResponse) =>
    (typeof contextOrResponse?.setHeader === 'function' ? runApiHandler : runRouteHandler)(
      request,
      contextOrResponse,
      route,
    )
}

/** @type {(handler: any, authenticator: Authenticator, requirements?: Requirements) => any} */
function wrapApiHandler(handler, authenticator, requirements) {
  const route = createRoute(handler, authenticator, requirements)
  return async (/** @type {any} */ req, /** @type {any} */ res) => {
    if (typeof res?.setHeader !== 'function') throw new TypeError(WRONG_ROUTER_MESSAGE)
    return runApiHandler(req, res, route)
  }
}

/** @type {(handler: any, authenticator: Authenticator, requirements?: Requirements) => Route} */
function createRoute(handler, authenticator, requirements) {
  if (typeof handler !== 'function') throw invalidOption('handler', 'a function', handler)
  return { handler, authenticator, requirements }
}

/** @type {(request: any, context: any, route: Route) => Promise<any>} */
async function runRouteHandler(request, context, { handler, authenticator, requirements }) {
  assertDynamicRendering(request.headers)
  /** @type {string | null} */
  let cookie = null
  let auth
  let response
  try {
    const pending = authenticator.passesPreflight(request) ? undefined : authenticate(authenticator, request)
    auth = isPromise(pending) ? await pending : pending
    cookie = authenticator.newGuestCookie(auth, browserOrigin(request.headers))
    const pendingCheck = requirements && authenticator.checkRequirements(requirements, auth, request)
    if (isPromise(pendingCheck)) await pendingCheck
    setAuth(request, auth)
    response = await handler(request, context)
  } catch (error) {
    if (!(error instanceof AuthError)) {
      // `redirect()` throws, and Next.js then builds the response itself, so there is no response to which we could add
      // the cookie.
      if (cookie !== null) await trySetCookie(cookie)
      throw error
    }
    const { status, headers, body } = errorResponse(authenticator.withResourceMetadata(error, auth))
    response = new Response(body, { status, headers })
  }
  // If the handler has not returned a `Response`, Next.js reports the mistake.
  if (cookie === null || !(response instanceof Response)) return response
  // The response is copied, because it may be shared, and because the headers of a redirect or of a fetched response
  // are immutable.
  const headers = new Headers(response.headers)
  appendCookie(headers, cookie)
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}

/** @type {(req: any, res: import('node:http').ServerResponse, route: Route) => Promise<void>} */
async function runApiHandler(req, res, { handler, authenticator, requirements }) {
  let auth
  try {
    const pending = authenticator.passesPreflight(req) ? undefined : authenticate(authenticator, req)
    auth = isPromise(pending) ? await pending : pending
    const cookie = authenticator.newGuestCookie(auth, browserOrigin(req.headers))
    if (cookie !== null) addCookie(res, cookie)
    const pendingCheck = requirements && authenticator.checkRequirements(requirements, auth, req)
    if (isPromise(pendingCheck)) await pendingCheck
    setAuth(req, auth)
    await handler(req, res)
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    if (!res.headersSent) {
      sendResponse(res, errorResponse(authenticator.withResourceMetadata(error, auth)))
      return
    }
    passToErrorHandler(error, res, () => {})
    // Next.js would leave the connection of an incomplete response open.
    if (!res.writableEnded) res.destroy()
  }
}

const WRONG_ROUTER_MESSAGE = 'withApiAuth wraps API routes of the Pages Router: in the App Router, use withAuth'

module.exports = { wrapApiHandler, wrapHandler }
