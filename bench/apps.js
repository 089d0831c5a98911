/** Express 5 applications and plain `http` servers that differ only in their authentication middleware. */

const { once } = require('node:events')
const { createServer } = require('node:http')
const { createRequire } = require('node:module')
const { monitorEventLoopDelay } = require('node:perf_hooks')
const express = require('express')
const { expressjwt } = require('express-jwt')
const { expressJwtSecret } = require('jwks-rsa')
const { logtoAuth, protect } = require('logto-authkit/express')
const { ORIGINAL, OURS, PEERS, requireScope } = require('./peers')
const { AUDIENCE, SCOPE } = require('./tokens')

// The package is loaded without its types, which conflict with our declaration of `req.auth`.
const { auth, requiredScopes } = createRequire(__filename)('express-oauth2-jwt-bearer')

/** @typedef {import('./peers').Setup} Setup */

const NO_AUTH = 'no authentication'
const AUTH0 = 'express-oauth2-jwt-bearer'
const EXPRESS_JWT = 'express-jwt + jwks-rsa'

/** @type {Record<string, (setup: Setup) => any[]>} */
const GUARDS = {
  [NO_AUTH]: () => [],
  [OURS]: ({ logtoUrl }) => [logtoAuth({ logtoUrl, audience: AUDIENCE }), protect({ requiredScope: SCOPE })],
  [ORIGINAL]: (setup) => [middlewareFor(ORIGINAL, setup)],
  jose: (setup) => [middlewareFor('jose', setup)],
  'fast-jwt': (setup) => [middlewareFor('fast-jwt', setup)],
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
      requireScope(req.auth)
      next()
    },
  ],
}

/**
 * @param {string} name - A library without its own middleware.
 * @param {Setup} setup
 */
function middlewareFor(name, setup) {
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

/** @typedef {{ name: string, setup: Setup, isPlain?: boolean }} Application - `isPlain` means without Express. */

/** @param {Application} application */
async function listen({ name, setup, isPlain = false }) {
  const guards = GUARDS[name](setup)
  const server = (isPlain ? plainServer(guards) : expressApp(guards)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() }
}

/** @param {any[]} guards */
function expressApp(guards) {
  const app = express()
  app.get('/', ...guards, (/** @type {unknown} */ _, /** @type {any} */ res) => res.json({ ok: true }))
  app.use((/** @type {any} */ error, /** @type {unknown} */ _, /** @type {any} */ res, /** @type {unknown} */ __) => {
    res.status(error.status ?? 401).end()
  })
  return app
}

/** @param {any[]} guards */
function plainServer(guards) {
  return createServer((req, res) => {
    const run = (/** @type {number} */ i, /** @type {any} */ error) => {
      if (error) res.writeHead(error.status ?? 401).end()
      else if (i === guards.length) res.setHeader('Content-Type', 'application/json').end('{"ok":true}')
      else guards[i](req, res, (/** @type {unknown} */ error) => run(i + 1, error))
    }
    run(0, undefined)
  })
}

/** @param {Application} application */
const serve = async (application) => (await listen(application)).url

const delay = monitorEventLoopDelay({ resolution: 1 })

/** Starts measuring how long the event loop is blocked. */
function watchLoop() {
  delay.reset()
  delay.enable()
}

/** Returns the event-loop delay since `watchLoop()`, in milliseconds. */
function loopDelay() {
  delay.disable()
  return { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }
}

module.exports = { AUTH0, EXPRESS_JWT, GUARDS, NO_AUTH, listen, loopDelay, serve, watchLoop }
