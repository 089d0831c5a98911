/** Receives Logto's webhooks, and revokes the tokens that the events affect. */

const { inspect } = require('node:util')
const { errorResponse, jsonResponse } = require('../adapters/response')
const { contract } = require('../core/contract')
const { withMissingOptionHint } = require('../core/environment')
const { AuthError, rejectionFrom, valueOrThrow } = require('../core/errors')
const native = require('../core/addon')
const { snapshot } = require('../core/options')
const { ownProperty } = require('../core/plain')
const { printRejection } = require('../core/warnings')
const { handler, rejectionResponse } = require('./handler')
const { unavailableError } = require('./mirror')

/**
 * How long the store may take to acknowledge a revocation, in milliseconds. Logto waits up to ten seconds for the
 * response, but the administrator's request that triggered the webhook may be blocked for that long.
 */
const PUBLISH_TIMEOUT_MS = 900

const BODY_PARSER_ADVICE =
  'Webhook signatures need the raw body. Express: mount the webhook before express.json(), or with express.raw({ type: "application/json" }). ' +
  'Fastify: register it in a scope with addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) => done(null, body)). ' +
  'NestJS: create the application with rawBody: true. Next.js Pages Router: export const config = { api: { bodyParser: false } }.'

/** @typedef {(entries: string[], timeoutMs?: number) => Promise<void>} Publish */

/**
 * @param {Publish} publish
 * @param {import('.').WebhookOptions} options
 * @returns {import('.').SourceHandler}
 */
function webhook(publish, options) {
  const members = snapshot(options)
  const nativeWebhook = valueOrThrow(withMissingOptionHint(native.createWebhook(members), 'webhook', members))
  const onEvent = ownProperty(members, 'onEvent')
  const { headers, limits } = contract()

  return handler(
    async (request) => {
      const body = await request.body()
      if (!nativeWebhook.isSigned(body, request.header(headers.webhookSignature) ?? '')) {
        return webhookErrorResponse(401, 'invalid_signature', 'The signature is missing or invalid')
      }
      const event = native.webhookEvent(body, Date.now())
      if (typeof event === 'string') return rejectEvent(event)
      try {
        if (event.entries.length > 0) await publish(event.entries, PUBLISH_TIMEOUT_MS)
      } catch (error) {
        // After `revocations.close()`, `publish` throws an error that is not an `AuthError`.
        const refusal = error instanceof AuthError ? error : unavailableError(error)
        printRejection({ ...rejectionFrom(refusal), cause: String(refusal.cause ?? '') || null }, 'webhook')
        return errorResponse(refusal)
      }
      if (onEvent !== undefined && !event.isTest) notifyApplication(onEvent, body)
      return jsonResponse(200, { received: true })
    },
    { subject: 'webhook', limit: limits.webhookBytes, advice: BODY_PARSER_ADVICE },
  )
}

/** @type {(status: number, error: string, message: string) => import('./handler').Answer} */
const webhookErrorResponse = (status, error, message) => rejectionResponse('webhook', status, { error, message })

/** @param {string} reason - The missing or malformed member of the event, or the problem with the JSON. */
function rejectEvent(reason) {
  // An unreadable event with a valid signature may have been meant to revoke tokens, so operators are warned.
  process.emitWarning(`A webhook event with a valid signature could not be read: ${reason}`, {
    code: 'LOGTO_AUTHKIT_WEBHOOK',
  })
  return webhookErrorResponse(400, 'invalid_event', `The event could not be read: ${reason}`)
}

/**
 * Passes an event to the application's `onEvent`. If `onEvent` fails, Logto still gets a success response, because it
 * would not send the event again after an error response.
 *
 * @type {(onEvent: Function, body: Buffer) => void}
 */
function notifyApplication(onEvent, body) {
  /** @param {unknown} error */
  const warn = (error) => {
    const reason = error instanceof Error ? error.stack : inspect(error)
    process.emitWarning(`onEvent failed, which changes no response: ${reason}`, { code: 'LOGTO_AUTHKIT_ON_EVENT' })
  }
  try {
    Promise.resolve(onEvent(JSON.parse(body.toString()))).catch(warn)
  } catch (error) {
    warn(error)
  }
}

module.exports = { webhook }
