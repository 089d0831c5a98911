/** Fastify 5: see fastify.d.ts for the contract. */

const { asError } = require('../core/errors')
const { Authenticator, checkRequest, contextOf } = require('./authenticator')
const { assertCalledByApplication } = require('./misuse')
const { rejectionOf, requireContext, withMetadataOf } = require('./rejections')
const { Requirements } = require('./requirements')
const { addCookie, errorResponse } = require('./response')
const { setAuth } = require('./set-auth')

/** @typedef {import('fastify').FastifyRequest} Request */
/** @typedef {import('fastify').FastifyReply} Reply */

/** @type {import('./authenticator').Framework} */
const fastifyFramework = {
  request: (request) => request,
  origin: (request) => [request.protocol, request.headers.host],
  store: setAuth,
  stored: (request, property) => request[property],
  // The cookie is set on the raw response, so that it is also sent with hijacked replies.
  addCookie: (reply, cookie) => addCookie(reply.raw, cookie),
}

/** @type {(fastify: import('fastify').FastifyInstance, options: any) => Promise<void>} */
async function logtoAuth(fastify, options) {
  if (typeof fastify?.addHook !== 'function') {
    throw new TypeError('logtoAuth is not a hook: write app.register(logtoAuth, options)')
  }
  const authenticator = new Authenticator('adapter', options, fastifyFramework)
  const { property } = authenticator
  if (!fastify.hasRequestDecorator(property)) fastify.decorateRequest(property, /** @type {any} */ (undefined))
  fastify.addHook(
    'onRequest',
    /** @type {any} */ (createHook((request, reply) => authenticator.authenticate(request, reply))),
  )
  // Fastify calls this hook before the error handler, which sends the headers of an error.
  fastify.addHook('onError', (request, _reply, error, done) => {
    withMetadataOf(request, error)
    done()
  })
}

// Like the symbols of `fastify-plugin`, these symbols apply the hook and the decorator to the scope that registers the
// plugin.
Object.assign(logtoAuth, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'logto-authkit',
  [Symbol.for('plugin-meta')]: { name: 'logto-authkit', fastify: '5.x' },
})

/** @type {any} */
function protect(/** @type {any[]} */ ...given) {
  assertCalledByApplication('protect()', given.slice(1))
  const requirements = new Requirements(...given)
  return createHook((request) => checkRequest(requirements, request))
}

/**
 * Creates a hook that calls `done` synchronously if possible, because an async hook would delay every request.
 *
 * @param {(request: any, reply: any) => Promise<void> | void} run
 */
function createHook(run) {
  return function logtoAuthHook(/** @type {Request} */ request, /** @type {Reply} */ reply, /** @type {any} */ done) {
    const rejectRequest = (/** @type {unknown} */ thrown) => {
      const responseSent = reject(thrown, request, reply)
      // If the application calls the hook itself, the returned promise is fulfilled once the response has been sent,
      // because Fastify's reply is a thenable.
      if (done === undefined) return responseSent.then(() => reply)
      // Calling `done` would make Fastify run the handler, so `done` is not called even if `onError` sends nothing.
      responseSent.catch((fault) => done(asError(fault)))
      return undefined
    }
    let pending
    try {
      pending = run(request, reply)
    } catch (error) {
      return rejectRequest(error)
    }
    if (pending === undefined) return done?.()
    const continuation = pending.then(() => done?.(), rejectRequest)
    return done === undefined ? continuation : undefined
  }
}

/** @type {(thrown: unknown, request: Request, reply: Reply) => Promise<void>} */
async function reject(thrown, request, reply) {
  const { error, onError } = rejectionOf(thrown, request)
  if (onError !== undefined) return void (await onError(error, request, reply))
  const { status, headers, body } = errorResponse(error)
  reply.code(status).headers(headers).send(body)
}

module.exports = { getAuth: contextOf, logtoAuth, protect, requireAuth: requireContext }
