/** Fastify 5: see fastify.d.ts for the contract. */

const { Authenticator, checkRequest, rejectionOf, setAuth } = require('./authenticator')
const { Requirements } = require('./requirements')
const { addCookie, errorResponse } = require('./response')

/** @typedef {import('fastify').FastifyRequest} Request */
/** @typedef {import('fastify').FastifyReply} Reply */

/** @type {import('./authenticator').Framework} */
const fastifyFramework = {
  request: (request) => request,
  origin: (request) => [request.protocol, request.headers.host],
  store: setAuth,
  // Set on the raw response, so that hijacked replies include the cookie too.
  addCookie: (reply, cookie) => addCookie(reply.raw, cookie),
}

/** @type {(fastify: import('fastify').FastifyInstance, options: any) => Promise<void>} */
async function logtoAuth(fastify, options) {
  const authenticator = new Authenticator('adapter', options, fastifyFramework)
  if (!fastify.hasRequestDecorator('auth')) fastify.decorateRequest('auth', /** @type {any} */ (undefined))
  fastify.addHook(
    'onRequest',
    hook((request, reply) => authenticator.authenticate(request, reply)),
  )
}

// Like `fastify-plugin`, apply the hook and the decorator to the scope that registers the plugin.
Object.assign(logtoAuth, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'logto-authkit',
  [Symbol.for('plugin-meta')]: { name: 'logto-authkit', fastify: '5.x' },
})

/** @param {any} requirements */
function protect(requirements) {
  const required = new Requirements(requirements)
  return hook((request) => checkRequest(required, request, request.auth))
}

/**
 * Creates a hook that calls `done` synchronously where possible, because an async hook would delay every request.
 *
 * @param {(request: any, reply: any) => Promise<void> | void} run
 */
function hook(run) {
  return function logtoAuthHook(/** @type {Request} */ request, /** @type {Reply} */ reply, /** @type {any} */ done) {
    let pending
    try {
      pending = run(request, reply)
    } catch (error) {
      return reject(error, request, reply)
    }
    if (pending !== undefined) return pending.catch((error) => reject(error, request, reply))
    done?.()
  }
}

/** @type {(thrown: unknown, request: Request, reply: Reply) => Promise<Reply>} */
async function reject(thrown, request, reply) {
  const { error, onError } = rejectionOf(thrown, request)
  if (onError === undefined) {
    const { status, headers, body } = errorResponse(error)
    reply.code(status).headers(headers).send(body)
  } else {
    await onError(error, request, reply)
  }
  return reply
}

module.exports = { logtoAuth, protect }
