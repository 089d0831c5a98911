/** Fastify 5: see fastify.d.ts for the contract. */

const { check, createGate, enter, introduction, refused } = require('./gate')
const { Requirements, answer } = require('./guard')
const { addCookie, setAuth } = require('./node-response')

/** @typedef {import('fastify').FastifyRequest} Request */
/** @typedef {import('fastify').FastifyReply} Reply */

/**
 * @param {import('fastify').FastifyInstance} fastify
 * @param {any} options
 */
async function logtoAuth(fastify, options) {
  const gate = createGate(options)
  if (!fastify.hasRequestDecorator('auth')) fastify.decorateRequest('auth', /** @type {any} */ (undefined))
  fastify.addHook('onRequest', async (request, reply) => {
    try {
      setAuth(/** @type {any} */ (request), undefined)
      const auth = await enter(gate, request)
      setAuth(/** @type {any} */ (request), auth)
      const cookie = introduction(gate, auth, () => [request.protocol, request.headers.host])
      // On the raw response, where it also gets into what a hijacked reply sends.
      if (cookie !== null) addCookie(reply.raw, cookie)
    } catch (error) {
      return refuse(error, request, reply)
    }
  })
}

// What `fastify-plugin` does: the hook and the decorator are for the scope that registers the plugin, not for one inside.
Object.assign(logtoAuth, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'logto-authkit',
  [Symbol.for('plugin-meta')]: { name: 'logto-authkit', fastify: '5.x' },
})

/** @param {any} requirements */
function protect(requirements) {
  const required = new Requirements(requirements)

  /**
   * @param {Request} request
   * @param {Reply} reply
   */
  return async function protect(request, reply) {
    try {
      check(required, request, request.auth)
    } catch (error) {
      return refuse(error, request, reply)
    }
  }
}

/**
 * @param {unknown} error
 * @param {Request} request
 * @param {Reply} reply
 */
async function refuse(error, request, reply) {
  const { refusal, onError } = refused(error, request)
  if (onError === undefined) {
    const { status, headers, body } = answer(refusal)
    reply.code(status).headers(headers).send(body)
  } else {
    await onError(refusal, request, reply)
  }
  return reply
}

module.exports = { logtoAuth, protect }
