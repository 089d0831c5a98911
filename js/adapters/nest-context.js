/**
 * Finds the request and response of a NestJS execution context, and determines whether its handler is public or
 * protected.
 */

/** @typedef {import('@nestjs/common').ArgumentsHost} ArgumentsHost */
/** @typedef {import('@nestjs/common').ExecutionContext} ExecutionContext */

/** Like NestJS's own keys, this metadata key is a string, so that all copies of this package use the same key. */
const ACCESS_METADATA_KEY = 'logto-authkit:access'

/**
 * The guard of each handler. Parameter decorators call the guard's `getRequest`.
 *
 * @type {WeakMap<object, { getRequest(context: ExecutionContext): any }>}
 */
const guardsByHandler = new WeakMap()

/** @type {(context: ExecutionContext, guard: { getRequest(context: ExecutionContext): any }) => void} */
function registerGuard(context, guard) {
  const handler = context.getHandler?.()
  if (typeof handler === 'function') guardsByHandler.set(handler, guard)
}

/** @param {ExecutionContext} context */
const guardOf = (context) => guardsByHandler.get(context.getHandler?.())

/**
 * The guard that last verified the request of an execution context. All guards of a handler, including `@Protect`,
 * share an execution context.
 *
 * @type {WeakMap<ExecutionContext, any>}
 */
const guardsByContext = new WeakMap()

/**
 * For each request and handler, the guard that last verified the request. Parameter decorators look up the guard in
 * this map, because NestJS creates another execution context for each decorator.
 *
 * @type {WeakMap<object, Map<Function, any>>}
 */
const guardsByRequest = new WeakMap()

/**
 * Records which guard verified the request before the current handler runs. All fields of a GraphQL operation share one
 * request, as do all messages of a WebSocket connection, but each field or message can have a different guard. Over
 * HTTP, the guard is not recorded: a request has only one handler, so the context from the last guard is the right one.
 *
 * @type {(context: ExecutionContext, request: object, guard: object) => void}
 */
function rememberVerification(context, request, guard) {
  if (context.getType() === 'http') return
  guardsByContext.set(context, guard)
  const guards = guardsByRequest.get(request)
  if (guards === undefined) guardsByRequest.set(request, new Map([[context.getHandler?.(), guard]]))
  else guards.set(context.getHandler?.(), guard)
}

/** @type {(context: ExecutionContext, request: object) => any} */
const guardThatVerified = (context, request) =>
  guardsByContext.get(context) ?? guardsByRequest.get(request)?.get(context.getHandler?.())

/**
 * Returns the request of an execution context.
 *
 * @param {ArgumentsHost} host
 * @returns {any}
 */
function requestOf(host) {
  const type = String(host.getType())
  if (type === 'http') return host.switchToHttp().getRequest()
  const request = type === 'graphql' ? host.getArgByIndex(2)?.req : undefined
  if (typeof request?.headers === 'object') return request
  throw new Error(
    `logto-authkit cannot find the request of a "${type}" context: extend LogtoAuthGuard and override getRequest(context), or mark the handler with @Public()`,
  )
}

/**
 * Returns the response to a request, or undefined if there is no response or NestJS does not expose it.
 *
 * @type {(host: ArgumentsHost, request: any) => any}
 */
function responseOf(host, request) {
  if (host.getType() === 'http') return host.switchToHttp().getResponse()
  return (String(host.getType()) === 'graphql' ? host.getArgByIndex(2)?.res : undefined) ?? request.res
}

/**
 * Returns an object that identifies one execution of a GraphQL operation, or undefined in other contexts. GraphQL
 * creates a new object with the variable values for each execution. The context object does not identify an execution,
 * because all operations of a WebSocket connection can share it.
 *
 * @param {ExecutionContext} context
 * @returns {object | undefined}
 */
function graphqlExecutionOf(context) {
  if (String(context.getType()) !== 'graphql') return undefined
  return context.getArgByIndex(3)?.variableValues ?? context.getArgByIndex(2)
}

/**
 * Returns whether a handler may be called without a token. A decorator on a method overrides the decorators on its
 * class.
 *
 * @param {ExecutionContext} context
 */
function isPublic(context) {
  const accessLevels = [context.getHandler?.(), context.getClass?.()].map((target) =>
    typeof target === 'function' ? reflectMetadata.getMetadata(ACCESS_METADATA_KEY, target) : undefined,
  )
  return (accessLevels[0] ?? accessLevels[1]) === 'public'
}

/**
 * Returns a decorator that marks a method or class as public or protected.
 *
 * @param {'public' | 'protected'} accessLevel
 * @returns {any}
 */
const accessDecorator =
  (accessLevel) =>
  (/** @type {any} */ target, /** @type {any} */ _key, /** @type {PropertyDescriptor | undefined} */ descriptor) => {
    const decoratedTarget = descriptor?.value ?? target
    if ((reflectMetadata.getOwnMetadata(ACCESS_METADATA_KEY, decoratedTarget) ?? accessLevel) !== accessLevel) {
      throw new TypeError(
        '@Public() and @Protect() contradict each other: use only one of them on the same method or class',
      )
    }
    reflectMetadata.defineMetadata(ACCESS_METADATA_KEY, accessLevel, decoratedTarget)
  }

/** `Reflect` with the functions of the `reflect-metadata` polyfill, which every NestJS application loads. */
const reflectMetadata = /** @type {any} */ (Reflect)

module.exports = {
  graphqlExecutionOf,
  guardOf,
  isPublic,
  registerGuard,
  rememberVerification,
  requestOf,
  responseOf,
  accessDecorator,
  guardThatVerified,
}
