/** NestJS 10 and later, on Express and on Fastify: see nestjs.d.ts for the contract. */

const { check, enter, found, introduction, refused } = require('./gate')
const { AuthError, Guard, Requirements, answer } = require('./guard')
const { addCookie, setAuth } = require('./node-response')

/** The application's own NestJS, when it is used: the exceptions must be of its classes. */
const nest = () => require('@nestjs/common')

class LogtoAuthGuard {
  #gate

  /** @param {any} options */
  constructor(options) {
    this.#gate = { guard: new Guard(options), onError: undefined }
  }

  /** @param {import('@nestjs/common').ExecutionContext} context */
  canActivate(context) {
    return guarded(context, async (request, response) => {
      setAuth(request, undefined)
      const auth = await enter(this.#gate, request)
      setAuth(request, auth)
      const cookie = introduction(this.#gate, auth, () => [request.protocol, request.headers.host])
      if (cookie !== null) addCookie(response.raw ?? response, cookie)
    })
  }
}

/** @type {typeof import('./nestjs').Protect} */
function Protect(requirements) {
  const required = new Requirements(requirements)
  const guard = { canActivate: (/** @type {any} */ context) => guarded(context, inspect) }
  const inspect = async (/** @type {any} */ request) => check(required, request, request.auth)
  return nest().UseGuards(guard)
}

const Auth = () => nest().createParamDecorator((_data, context) => found(exchange(context).request))()

class AuthErrorFilter {
  constructor() {
    nest().Catch(AuthError)(AuthErrorFilter)
  }

  /** @type {import('@nestjs/common').ExceptionFilter<InstanceType<typeof AuthError>>['catch']} */
  catch(error, host) {
    const { request, response } = exchange(host)
    const raw = response.raw ?? response
    if (raw.headersSent) {
      // Broken off: ended, what there is would look like all there is.
      raw.destroy()
      return
    }
    const { status, headers, body } = answer(refused(error, request).refusal)
    for (const [name, value] of Object.entries(headers)) response.header(name, value)
    response.status(status).send(body)
  }
}

/** @type {(context: any, act: (request: any, response: any) => Promise<void>) => Promise<boolean>} */
async function guarded(context, act) {
  const { request, response } = exchange(context)
  try {
    await act(request, response)
    return true
  } catch (error) {
    const { refusal } = refused(error, request)
    const { status, headers, body } = answer(refusal)
    for (const [name, value] of Object.entries(headers)) response.header(name, value)
    throw new (nest().HttpException)(JSON.parse(body), status, { cause: refusal })
  }
}

/** @type {(host: import('@nestjs/common').ArgumentsHost) => { request: any, response: any }} */
function exchange(host) {
  if (host.getType() !== 'http') throw new Error(`logto-authkit guards HTTP requests, not ${host.getType()}`)
  const http = host.switchToHttp()
  return { request: http.getRequest(), response: http.getResponse() }
}

module.exports = { Auth, AuthErrorFilter, LogtoAuthGuard, Protect }
