/** NestJS 10 and later, on Express and on Fastify: see nestjs.d.ts for the contract. */

const { check, enter, found, introduction, refused } = require('./gate')
const { AuthError, Guard, Requirements, answer } = require('./guard')
const { addCookie, setAuth } = require('./middleware')

/** The application's own NestJS, when it is used: the guard's exceptions must be of its classes. */
const nest = () => require('@nestjs/common')

class LogtoAuthGuard {
  #gate

  /** @param {any} options */
  constructor(options) {
    this.#gate = { guard: new Guard(options), onError: undefined }
  }

  /** @param {import('@nestjs/common').ExecutionContext} context */
  async canActivate(context) {
    const { request, response } = exchange(context)
    try {
      setAuth(request, undefined)
      const auth = await enter(this.#gate, request)
      setAuth(request, auth)
      const cookie = introduction(this.#gate, auth, request.protocol, request.headers.host)
      if (cookie !== null) addCookie(response.raw ?? response, cookie)
    } catch (error) {
      throw exception(error, request, response)
    }
    return true
  }
}

class RequirementsGuard {
  #required

  /** @param {any} requirements */
  constructor(requirements) {
    this.#required = new Requirements(requirements)
  }

  /** @param {import('@nestjs/common').ExecutionContext} context */
  canActivate(context) {
    const { request, response } = exchange(context)
    try {
      check(this.#required, request, request.auth)
    } catch (error) {
      throw exception(error, request, response)
    }
    return true
  }
}

/** @param {any} requirements */
const Protect = (requirements) => nest().UseGuards(new RequirementsGuard(requirements))

const Auth = () => nest().createParamDecorator((_data, context) => found(exchange(context).request))()

class AuthErrorFilter {
  constructor() {
    nest().Catch(AuthError)(AuthErrorFilter)
  }

  /**
   * @param {InstanceType<typeof AuthError>} error
   * @param {import('@nestjs/common').ArgumentsHost} host
   */
  catch(error, host) {
    const { request, response } = exchange(host)
    const { status, headers, body } = answer(refused(error, request).refusal)
    setHeaders(response.status(status), headers).send(body)
  }
}

/**
 * @param {import('@nestjs/common').ArgumentsHost} host
 * @returns {{ request: any, response: any }}
 */
function exchange(host) {
  if (host.getType() !== 'http') throw new Error(`logto-authkit guards HTTP requests, not ${host.getType()}`)
  const http = host.switchToHttp()
  return { request: http.getRequest(), response: http.getResponse() }
}

/**
 * @param {unknown} error
 * @param {any} request
 * @param {any} response
 */
function exception(error, request, response) {
  const { refusal } = refused(error, request)
  const { status, headers, body } = answer(refusal)
  setHeaders(response, headers)
  return new (nest().HttpException)(JSON.parse(body), status, { cause: refusal })
}

/**
 * @param {any} response - Of Express, or of Fastify.
 * @param {Record<string, string>} headers
 */
function setHeaders(response, headers) {
  for (const [name, value] of Object.entries(headers)) response.header(name, value)
  return response
}

module.exports = { Auth, AuthErrorFilter, LogtoAuthGuard, Protect }
