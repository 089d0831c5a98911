// @ts-nocheck: one application in frameworks whose types have nothing in common

/**
 * One row per adapter. Every row serves the same small application, so that the contract tests can send the same
 * requests to all of them.
 */

const { Agent, createServer } = require('node:http')
const { describe } = require('node:test')
const connect = require('connect')
const express5 = require('express')
const express4 = require('express-4')
const { AuthError } = require('logto-authkit')
const express = require('logto-authkit/express')
const fastify = require('logto-authkit/fastify')
const hono = require('logto-authkit/hono')
const koa = require('logto-authkit/koa')
const nest = require('logto-authkit/nestjs')
const next = require('logto-authkit/next')
const { verifyUpgrade } = require('logto-authkit/upgrade')
const { ask, httpApp, listen, serve } = require('./frameworks')

/**
 * @typedef {import('node:test').TestContext} TestContext
 * @typedef {import('./frameworks').Answer} Answer
 * @typedef {{ auth?: any, protect?: any, uncalled?: any, run?: (holder: { auth: any }, set: (headers: object) => void, request: any) => void }} Step
 *   Exactly one of: options of `logtoAuth`, requirements of `protect`, one of the two without a call, middleware of the
 *   application. `holder` is the object that has the context, `set` sets response headers.
 * @typedef {{ steps?: Step[], headers?: Record<string, string | string[]>, run?: (auth: any) => unknown }} Route - Responds with
 *   its context as JSON.
 * @typedef {{ steps: Step[], routes?: Record<string, Route>, faults?: unknown[] }} App - `steps` run for every request. Errors
 *   that reach the framework's error handling are appended to `faults`.
 * @typedef {(path?: string, request?: { method?: string, headers?: Record<string, string | string[]> }) => Promise<Answer>} Client
 *
 * @typedef {'methods' | 'context' | 'guests' | 'protect' | 'middleware' | 'preflight' | 'onError' | 'thrown' | 'challenge' | 'rethrows'} Feature
 * `methods`: serves requests of any method. `context`: handlers receive the context. `guests`: sets the guest cookie.
 * `protect`: single routes have requirements. `middleware`: steps can be combined freely. `preflight`: lets CORS
 * preflights pass. `onError`: has this option. `thrown`: responds to an AuthError that a handler throws. `challenge`:
 * adds the resource metadata to such an error, without a function of the application. `rethrows`: passes a fault on
 * unchanged, even if it is not an object.
 *
 * @typedef {object} Adapter
 * @property {Feature[]} features
 * @property {(t: TestContext, app: App) => Promise<Client>} serve
 * @property {any} [exports] - The functions of the entry point.
 * @property {(options: any) => unknown} create - Parses options; throws or rejects if they are invalid.
 * @property {(requirements: any) => unknown} protect
 * @property {(args: any[], status: number, body: string) => unknown} respond - Responds from the arguments of `onError`.
 */

const HANDLER = ['methods', 'context', 'guests', 'protect', 'thrown', 'challenge']
const MIDDLEWARE = [...HANDLER, 'middleware', 'preflight', 'onError']
const without = (feature) => MIDDLEWARE.filter((item) => item !== feature)

const node = {
  exports: express,
  create: express.logtoAuth,
  protect: express.protect,
  respond: ([, , res], status, body) => send(res, status, body),
}
const nextHandlers = { features: [...HANDLER, 'rethrows'], create: wrapNext, protect: protectNext }

const ADAPTERS = {
  'Express 5': { ...node, features: without('challenge'), serve: serveNode(() => express5().set('env', 'test')) },
  'Express 4': { ...node, features: without('challenge'), serve: serveNode(() => express4().set('env', 'test')) },
  Connect: { ...node, features: without('challenge'), serve: serveNode(connect) },
  'node:http': { ...node, features: without('thrown'), serve: serveNode(httpApp) },
  Fastify: {
    exports: fastify,
    features: MIDDLEWARE,
    create: async (options) => require('fastify')().register(fastify.logtoAuth, options),
    protect: fastify.protect,
    respond: ([, , reply], status, body) => reply.code(status).send(body),
    serve: serveFastify,
  },
  Hono: {
    exports: hono,
    features: MIDDLEWARE,
    create: hono.logtoAuth,
    protect: hono.protect,
    respond: ([, c], status, body) => c.text(body, status),
    serve: serveHono,
  },
  Koa: {
    exports: koa,
    features: MIDDLEWARE,
    create: koa.logtoAuth,
    protect: koa.protect,
    respond: ([, ctx], status, body) => void Object.assign(ctx, { status, body }),
    serve: serveKoa,
  },
  NestJS: {
    features: without('onError'),
    create: (options) => new nest.LogtoAuthGuard(options),
    protect: nest.Protect,
    serve: serveNest,
  },
  'Next.js, App Router': { ...nextHandlers, serve: serveNext(routeHandler) },
  'Next.js, Pages Router': { ...nextHandlers, serve: serveNext(apiHandler) },
  'Next.js, authProxy': { features: ['methods', 'rethrows'], create: next.authProxy, serve: serveProxy },
  upgrade: { features: ['context'], create: createUpgrade, serve: serveUpgrade },
}

/** Middleware for Node's `http`: Express, Connect, and no framework at all. */
function serveNode(createApp) {
  const middleware = toMiddleware(express, (run) => (req, res, next) => {
    run(req, (headers) => setHeaders(res, headers), req)
    next()
  })
  return async (t, { steps, routes, faults }) => {
    const app = createApp()
    for (const step of steps) app.use(middleware(step))
    for (const [path, { steps: own = [], run, headers }] of routesOf(routes)) {
      const handler = async (req, res, next) => {
        try {
          await run?.(req.auth)
          setHeaders(res, headers)
          res.end(JSON.stringify(req.auth ?? null))
        } catch (error) {
          next(error)
        }
      }
      for (const handle of [...own.map(middleware), handler]) {
        app.use((req, res, next) => (matches(path, req.url) ? handle(req, res, next) : next()))
      }
    }
    app.use((error, _req, res, next) => {
      faults?.push(error)
      if (error instanceof AuthError) next(error)
      else send(res, 500, 'fault')
    })
    return clientOf(await serve(t, app))
  }
}

function send(res, status, body) {
  res.statusCode = status
  res.end(body)
}

async function serveFastify(t, { steps, routes, faults }) {
  const app = require('fastify')()
  app.addHook('onError', async (_request, _reply, error) => void faults?.push(error))
  const hook = toMiddleware(fastify, (run) => (request, reply, done) => {
    run(request, (headers) => reply.headers(headers), request)
    done()
  })
  for (const step of steps) {
    if (step.auth === undefined) app.addHook('onRequest', hook(step))
    else await app.register(fastify.logtoAuth, step.auth)
  }
  for (const [path, { steps: own = [], run, headers = {} }] of routesOf(routes)) {
    app.all(path, { onRequest: own.map(hook) }, async (request, reply) => {
      await run?.(request.auth)
      return reply.headers(headers).send(JSON.stringify(request.auth ?? null))
    })
  }
  t.after(() => app.close())
  return clientOf(await app.listen({ port: 0, host: '127.0.0.1' }))
}

async function serveHono(t, { steps, routes, faults }) {
  const { Hono } = require('hono')
  const app = new Hono()
  const middleware = toMiddleware(hono, (run) => (c, next) => {
    const property = (name) => ({ get: () => c.get(name), set: (auth) => c.set(name, auth) })
    const holder = Object.defineProperties({}, { auth: property('auth'), caller: property('caller') })
    const set = (headers) => {
      for (const [name, value] of Object.entries(headers)) c.header(name, value)
    }
    run(holder, set, c)
    return next()
  })
  app.use(async (c, next) => {
    // Hono passes an Error to its error handler, and throws anything else.
    await collect(faults, next)
    if (c.error && !(c.error instanceof AuthError)) faults?.push(c.error)
  })
  for (const step of steps) app.use(middleware(step))
  for (const [path, { steps: own = [], run, headers }] of routesOf(routes)) {
    for (const step of own) app.use(path, middleware(step))
    app.all(path, async (c) => {
      await run?.(c.get('auth'))
      return c.body(JSON.stringify(c.get('auth') ?? null), 200, headers)
    })
  }
  return clientOf(await serveFetch(t, app.fetch))
}

async function serveKoa(t, { steps, routes, faults }) {
  const app = new (require('koa'))()
  app.silent = true
  app.use((_ctx, next) => collect(faults, next))
  const middleware = toMiddleware(koa, (run) => (ctx, next) => {
    run(ctx.state, (headers) => ctx.set(headers), ctx)
    return next()
  })
  for (const step of steps) app.use(middleware(step))
  for (const [path, { steps: own = [], run, headers = {} }] of routesOf(routes)) {
    const handler = async (ctx) => {
      await run?.(ctx.state.auth)
      ctx.set(headers)
      ctx.body = JSON.stringify(ctx.state.auth ?? null)
    }
    for (const handle of [...own.map(middleware), handler]) {
      app.use((ctx, next) => (matches(path, ctx.path) ? handle(ctx, next) : next()))
    }
  }
  return clientOf(await serve(t, app.callback()))
}

async function serveNest(t, { steps, routes, faults }) {
  const { All, Res, UseGuards } = require('@nestjs/common')
  const { controller, filter, serve } = require('./nestjs')
  const { Auth, LogtoAuthGuard, Protect } = nest
  const run = (change) => (context) => {
    const http = context.switchToHttp()
    change(http.getRequest(), (headers) => http.getResponse().set(headers))
    return true
  }
  const decorator = ({ auth, protect, run: change }) => {
    if (protect !== undefined) return Protect(protect)
    return UseGuards(auth === undefined ? { canActivate: run(change) } : new LogtoAuthGuard(auth))
  }
  // The last decorator is applied first.
  const decorators = (steps) => steps.map(decorator).toReversed()
  const methods = routesOf(routes).map(([path, { steps: own = [], run, headers = {} }]) => {
    const handler = async (auth, res) => {
      await run?.(auth)
      res.set(headers)
      return JSON.stringify(auth ?? null)
    }
    return [path, { handler, decorators: decorators(own), parameters: [Auth(), Res({ passthrough: true })] }]
  })
  const controllers = [controller(Object.fromEntries(methods), decorators(steps), All)]
  const { url } = await serve(t, { controllers, providers: [filter] }, { errors: faults })
  return clientOf(url)
}

function wrapNext(options) {
  return next.withAuth(() => new Response(), options)
}

function protectNext(requirements) {
  const auth = next.createNextAuth({ logtoUrl: 'https://auth.example.test', audience: 'https://api.example.com' })
  return auth.withAuth(() => new Response(), requirements)
}

/** One handler per route, as in Next.js. The only step is `auth`; a route has at most one, `protect`. */
function serveNext(createListener) {
  return async (t, { steps: [{ auth }], routes, faults }) => {
    const { withAuth } = next.createNextAuth(auth)
    const listeners = routesOf(routes).map(([path, { steps, ...route }]) => {
      return [
        path,
        createListener((handler) => withAuth(handler, ...(steps?.map(({ protect }) => protect) ?? [])), route, faults),
      ]
    })
    const listener = (req, res) => listeners.find(([path]) => matches(path, req.url))[1](req, res)
    return clientOf(await serve(t, listener))
  }
}

function routeHandler(wrap, { run, headers = {} }, faults) {
  const handler = wrap(async ({ auth }) => {
    await run?.(auth)
    const pairs = Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => [name, value]))
    return new Response(JSON.stringify(auth), { headers: pairs })
  })
  return fetchListener((request) => handler(request, { params: Promise.resolve({}) }), faults)
}

function apiHandler(wrap, { run, headers }, faults) {
  const handler = wrap(async (req, res) => {
    await run?.(req.auth)
    setHeaders(res, headers)
    res.end(JSON.stringify(req.auth))
  })
  return (req, res) => {
    req.headers['x-forwarded-proto'] = 'http'
    collect(faults, () => handler(req, res)).catch(() => send(res, 500, 'fault'))
  }
}

async function serveProxy(t, { steps: [{ auth: options }], faults }) {
  const proxy = next.authProxy(options)
  const listener = fetchListener(async (request) => {
    const response = await proxy(request)
    return response.headers.has('x-middleware-next') ? Response.json({ passed: true }) : response
  }, faults)
  return clientOf(await serve(t, listener))
}

/** Calls a fetch handler as Next.js does, which adds the protocol of the connection. */
function fetchListener(respond, faults) {
  const { getRequestListener } = require('@hono/node-server')
  const { NextRequest } = require('next/server')
  return getRequestListener(({ url, method, headers }) => {
    const forwarded = { 'x-forwarded-proto': 'http', ...Object.fromEntries(headers) }
    const request = new NextRequest(url, { method, headers: forwarded })
    return collect(faults, () => respond(request)).catch(() => new Response('fault', { status: 500 }))
  })
}

function createUpgrade(options) {
  return verifyUpgrade({ headers: {} }, { on: () => {}, end: () => {} }, options)
}

async function serveUpgrade(t, { steps: [{ auth: options }], faults }) {
  let latest
  const server = createServer().on('upgrade', (request, socket) => {
    latest = socket
    const verified = collect(faults, () => verifyUpgrade(request, socket, options))
    const respond = (auth) => {
      if (auth === null) return
      const body = JSON.stringify(request.auth)
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    }
    verified.then(respond, () => {})
  })
  const client = clientOf(await listen(t, server), false)
  return async (path, request = {}) => {
    const given = await client(path, { headers: { connection: 'Upgrade', upgrade: 'websocket', ...request.headers } })
    if (given.status === 200) return given
    while (!latest.closed) await new Promise(setImmediate)
    const isRecent = Math.abs(Date.parse(given.headers.date) - Date.now()) < 60_000
    if (given.headers.connection === 'close' && isRecent && latest.destroyed) return given
    throw new Error('a rejected handshake needs a response with a date and a destroyed socket')
  }
}

async function serveFetch(t, fetch) {
  return listen(t, require('@hono/node-server').createAdaptorServer({ fetch }))
}

/** Compiles steps to middleware; `wrap` makes middleware of the application's own function. */
function toMiddleware({ logtoAuth, protect }, wrap) {
  return (step) => {
    if (step.run !== undefined) return wrap(step.run)
    if (step.uncalled !== undefined) return step.uncalled
    return step.protect === undefined ? logtoAuth(step.auth) : protect(step.protect)
  }
}

/** Appends an error of `run` to `faults`, and rejects with it. */
async function collect(faults, run) {
  try {
    return await run()
  } catch (error) {
    faults?.push(error)
    throw error
  }
}

/** Creates a client whose requests share connections, because creating a connection takes longer than most requests. */
function clientOf(url, agent = /** @type {false | Agent} */ (new Agent({ keepAlive: true }))) {
  return (path = '/', request) => ask(url + path, request, agent)
}

const routesOf = (routes = { '/': {} }) => Object.entries(routes)

/** Matches a path with a parameter, such as `/orgs/:id`. */
const matches = (path, url) => new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`).test(url.split('?')[0])

function setHeaders(res, headers = {}) {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
}

/** Defines tests for every adapter that has these features. */
function describeAdapters(features, define) {
  for (const [name, adapter] of Object.entries(ADAPTERS)) {
    const has = (feature) => adapter.features.includes(feature)
    if (features.every(has)) describe(name, { timeout: 120_000 }, () => define(adapter, has))
  }
}

module.exports = { describeAdapters, serveFetch }
