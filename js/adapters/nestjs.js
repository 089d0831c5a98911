/** NestJS 10 and later, on Express and on Fastify: see nestjs.d.ts for the contract. */

const { AuthError } = require('../core/errors')
const { settle } = require('../core/settle')
const { Authenticator, checkRequest, contextOf, rejectionOf, setAuth } = require('./authenticator')
const { Requirements } = require('./requirements')
const { addCookie, errorResponse } = require('./response')

/** Loads NestJS from the application on first use, because exceptions must be instances of the application's classes. */
const nest = () => require('@nestjs/common')

/** @type {import('./authenticator').Framework} */
const nestjs = {
  request: (request) => request,
  origin: (request) => [request.protocol, request.headers.host],
  store: setAuth,
  addCookie: (response, cookie) => addCookie(response.raw ?? response, cookie),
}

class LogtoAuthGuard {
  #authenticator

  /** @param {any} options */
  constructor(options) {
    this.#authenticator = new Authenticator('nest', options, nestjs)
  }

  /** @param {import('@nestjs/common').ExecutionContext} context */
  canActivate(context) {
    return guard(context, (request, response) => this.#authenticator.authenticate(request, response))
  }
}

/** @type {typeof import('./nestjs').Protect} */
function Protect(requirements) {
  const required = new Requirements(requirements)
  return nest().UseGuards({
    canActivate: (context) => guard(context, (request) => checkRequest(required, request, request.auth)),
  })
}

const Auth = () => nest().createParamDecorator((_data, context) => contextOf(http(context).request))()

class AuthErrorFilter {
  constructor() {
    nest().Catch(AuthError)(AuthErrorFilter)
  }

  /** @type {import('@nestjs/common').ExceptionFilter<InstanceType<typeof AuthError>>['catch']} */
  catch(error, host) {
    const { request, response } = http(host)
    const raw = response.raw ?? response
    // Ending a response that has already started would make it look complete, so close the connection instead.
    if (raw.headersSent) raw.destroy()
    else {
      const { status, headers, body } = errorResponse(rejectionOf(error, request).error)
      for (const [name, value] of Object.entries(headers)) response.header(name, value)
      response.status(status).send(body)
    }
  }
}

/** @type {(context: any, run: (request: any, response: any) => Promise<void> | void) => Promise<true> | true} */
function guard(context, run) {
  const { request, response } = http(context)
  return settle(
    () => run(request, response),
    () => true,
    (thrown) => {
      const { error } = rejectionOf(thrown, request)
      const { status, headers, body } = errorResponse(error)
      for (const [name, value] of Object.entries(headers)) response.header(name, value)
      throw new (nest().HttpException)(JSON.parse(body), status, { cause: error })
    },
  )
}

/** @type {(host: import('@nestjs/common').ArgumentsHost) => { request: any, response: any }} */
function http(host) {
  if (host.getType() !== 'http') throw new Error(`logto-authkit supports only HTTP requests, not ${host.getType()}`)
  const http = host.switchToHttp()
  return { request: http.getRequest(), response: http.getResponse() }
}

module.exports = { Auth, AuthErrorFilter, LogtoAuthGuard, Protect }
