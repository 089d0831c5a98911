/** One application in every framework that there is an adapter for, so that their answers can be compared. */

const express = require('express')
const { listen, serve } = require('./frameworks')

/**
 * @typedef {import('node:test').TestContext} TestContext
 * @typedef {{ sets?: Record<string, string | string[]>, protect?: object, throws?: (auth: any) => unknown }} Route
 * @typedef {{ options: any, routes: Record<string, Route>, before?: Record<string, string> }} App - Every route answers with
 *   its `auth` as JSON; `before` are headers that are set before the adapter gets to see a request.
 * @typedef {(t: TestContext, app: App) => Promise<string>} Serve - Gives the address.
 */

/** @type {Record<string, Serve>} */
const ADAPTERS = {
  Express: async (t, { options, routes, before = {} }) => {
    const { logtoAuth, protect } = require('logto-authkit/express')
    const app = express().set('env', 'test')
    app.use((_req, res, next) => void next(void res.set(before)))
    app.use(logtoAuth(options))
    for (const [path, { sets = {}, protect: required, throws }] of Object.entries(routes)) {
      app.all(path, ...(required ? [protect(required)] : []), (req, res) => {
        throws?.(req.auth)
        res.set(sets).end(JSON.stringify(req.auth ?? null))
      })
    }
    return serve(t, app)
  },

  Fastify: async (t, { options, routes, before = {} }) => {
    const { logtoAuth, protect } = require('logto-authkit/fastify')
    const app = require('fastify')()
    app.addHook('onRequest', async (_request, reply) => void reply.headers(before))
    app.register(logtoAuth, options)
    app.register(async (routed) => {
      for (const [path, { sets = {}, protect: required, throws }] of Object.entries(routes)) {
        routed.all(path, { onRequest: required ? [protect(required)] : [] }, async (request, reply) => {
          throws?.(request.auth)
          return reply.headers(sets).send(JSON.stringify(request.auth ?? null))
        })
      }
    })
    t.after(() => app.close())
    return app.listen({ port: 0, host: '127.0.0.1' })
  },

  Hono: async (t, { options, routes, before = {} }) => {
    const { logtoAuth, protect } = require('logto-authkit/hono')
    const { Hono } = require('hono')
    /** @type {import('hono').Hono<{ Variables: import('logto-authkit/hono').AuthVariables }>} */
    const app = new Hono()
    app.use(async (c, next) => {
      for (const [name, value] of Object.entries(before)) c.header(name, value)
      await next()
    })
    app.use(logtoAuth(options))
    for (const [path, { sets = {}, protect: required, throws }] of Object.entries(routes)) {
      if (required) app.use(path, protect(required))
      app.all(path, (c) => {
        throws?.(c.get('auth'))
        return c.body(JSON.stringify(c.get('auth') ?? null), 200, sets)
      })
    }
    return serveFetch(t, app.fetch)
  },

  Koa: async (t, { options, routes, before = {} }) => {
    const { logtoAuth, protect } = require('logto-authkit/koa')
    const Koa = require('koa')
    const app = new Koa()
    app.silent = true
    app.use(async (ctx, next) => {
      ctx.set(before)
      await next()
    })
    app.use(/** @type {any} */ (logtoAuth(options)))
    for (const [path, { sets = {}, protect: required, throws }] of Object.entries(routes)) {
      const guard = required ? protect(required) : (/** @type {any} */ _ctx, /** @type {any} */ next) => next()
      app.use(async (ctx, next) => {
        if (!matches(path, ctx)) return next()
        return guard(/** @type {any} */ (ctx), async () => {
          throws?.(ctx.state.auth)
          ctx.set(sets)
          ctx.body = JSON.stringify(ctx.state.auth ?? null)
        })
      })
    }
    return serve(t, app.callback())
  },

  NestJS: (t, app) => serveNest(t, app),
}

/**
 * The parameters of Express's paths, for Koa, which has no routes.
 *
 * @param {string} path
 * @param {any} ctx
 */
function matches(path, ctx) {
  const match = new RegExp(`^${path.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`).exec(ctx.path)
  ctx.params = { ...match?.groups }
  return match !== null
}

/** @type {(t: TestContext, fetch: any) => Promise<string>} */
async function serveFetch(t, fetch) {
  const { createAdaptorServer } = require('@hono/node-server')
  const server = /** @type {import('node:http').Server} */ (createAdaptorServer({ fetch }))
  return listen(t, server)
}

/**
 * @param {TestContext} t
 * @param {App} app
 */
async function serveNest(t, { options, routes, before = {} }) {
  require('reflect-metadata')
  const { All, Controller, Module, Res } = require('@nestjs/common')
  const { APP_FILTER, APP_GUARD, NestFactory } = require('@nestjs/core')
  const { Auth, AuthErrorFilter, LogtoAuthGuard, Protect } = require('logto-authkit/nestjs')
  class Routes {}
  const prototype = /** @type {any} */ (Routes.prototype)
  for (const [path, { sets = {}, protect: required, throws }] of Object.entries(routes)) {
    prototype[path] = (/** @type {any} */ auth, /** @type {any} */ res) => {
      throws?.(auth)
      res.set(sets)
      return JSON.stringify(auth ?? null)
    }
    const method = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(prototype, path))
    if (required) Protect(required)(prototype, path, method)
    All(path)(prototype, path, method)
    Auth()(prototype, path, 0)
    Res({ passthrough: true })(prototype, path, 1)
  }
  Controller()(Routes)
  class App {}
  const providers = [
    { provide: APP_GUARD, useValue: new LogtoAuthGuard(options) },
    { provide: APP_FILTER, useClass: AuthErrorFilter },
  ]
  Module({ controllers: [Routes], providers })(App)
  const app = await NestFactory.create(App, { logger: false })
  app.use((/** @type {any} */ _req, /** @type {any} */ res, /** @type {any} */ next) => {
    res.set(before)
    next()
  })
  await app.listen(0, '127.0.0.1')
  t.after(() => app.close())
  return app.getUrl()
}

module.exports = { ADAPTERS, serveFetch }
