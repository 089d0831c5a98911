/** The NestJS guard that authenticates requests, and the code that it shares with `@Protect`. */

const { rethrow, settle } = require('../core/settle')
const { Authenticator } = require('./authenticator')
const {
  graphqlExecutionOf,
  isPublic,
  registerGuard,
  rememberVerification,
  requestOf,
  responseOf,
  guardThatVerified,
} = require('./nest-context')
const { toException } = require('./nest-exceptions')
const { rejectionOf } = require('./rejections')
const { addCookie, errorResponse } = require('./response')
const { setAuth } = require('./set-auth')

/** @typedef {import('@nestjs/common').ExecutionContext} ExecutionContext */

/** @type {import('./authenticator').Framework} */
const nestFramework = {
  request: (request) => request,
  origin: (request) => [request.protocol, request.headers.host],
  store: setAuth,
  stored: (request, property) => request[property],
  addCookie: (response, cookie) => {
    if (response !== undefined) addCookie(response.raw ?? response, cookie)
  },
}

/**
 * Returns a guard's authenticator, and the context of a request that the guard has verified.
 *
 * @type {(guard: LogtoAuthGuard, request: object) => import('./authenticator').RequestRecord}
 */
let requestRecordOf

class LogtoAuthGuard {
  static {
    requestRecordOf = (guard, request) => ({ authenticator: guard.#authenticator, auth: guard.#contexts.get(request) })
  }

  #authenticator

  /**
   * The context of each request that this guard has accepted. Another guard can replace the context that the request
   * holds.
   *
   * @type {WeakMap<object, import('../..').AuthContext>}
   */
  #contexts = new WeakMap()

  /**
   * For each execution of a GraphQL operation, the request and the result of its verification.
   *
   * @type {WeakMap<object, { request: object, result: Promise<void> | void }>}
   */
  #executions = new WeakMap()

  /** @param {any} options */
  constructor(options) {
    this.#authenticator = new Authenticator('nest', options, {
      ...nestFramework,
      store: (request, auth, property) => {
        if (auth !== undefined) this.#contexts.set(request, auth)
        setAuth(request, auth, property)
      },
    })
  }

  /** @param {ExecutionContext} context */
  canActivate(context) {
    registerGuard(context, this)
    if (isPublic(context)) return true
    return runGuard(context, this.getRequest(context), (request) =>
      settle(
        () => this.#authenticate(context, request),
        () => rememberVerification(context, request, this),
        (error) => {
          this.#contexts.delete(request)
          throw error
        },
      ),
    )
  }

  /** @type {(context: ExecutionContext) => any} */
  getRequest(context) {
    return requestOf(context)
  }

  /**
   * NestJS calls a guard for every root field of a GraphQL operation. The fields of one execution share a verification,
   * so that at most one guest id is created.
   *
   * @param {ExecutionContext} context
   * @param {any} request
   */
  #authenticate(context, request) {
    const execution = graphqlExecutionOf(context)
    const knownVerification = execution && this.#executions.get(execution)
    if (knownVerification?.request === request) return knownVerification?.result
    const result = this.#authenticator.authenticate(request, responseOf(context, request))
    if (execution !== undefined) this.#executions.set(execution, { request, result })
    return result
  }
}

/**
 * Returns the authenticator and the context of the guard that verified the request before the current handler runs.
 * Returns undefined if no guard has been recorded for the handler, as always over HTTP. The caller then uses the
 * request's entry in `recordsByRequest`.
 *
 * @param {ExecutionContext} context
 * @param {any} request
 */
function verificationRecordOf(context, request) {
  const guard = guardThatVerified(context, request)
  return guard && requestRecordOf(guard, request)
}

/** @type {(context: ExecutionContext, request: any, run: (request: any) => Promise<void> | void) => any} */
function runGuard(context, request, run) {
  return settle(
    () => run(request),
    () => true,
    (thrown) => {
      const { error } = rejectionOf(thrown, request)
      const answer = errorResponse(error)
      if (context.getType() === 'http') {
        const response = responseOf(context, request)
        for (const [name, value] of Object.entries(answer.headers)) response.header(name, value)
      }
      return settle(() => toException(context, error, answer), rethrow, rethrow)
    },
  )
}

module.exports = { LogtoAuthGuard, verificationRecordOf, runGuard }
