/** Sends logout tokens and webhooks to an application under development, as Logto does. */

const { createHmac } = require('node:crypto')
const { contract } = require('../core/contract')
const { DEFAULT_CLIENT_ID, DEFAULT_USER } = require('./dev-defaults')

/** @typedef {import('../testing/index').TestIssuer} TestIssuer */

/** Timeout for the application's response. Logto uses the same timeout for logout tokens. */
const RESPONSE_TIMEOUT_MS = 2500
const TARGET_HOSTNAME_PATTERN = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/**
 * Sends a logout token (OpenID Connect Back-Channel Logout 1.0).
 *
 * @param {{ url?: unknown, sub?: string, sid?: string, clientId?: string }} options
 * @param {TestIssuer} issuer
 */
function sendLogoutToken({ url, sub = DEFAULT_USER, sid, clientId = DEFAULT_CLIENT_ID }, issuer) {
  const token = issuer.mint({
    sub,
    audience: clientId,
    expiresIn: 120,
    header: { typ: 'logout+jwt' },
    claims: {
      scope: undefined,
      client_id: undefined,
      sid,
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    },
  })
  return postToApplication(url, new URLSearchParams({ logout_token: token }).toString(), {
    'Content-Type': 'application/x-www-form-urlencoded',
  })
}

/**
 * Sends a webhook that reports a suspended user, signed with the given key.
 *
 * @param {{ url?: unknown, signingKey?: unknown, userId?: string }} options
 */
function sendWebhook({ url, signingKey, userId = DEFAULT_USER }) {
  if (typeof signingKey !== 'string' || signingKey === '') throw new SendError('"signingKey": expected a string')
  const now = new Date()
  const body = JSON.stringify({
    event: 'User.SuspensionStatus.Updated',
    createdAt: now.toISOString(),
    userAgent: 'logto-authkit dev',
    ip: '127.0.0.1',
    path: '/users/:userId/is-suspended',
    method: 'PATCH',
    status: 200,
    params: { userId },
    matchedRoute: '/users/:userId/is-suspended',
    data: { id: userId, isSuspended: true, updatedAt: now.getTime() },
    hookId: 'dev',
  })
  const signature = createHmac('sha256', signingKey).update(body).digest('hex')
  return postToApplication(url, body, {
    'Content-Type': 'application/json',
    [contract().headers.webhookSignature]: signature,
  })
}

/** An error whose message is shown to the user. */
class SendError extends Error {}

/**
 * Sends a request to the application and returns the application's response.
 *
 * @param {unknown} url - A URL on this machine. All other URLs are rejected, so that nobody can use the page to send
 * requests to other machines.
 * @param {string} body
 * @param {Record<string, string>} headers
 */
async function postToApplication(url, body, headers) {
  if (typeof url !== 'string' || !URL.canParse(url) || !TARGET_HOSTNAME_PATTERN.test(new URL(url).hostname))
    throw new SendError('"url": expected a URL on this machine, such as http://localhost:3000/logout')
  const signal = AbortSignal.timeout(RESPONSE_TIMEOUT_MS)
  try {
    const response = await fetch(url, { method: 'POST', body, headers, redirect: 'manual', signal })
    return { status: response.status, body: (await response.text()).slice(0, 1000) }
  } catch (error) {
    const { message, cause } = /** @type {Error & { cause?: { code?: string, message?: string } }} */ (error)
    throw new SendError(`No response from ${new URL(url).origin}: ${cause?.code ?? cause?.message ?? message}`)
  }
}

module.exports = { SendError, sendLogoutToken, sendWebhook }
