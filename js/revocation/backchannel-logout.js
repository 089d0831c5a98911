/** Receives logout tokens (OpenID Connect Back-Channel Logout 1.0), and revokes the tokens of the user or session. */

const { isUint8Array } = require('node:util/types')
const { now } = require('../core/attempt')
const { withMissingOptionHint } = require('../core/environment')
const { valueOrThrow } = require('../core/errors')
const native = require('../core/addon')
const { snapshot } = require('../core/options')
const { ownProperty } = require('../core/plain')
const { outcomeQueue, scheduleQueuedChecks, awaitOutcome } = require('../core/pending')
const { handler, rejectionResponse } = require('./handler')

// The timers are captured at load time, because fake timers in a test would replace the globals and never fire.
const { clearTimeout, setTimeout } = require('node:timers')

/** How long the response may take, in milliseconds. Logto waits for 2.5 seconds and never retries the request. */
const MAX_RESPONSE_TIME_MS = 1800

/** How long the store may take to acknowledge a revocation, in milliseconds. */
const PUBLISH_TIMEOUT_MS = 1500

/** Maximum length of a body, in bytes. The core accepts tokens of up to 16 KiB. */
const MAX_BODY_BYTES = 65_536

/** What the debug output calls the handler's input when it reports a rejection. */
const SUBJECT = 'logout token'

const FORM_MEDIA_TYPE = 'application/x-www-form-urlencoded'
const BODY_PARSER_ADVICE = `Parse ${FORM_MEDIA_TYPE}, for example with express.urlencoded(), or mount the handler before other parsers.`

/** @typedef {import('./handler').Answer} Answer */
/** @typedef {import('./handler').Incoming} Incoming */
/** @typedef {import('../native/binding').NativeLogoutVerifier} NativeLogoutVerifier */

/**
 * @param {import('./webhook').Publish} publish
 * @param {import('.').BackchannelLogoutOptions} options
 * @returns {import('.').SourceHandler}
 */
function backchannelLogout(publish, options) {
  const members = snapshot(options)
  const verifier = valueOrThrow(
    withMissingOptionHint(native.createLogoutVerifier(members, outcomeQueue), 'backchannelLogout', members),
  )
  const currentDate = ownProperty(members, 'currentDate')
  const date = () => now(typeof currentDate === 'function' ? currentDate : undefined)

  return handler(
    async (request) => {
      const token = await logoutToken(request)
      if (token === undefined)
        return logoutErrorResponse('invalid_request', 'The body must be a form with one logout_token')
      return respondBeforeDeadline(revokeFromLogoutToken(verifier, publish, token, date()))
    },
    { subject: SUBJECT, limit: MAX_BODY_BYTES, advice: BODY_PARSER_ADVICE },
  )
}

/** @type {(verifier: NativeLogoutVerifier, publish: import('./webhook').Publish, token: string, date: number) => Promise<Answer>} */
async function revokeFromLogoutToken(verifier, publish, token, date) {
  const outcome = await awaitOutcome(verifier.verify(token, date))
  if (typeof outcome !== 'string' && outcome.slow) scheduleQueuedChecks()
  if (typeof outcome !== 'string' && Object.hasOwn(outcome, 'code')) {
    const rejected = /** @type {import('../native/binding').RejectedRequest} */ (outcome)
    const error = rejected.status === 503 ? 'temporarily_unavailable' : 'invalid_request'
    return logoutErrorResponse(error, rejected.message, rejected)
  }
  const { entry, id } = JSON.parse(typeof outcome === 'string' ? outcome : /** @type {any} */ (outcome).context)
  try {
    await publish([entry], PUBLISH_TIMEOUT_MS)
  } catch (error) {
    verifier.forget(id)
    const code = 'temporarily_unavailable'
    const cause = String(/** @type {Error} */ (error).cause ?? error)
    return logoutErrorResponse(code, 'The logout could not be stored', { code, details: '{}', cause })
  }
  return { status: 200, headers: { 'Cache-Control': 'no-store' }, body: '' }
}

/**
 * Responds before the deadline even if keys are still being fetched. The logout takes effect when the keys arrive.
 *
 * @param {Promise<Answer>} answer
 * @returns {Promise<Answer>}
 */
function respondBeforeDeadline(answer) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      resolve(logoutErrorResponse('temporarily_unavailable', 'The logout token could not be verified in time'))
    }, MAX_RESPONSE_TIME_MS)
    answer.finally(() => clearTimeout(timer)).then(resolve, reject)
  })
}

/**
 * Returns the error response defined in OpenID Connect Back-Channel Logout 1.0, section 2.8.
 *
 * @type {(error: string, description: string, rejected?: { code: string, details: string, cause: string | null }) => Answer}
 */
const logoutErrorResponse = (error, description, rejected) =>
  rejectionResponse(SUBJECT, 400, { error, error_description: description }, rejected)

/**
 * Returns the logout token of a request (OpenID Connect Back-Channel Logout 1.0, section 2.5), or undefined if the
 * request does not contain exactly one logout token.
 *
 * @param {Incoming} request
 * @returns {Promise<string | undefined>}
 */
async function logoutToken(request) {
  const [type] = (request.header('content-type') ?? '').split(';')
  if (type.trim().toLowerCase() !== FORM_MEDIA_TYPE) return undefined
  const { parsed } = request
  // Express 4 sets `req.body` to an empty object if no parser has read the body.
  if (typeof parsed === 'object' && parsed !== null && !isUint8Array(parsed) && Object.keys(parsed).length > 0) {
    const token = ownProperty(parsed, 'logout_token')
    return typeof token === 'string' ? token : undefined
  }
  const tokens = new URLSearchParams((await request.body()).toString()).getAll('logout_token')
  return tokens.length === 1 ? tokens[0] : undefined
}

module.exports = { backchannelLogout }
