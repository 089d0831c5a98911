/** Converts rejections to NestJS exceptions, whose classes come from the application's own copy of NestJS. */

/** @typedef {import('@nestjs/common').ArgumentsHost} ArgumentsHost */
/** @typedef {import('./response').ErrorResponse} ErrorResponse */

/**
 * Returns the exception for a rejection: a `WsException` in a gateway, and an `HttpException` everywhere else. The
 * application's exception filters handle the exception.
 *
 * @type {(host: ArgumentsHost, error: Error, answer: ErrorResponse) => Error | Promise<Error>}
 */
function toException(host, error, { status, body }) {
  const content = JSON.parse(body)
  if (host.getType() === 'ws') {
    return withNestWebsockets(host, ({ WsException }) => new WsException({ status: 'error', ...content }))
  }
  return withNestCommon(host, ({ HttpException }) => {
    // The Apollo driver recognizes HTTP errors by the `statusCode` in the body of the exception.
    const json = host.getType() === 'http' ? content : { statusCode: status, ...content }
    const exception = new HttpException(json, status, { cause: error })
    // If a bundler has included another copy of NestJS, that copy does not know this exception class, but recognizes
    // the properties of "http-errors".
    return Object.assign(exception, { statusCode: status, expose: true })
  })
}

/**
 * Sends a rejection to the client of a gateway.
 *
 * @type {(host: ArgumentsHost, answer: ErrorResponse) => void | Promise<void>}
 */
const sendGatewayRejection = (host, { body }) =>
  withNestWebsockets(host, ({ BaseWsExceptionFilter, WsException }) => {
    new BaseWsExceptionFilter().catch(new WsException({ status: 'error', ...JSON.parse(body) }), host)
  })

/** @type {<T>(host: ArgumentsHost, use: (common: typeof import('@nestjs/common')) => T) => T | Promise<T>} */
const withNestCommon = (host, use) =>
  canRequireNest(host)
    ? use(require('@nestjs/common'))
    : import('@nestjs/common').catch(() => require('@nestjs/common')).then(use)

/** @type {<T>(host: ArgumentsHost, use: (websockets: typeof import('@nestjs/websockets')) => T) => T | Promise<T>} */
const withNestWebsockets = (host, use) =>
  canRequireNest(host)
    ? use(require('@nestjs/websockets'))
    : import('@nestjs/websockets').catch(() => require('@nestjs/websockets')).then(use)

/**
 * Returns whether `require` loads the application's copy of NestJS. Under tsx, `import` and `require` load separate
 * copies of NestJS, and each copy recognizes only its own exceptions.
 *
 * @param {ArgumentsHost} host
 */
function canRequireNest(host) {
  const { ExecutionContextHost } = require('@nestjs/core/helpers/execution-context-host')
  return host instanceof ExecutionContextHost
}

module.exports = { toException, sendGatewayRejection }
