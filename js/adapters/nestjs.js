/** NestJS 10 and later, on Express and on Fastify: see nestjs.d.ts for the contract. */

const { AuthError } = require('../core/errors')
const { checkRequest, recordsByRequest } = require('./authenticator')
const { guardOf, isPublic, requestOf, responseOf, accessDecorator } = require('./nest-context')
const { toException, sendGatewayRejection } = require('./nest-exceptions')
const { LogtoAuthGuard, verificationRecordOf, runGuard } = require('./nest-guard')
const { rejectionOf } = require('./rejections')
const { Requirements } = require('./requirements')
const { errorResponse } = require('./response')

/** @typedef {import('@nestjs/common').ExecutionContext} ExecutionContext */

/**
 * Loads NestJS on first use. Decorators write metadata under names that all copies of NestJS share, so they also work
 * with a copy other than the application's.
 */
const loadNest = () => require('@nestjs/common')

/** @type {(context: ExecutionContext) => any} */
const getRequest = (context) => guardOf(context)?.getRequest(context) ?? requestOf(context)

/** @type {typeof import('./nestjs').Protect} */
function Protect(...given) {
  const requirements = new Requirements(...given)
  const protection = {
    /** @param {ExecutionContext} context */
    canActivate: (context) =>
      isPublic(context) ||
      runGuard(context, getRequest(context), (request) =>
        checkRequest(requirements, request, verificationRecordOf(context, request)),
      ),
  }
  return loadNest().applyDecorators(accessDecorator('protected'), loadNest().UseGuards(protection))
}

const Public = () => accessDecorator('public')

const Auth = () =>
  loadNest().createParamDecorator((_data, context) => {
    if (isPublic(context)) return undefined
    const request = getRequest(context)
    return (verificationRecordOf(context, request) ?? recordsByRequest.get(request))?.auth
  })()

class AuthErrorFilter {
  constructor() {
    loadNest().Catch(AuthError)(AuthErrorFilter)
  }

  /** @type {import('@nestjs/common').ExceptionFilter<InstanceType<typeof AuthError>>['catch']} */
  catch(error, host) {
    if (host.getType() === 'ws') return sendGatewayRejection(host, errorResponse(error))
    if (host.getType() !== 'http') return toException(host, error, errorResponse(error))
    const request = requestOf(host)
    const response = responseOf(host, request)
    const raw = response.raw ?? response
    // Ending a response that has already started would make the response look complete, so the connection is closed
    // instead.
    if (raw.headersSent) raw.destroy()
    else {
      const { status, headers, body } = errorResponse(rejectionOf(error, request).error)
      for (const [name, value] of Object.entries(headers)) response.header(name, value)
      response.status(status).send(body)
    }
  }
}

module.exports = { Auth, AuthErrorFilter, LogtoAuthGuard, Protect, Public }
