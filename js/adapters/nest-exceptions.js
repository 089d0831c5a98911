/** Converts rejections to NestJS exceptions, whose classes come from the application's own copy of NestJS. */

/** @typedef {import('@nestjs/common').ArgumentsHost} ArgumentsHost */
/** @typedef {import('./response').ErrorResponse} ErrorResponse */

/**
 * Returns the exception for a rejection, which the application's exception filters handle: an `HttpException`, or a `WsException` in
 * a gateway.
 *
 * @type {(host: ArgumentsHost, error: Error, answer: ErrorResponse) => Error | Promise<Error>}
 */
function exceptionOf(host, error, { status, body }) {
  const content = JSON.parse(body)
  if (host.getType() === 'ws') {
    return withNestWebsockets(host, ({ WsException }) => new WsException({ status: 'error', ...content }))
  }
  return withNestCommon(host, ({ HttpException }) => {
    // The Apollo driver recognizes HTTP errors by the `statusCode` in their body.
    const json = host.getType() === 'http' ? content : { statusCode: status, ...content }
    const exception = new HttpException(json, status, { cause: error })
    // If a bundler has included another copy of NestJS, that copy does not know this class, but recognizes "http-errors".
    return Object.assign(exception, { statusCode: status, expose: true })
  })
}

/**
 * Sends a rejection to the client of a gateway.
 *
 * @type {(host: ArgumentsHost, answer: ErrorResponse) => void | Promise<void>}
 */
const respondToSocket = (host, { body }) =>
  withNestWebsockets(host, ({ BaseWsExceptionFilter, WsException }) => {
    new BaseWsExceptionFilter().catch(new WsException({ status: 'error', ...JSON.parse(body) }), host)
  })

/** @type {<T>(host: ArgumentsHost, use: (common: typeof import('@nestjs/common')) => T) => T | Promise<T>} */
const withNestCommon = (host, use) =>
  requiresApplicationCopy(host)
    ? use(require('@nestjs/common'))
    : import('@nestjs/common').catch(() => require('@nestjs/common')).then(use)

/** @type {<T>(host: ArgumentsHost, use: (websockets: typeof import('@nestjs/websockets')) => T) => T | Promise<T>} */
const withNestWebsockets = (host, use) =>
  requiresApplicationCopy(host)
    ? use(require('@nestjs/websockets'))
    : import('@nestjs/websockets').catch(() => require('@nestjs/websockets')).then(use)

/**
 * Returns whether `require` returns the application's copy of NestJS. Under tsx, `import` and `require` load separate copies, and
 * NestJS recognizes only exceptions of its own copy.
 *
 * @param {ArgumentsHost} host
 */
function requiresApplicationCopy(host) {
  const { ExecutionContextHost } = require('@nestjs/core/helpers/execution-context-host')
  return host instanceof ExecutionContextHost
}

module.exports = { exceptionOf, respondToSocket }
