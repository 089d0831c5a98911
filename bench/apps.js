/** Whole Express 5 applications, alike but for who authenticates. */

const { once } = require('node:events')
const { createRequire } = require('node:module')
const express = require('express')
const { expressjwt } = require('express-jwt')
const { expressJwtSecret } = require('jwks-rsa')
const { logtoAuth, protect } = require('logto-authkit/express')
const { ORIGINAL, OURS, PEERS, scoped } = require('./peers')
const { AUDIENCE, SCOPE } = require('./tokens')

// Without its types, which give `req.auth` another one than ours do.
const { auth, requiredScopes } = createRequire(__filename)('express-oauth2-jwt-bearer')

/** @typedef {import('./peers').Setup} Setup */

const NOBODY = 'no authentication'
const AUTH0 = 'express-oauth2-jwt-bearer'
const EXPRESS_JWT = 'express-jwt + jwks-rsa'

/** @type {Record<string, (setup: Setup) => any[]>} */
const GUARDS = {
  [NOBODY]: () => [],
  [OURS]: ({ logtoUrl }) => [logtoAuth({ logtoUrl, audience: AUDIENCE }), protect({ requiredScope: SCOPE })],
  [ORIGINAL]: (setup) => [checked(ORIGINAL, setup)],
  [AUTH0]: ({ issuer, jwksUri, key }) => [
    auth({ issuer, jwksUri, audience: AUDIENCE, tokenSigningAlg: key.alg }),
    requiredScopes(SCOPE),
  ],
  [EXPRESS_JWT]: ({ issuer, jwksUri, key }) => [
    expressjwt({
      secret: /** @type {any} */ (expressJwtSecret({ jwksUri, cache: true, rateLimit: true })),
      issuer,
      audience: AUDIENCE,
      algorithms: [/** @type {any} */ (key.alg)],
    }),
    (/** @type {any} */ req, /** @type {unknown} */ _, /** @type {() => void} */ next) => {
      scoped(req.auth)
      next()
    },
  ],
}

/**
 * @param {string} name - of a library without a middleware of its own
 * @param {Setup} setup
 */
function checked(name, setup) {
  const verify = PEERS.find((peer) => peer.name === name)?.create(setup)
  return async (/** @type {any} */ req, /** @type {any} */ res, /** @type {() => void} */ next) => {
    try {
      req.auth = await verify?.(/^Bearer (.+)$/.exec(req.headers.authorization)?.[1])
    } catch {
      return res.status(401).json({ error: 'Authentication failed' })
    }
    next()
  }
}

/** @param {{ name: string, setup: Setup }} application */
async function listen({ name, setup }) {
  const app = express()
  app.get('/', ...GUARDS[name](setup), (/** @type {unknown} */ _, /** @type {any} */ res) => res.json({ ok: true }))
  app.use((/** @type {any} */ error, /** @type {unknown} */ _, /** @type {any} */ res, /** @type {unknown} */ __) => {
    res.status(error.status ?? 401).end()
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() }
}

/** @param {{ name: string, setup: Setup }} application */
const serve = async (application) => (await listen(application)).url

module.exports = { AUTH0, EXPRESS_JWT, GUARDS, NOBODY, listen, serve }
