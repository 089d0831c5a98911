/** Koa 2 and 3: see koa.d.ts for the contract. */

const { check, createGate, enter, introduction, refused } = require('./gate')
const { Requirements, answer } = require('./guard')
const { addCookie, setAuth } = require('./node-response')

/** @typedef {import('koa').Context} Context */
/** @typedef {import('koa').Next} Next */

/** @param {any} options */
function logtoAuth(options) {
  const gate = createGate(options)

  /**
   * @param {Context} ctx
   * @param {Next} next
   */
  return async function logtoAuth(ctx, next) {
    try {
      setAuth(ctx.state, undefined)
      const auth = await enter(gate, ctx, ctx.req, ctx.method)
      setAuth(ctx.state, auth)
      const cookie = introduction(gate, auth, () => [ctx.protocol, ctx.req.headers.host])
      if (cookie !== null) addCookie(ctx.res, cookie)
    } catch (error) {
      return refuse(error, ctx)
    }
    return next()
  }
}

/** @param {any} requirements */
function protect(requirements) {
  const required = new Requirements(requirements)

  /**
   * @param {Context} ctx
   * @param {Next} next
   */
  return async function protect(ctx, next) {
    try {
      check(required, ctx, ctx.state.auth)
    } catch (error) {
      return refuse(error, ctx)
    }
    return next()
  }
}

/**
 * @param {unknown} error
 * @param {Context} ctx
 */
async function refuse(error, ctx) {
  const { refusal, onError } = refused(error, ctx)
  if (onError !== undefined) return onError(refusal, ctx)
  const { status, headers, body } = answer(refusal)
  ctx.status = status
  ctx.set(headers)
  ctx.body = body
}

module.exports = { logtoAuth, protect }
