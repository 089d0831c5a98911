/** NestJS applications whose routes call handlers of this package, written without decorator syntax. */

/**
 * Returns the server of an application with one POST route.
 *
 * @param {string} path
 * @param {(req: any, res: any) => unknown} handle
 * @param {object} options - Of `NestFactory.create`.
 * @param {any} [adapter] - By default, the adapter for Express.
 * @returns {Promise<import('node:http').Server>}
 */
async function nestServer(path, handle, options, adapter) {
  require('reflect-metadata')
  const { Controller, Module, Post, Req, Res } = require('@nestjs/common')
  const { NestFactory } = require('@nestjs/core')
  class Routes {
    route(req, res) {
      return handle(req, res)
    }
  }
  Req()(Routes.prototype, 'route', 0)
  Res()(Routes.prototype, 'route', 1)
  Post(path)(Routes.prototype, 'route', /** @type {any} */ (Object.getOwnPropertyDescriptor(Routes.prototype, 'route')))
  Controller()(Routes)
  class App {}
  Module({ controllers: [Routes] })(App)
  const settings = { logger: /** @type {const} */ (false), ...options }
  const app = adapter ? await NestFactory.create(App, adapter, settings) : await NestFactory.create(App, settings)
  await app.init()
  await app.getHttpAdapter().getInstance().ready?.()
  return app.getHttpServer()
}

/** The adapter for Fastify. */
function fastifyAdapter() {
  const { FastifyAdapter } = require('@nestjs/platform-fastify')
  return new FastifyAdapter()
}

module.exports = { fastifyAdapter, nestServer }
