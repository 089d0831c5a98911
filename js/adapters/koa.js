/** Koa 2 and 3: see koa.d.ts for the contract. */

const { asError } = require('../core/errors')
const { settle } = require('../core/settle')
const { Authenticator, checkRequest, contextOf } = require('./authenticator')
const { assertCalledByApplication } = require('./misuse')
const { rejectionOf, requireContext, withMetadataOf } = require('./rejections')
const { Requirements } = require('./requirements')
const { addCookie, errorResponse } = require('./response')
const { setAuth } = require('./set-auth')

/** @typedef {import('koa').Context} Context */
/** @typedef {import('koa').Next} Next */

/** @type {import('./authenticator').Framework} */
const koaFramework = {
  request: (ctx) => ctx.req,
  origin: (ctx) => [ctx.protocol, ctx.req.headers.host],
  store: (ctx, auth, property) => setAuth(ctx.state, auth, property),
  stored: (ctx, property) => ctx.state[property],
  addCookie,
}

/** @type {any} */
function logtoAuth(/** @type {any} */ options, /** @type {unknown[]} */ ...rest) {
  assertCalledByApplication('logtoAuth(options)', rest)
  const authenticator = new Authenticator('adapter', options, koaFramework)
  // Errors from later middleware are intercepted only if necessary, because intercepting them delays every response by
  // a microtask.
  const { hasResourceMetadata } = authenticator

  return function logtoAuth(/** @type {Context} */ ctx, /** @type {Next} */ next) {
    return settle(
      () => authenticator.authenticate(ctx, ctx.res),
      () => (hasResourceMetadata ? continueWithMetadata(ctx, next) : next()),
      (error) => reject(error, ctx),
    )
  }
}

/** @type {any} */
function protect(/** @type {any[]} */ ...given) {
  assertCalledByApplication('protect()', given.slice(1))
  const requirements = new Requirements(...given)

  return function protect(/** @type {Context} */ ctx, /** @type {Next} */ next) {
    return settle(
      () => checkRequest(requirements, ctx),
      () => next(),
      (error) => reject(error, ctx),
    )
  }
}

/**
 * Runs the handlers, and adds the resource metadata to an error that a handler throws. Koa sends the headers of errors
 * that handlers throw.
 *
 * @type {(ctx: Context, next: Next) => Promise<any>}
 */
async function continueWithMetadata(ctx, next) {
  try {
    return await next()
  } catch (error) {
    throw withMetadataOf(ctx, error)
  }
}

/** @type {(thrown: unknown, ctx: Context) => Promise<any>} */
async function reject(thrown, ctx) {
  const { error, onError } = rejectionOf(thrown, ctx)
  if (onError !== undefined) {
    try {
      return await onError(error, ctx)
    } catch (fault) {
      throw asError(fault)
    }
  }
  const { status, headers, body } = errorResponse(error)
  ctx.status = status
  ctx.set(headers)
  ctx.body = body
}

module.exports = { getAuth: contextOf, logtoAuth, protect, requireAuth: requireContext }
