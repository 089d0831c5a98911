/** Koa 2 and 3: see koa.d.ts for the contract. */

const { settle } = require('../core/settle')
const { Authenticator, checkRequest, rejectionOf, setAuth } = require('./authenticator')
const { Requirements } = require('./requirements')
const { addCookie, errorResponse } = require('./response')

/** @typedef {import('koa').Context} Context */
/** @typedef {import('koa').Next} Next */

/** @type {import('./authenticator').Framework} */
const koa = {
  request: (ctx) => ctx.req,
  origin: (ctx) => [ctx.protocol, ctx.req.headers.host],
  store: (ctx, auth) => setAuth(ctx.state, auth),
  addCookie,
}

/** @param {any} options */
function logtoAuth(options) {
  const authenticator = new Authenticator('adapter', options, koa)

  return function logtoAuth(/** @type {Context} */ ctx, /** @type {Next} */ next) {
    return settle(
      () => authenticator.authenticate(ctx, ctx.res),
      () => next(),
      (error) => reject(error, ctx),
    )
  }
}

/** @param {any} requirements */
function protect(requirements) {
  const required = new Requirements(requirements)

  return function protect(/** @type {Context} */ ctx, /** @type {Next} */ next) {
    return settle(
      () => checkRequest(required, ctx, ctx.state.auth),
      () => next(),
      (error) => reject(error, ctx),
    )
  }
}

/** @type {(thrown: unknown, ctx: Context) => Promise<any>} */
async function reject(thrown, ctx) {
  const { error, onError } = rejectionOf(thrown, ctx)
  if (onError !== undefined) return onError(error, ctx)
  const { status, headers, body } = errorResponse(error)
  ctx.status = status
  ctx.set(headers)
  ctx.body = body
}

module.exports = { logtoAuth, protect }
