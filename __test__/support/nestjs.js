// @ts-nocheck: decorators applied by hand, in frameworks whose types have nothing in common
/** NestJS applications whose decorators are applied the way a compiler does. */

require('reflect-metadata')
const { Controller, Get, Module } = require('@nestjs/common')
const { APP_FILTER, APP_GUARD, NestFactory } = require('@nestjs/core')
const { Auth, AuthErrorFilter, LogtoAuthGuard } = require('logto-authkit/nestjs')
const { AUDIENCE, startIssuer } = require('./helpers')

/** Creates a class with these methods, and applies decorators in the order in which a source file would list them. */
function decorated(methods, decorators) {
  class Decorated {}
  const { prototype } = Decorated
  for (const [name, { handler, decorators = [], parameters = [Auth()] }] of Object.entries(methods)) {
    // Decorators change the function, so each method needs its own.
    prototype[name] = (...args) => handler(...args)
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name)
    for (const [index, decorate] of parameters.entries()) decorate(prototype, name, index)
    for (const decorate of decorators.toReversed()) decorate(prototype, name, descriptor)
  }
  for (const decorate of decorators.toReversed()) decorate(Decorated)
  return Decorated
}

/** A controller whose routes are named after its methods. */
function controller(methods, decorators = [], Route = Get) {
  const routed = Object.entries(methods).map(([name, { decorators = [], ...method }]) => {
    return [name, { ...method, decorators: [Route(name), ...decorators] }]
  })
  return decorated(Object.fromEntries(routed), [Controller(), ...decorators])
}

/** A controller method. */
const route = (name, handler, ...decorators) => ({ [name]: { handler, decorators } })

const userId = (auth) => String(auth?.userId)

/** Serves an application until the test ends. Nest logs faults, which are appended to `errors`. */
async function serve(t, metadata, { adapter, errors = [] } = {}) {
  class App {}
  Module(metadata)(App)
  const logger = { log() {}, warn() {}, error: (error) => errors.push(error) }
  const app = await NestFactory.create(App, ...(adapter === undefined ? [] : [adapter]), { logger })
  await app.listen(0, '127.0.0.1')
  t.after(() => app.close())
  return { url: await app.getUrl(), errors }
}

const globally = (guard) => ({ provide: APP_GUARD, useValue: guard })
const filter = { provide: APP_FILTER, useClass: AuthErrorFilter }

async function setUp(t, more, Guard = LogtoAuthGuard) {
  const issuer = await startIssuer(t)
  return { issuer, guard: new Guard({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE, ...more }) }
}

module.exports = { controller, decorated, filter, globally, route, serve, setUp, userId }
