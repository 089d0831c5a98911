/** For `doctor --webhook` and `doctor --backchannel`, checks the routes that receive revocations from Logto. */

const { createHmac, randomBytes } = require('node:crypto')
const { lookup } = require('node:dns/promises')
const { BlockList, isIP } = require('node:net')
const { contract } = require('../core/contract')
const { explainConnectionError } = require('./doctor-connection')
const { parseJsonObject } = require('./http')

/**
 * @typedef {import('./doctor-findings').Finding} Finding
 * @typedef {{ status: number, headers: Headers, json: any, ms: number }} Answer
 * @typedef {{ found: string, advice: string }} Failure
 */

/** How long Logto waits for the response to a logout token, in milliseconds. */
const LOGOUT_TIMEOUT_MS = 2500

/** Addresses to which Logto does not send logout tokens. */
const PRIVATE_ADDRESSES = new BlockList()
for (const [network, prefix] of /** @type {[string, number][]} */ ([
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
]))
  PRIVATE_ADDRESSES.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of /** @type {[string, number][]} */ ([
  ['::', 127], // `::` and `::1`
  ['fc00::', 7],
  ['fe80::', 10],
]))
  PRIVATE_ADDRESSES.addSubnet(network, prefix, 'ipv6')

/** Hostnames that resolve only in a private network, including all names without a dot, such as container names. */
const PRIVATE_HOSTNAME_PATTERN = /^[^.]+$|\.(localhost|internal|local)$/

/**
 * Sends a test event, like the "Send test payload" button in Logto's Console. Then sends the same event with a wrong
 * signature. Test events revoke nothing.
 *
 * @param {{ url: string, signingKey: string, timeout: number }} options
 * @returns {Promise<Finding[]>}
 */
async function webhookFindings({ url, signingKey, timeout }) {
  const [event] = contract().revokingEvents
  const body = JSON.stringify({
    event,
    createdAt: new Date().toISOString(),
    params: { id: 'fake-id' },
    data: { result: 'success' },
    hookId: 'logto-authkit-doctor',
  })
  const send = (/** @type {string} */ key) =>
    post(url, body, timeout, {
      'Content-Type': 'application/json',
      [contract().headers.webhookSignature]: createHmac('sha256', key).update(body).digest('hex'),
    })
  const answer = await send(signingKey)
  const failure = webhookFailure(answer, url)
  if (failure !== null)
    return [
      { check: 'Webhook', ok: false, ...failure },
      { check: 'Forgery', ok: null, found: 'not checked, see Webhook' },
    ]
  const found = `a signed test event gets ${statusOf(answer)} in ${/** @type {Answer} */ (answer).ms} ms`
  return [{ check: 'Webhook', ok: true, found }, forgedWebhookFinding(await send(randomBytes(16).toString('hex')))]
}

/**
 * @param {Answer | Error} answer
 * @param {string} url
 * @returns {Failure | null}
 */
function webhookFailure(answer, url) {
  if (answer instanceof Error) return explainConnectionError(answer, new URL(url).host)
  const { status, json } = answer
  if (status >= 200 && status < 300) return null
  if (status >= 300 && status < 400)
    return explainRedirect(answer, 'Logto follows it with GET, without the event, and logs the delivery as successful.')
  if (json?.error === 'invalid_signature')
    return {
      found: `the signature of a signed test event gets ${status}`,
      advice:
        'LOGTO_WEBHOOK_KEY differs from the option signingKey of the application, or something on the way changes the body.',
    }
  return explainUnexpectedStatus(answer, 'the webhook')
}

/**
 * @param {Answer | Error} answer
 * @returns {Finding}
 */
function forgedWebhookFinding(answer) {
  const check = 'Forgery'
  if (answer instanceof Error) return { check, ok: null, found: answer.message }
  const { status } = answer
  const found = `an event with a wrong signature gets ${status}`
  if (status === 401 || status === 403) return { check, ok: true, found }
  const advice =
    'Anyone can send events. Check the signature, as the handler of webhook() does, or send events to that handler.'
  return status < 300 ? { check, ok: false, found, advice } : { check, ok: null, found }
}

/**
 * Sends requests that the handler of `backchannelLogout` must reject. `doctor` cannot send a logout token that the
 * handler would accept, because only Logto can sign one.
 *
 * @param {{ url: string, timeout: number }} options
 * @returns {Promise<Finding[]>}
 */
async function backchannelFindings({ url, timeout }) {
  const check = 'Backchannel'
  const address = await addressFinding(new URL(url).hostname.replace(/^\[|\]$/g, ''))
  let slowestMs = 0
  for (const body of ['', 'logout_token=doctor']) {
    const answer = await post(url, body, timeout, { 'Content-Type': 'application/x-www-form-urlencoded' })
    const failure = logoutFailure(answer, url)
    if (failure !== null) return [address, { check, ok: false, ...failure }]
    slowestMs = Math.max(slowestMs, /** @type {Answer} */ (answer).ms)
  }
  return [address, { check, ok: true, found: `requests without a valid logout token get 400 in ${slowestMs} ms` }]
}

/**
 * @param {Answer | Error} answer
 * @param {string} url
 * @returns {Failure | null}
 */
function logoutFailure(answer, url) {
  if (answer instanceof Error) return explainConnectionError(answer, new URL(url).host)
  const { status, headers, json, ms } = answer
  if (status >= 300 && status < 400) return explainRedirect(answer, 'Logto does not follow redirects.')
  if (status < 300)
    return {
      found: `a request without a logout token gets ${status}`,
      advice: 'Another handler responds at this URL. Mount backchannelLogout() there.',
    }
  if (status === 415)
    return {
      found: `a form gets ${status}`,
      advice: 'No parser accepts forms. Fastify: register @fastify/formbody.',
    }
  if (status !== 400) return explainUnexpectedStatus(answer, 'the handler of backchannelLogout()')
  if (typeof json?.error !== 'string' || typeof json.error_description !== 'string')
    return {
      found: 'the response 400 contains no OpenID error',
      advice: 'Another handler responds at this URL. Mount backchannelLogout() there, before other parsers.',
    }
  if (!/\bno-store\b/.test(headers.get('cache-control') ?? ''))
    return {
      found: 'the response has no Cache-Control: no-store',
      advice: 'A proxy or a middleware removes it. A cached response hides a logout.',
    }
  if (ms > LOGOUT_TIMEOUT_MS)
    return {
      found: `the response takes ${ms} ms`,
      advice: `Logto waits for ${LOGOUT_TIMEOUT_MS} ms and never tries again. Find out what delays requests before the handler.`,
    }
  return null
}

/**
 * To prevent SSRF, Logto 1.42 and later send no requests to private addresses. If the handler has a private address,
 * `doctor` only warns, because a self-hosted Logto may be configured to send requests to private addresses, and because
 * `dev` sends logout tokens to handlers on this machine.
 *
 * @param {string} hostname
 * @returns {Promise<Finding>}
 */
async function addressFinding(hostname) {
  const check = 'Address'
  const addresses = isIP(hostname) ? [hostname] : await resolveAddresses(hostname)
  const privateAddress = addresses.find((address) =>
    PRIVATE_ADDRESSES.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'),
  )
  if (privateAddress !== undefined || (!isIP(hostname) && PRIVATE_HOSTNAME_PATTERN.test(hostname))) {
    const addressNote = privateAddress === undefined || privateAddress === hostname ? '' : ` (${privateAddress})`
    return {
      check,
      ok: null,
      found: `${hostname}${addressNote} is private: Logto silently sends no logout tokens there`,
      advice:
        'Its SSRF protection, since version 1.42, skips loopback and private addresses. Use a public URL, or set OIDC_PROVIDER_SSRF_PROTECTION_DISABLED=true on a self-hosted Logto.',
    }
  }
  if (addresses.length === 0) return { check, ok: null, found: `${hostname} cannot be resolved from here` }
  return { check, ok: true, found: `${hostname} is public` }
}

/** @type {(hostname: string) => Promise<string[]>} */
const resolveAddresses = (hostname) =>
  lookup(hostname, { all: true }).then(
    (all) => all.map(({ address }) => address),
    () => [],
  )

/**
 * Explains why a request did not reach a handler, and suggests a fix.
 *
 * @param {Answer} answer
 * @param {string} handler
 * @returns {Failure}
 */
function explainUnexpectedStatus({ status, json }, handler) {
  const found = `the response is ${status}${typeof json?.error === 'string' ? `, ${json.error}` : ''}`
  if (json?.error === 'body_already_read') return { found, advice: String(json.message) }
  if (status === 401)
    return {
      found,
      advice: `Register ${handler} before logtoAuth(), since Logto sends no access token, or correct the path of the URL.`,
    }
  if (status === 403)
    return { found, advice: `Exempt ${handler} from CSRF protection and firewall rules, since Logto sends no cookies.` }
  if (status === 404 || status === 405) return { found, advice: `Mount ${handler} at this URL, for POST.` }
  return { found, advice: 'Look at the log of the application.' }
}

/** @type {(answer: Answer, consequence: string) => Failure} */
const explainRedirect = ({ status, headers }, consequence) => ({
  found: `${status} to ${headers.get('location')}`,
  advice: `${consequence} Set the URL of the target in Logto.`,
})

/** @param {Answer | Error} answer */
const statusOf = (answer) => /** @type {Answer} */ (answer).status

/**
 * @param {string} url
 * @param {string} body
 * @param {number} timeout
 * @param {Record<string, string>} headers
 * @returns {Promise<Answer | Error>}
 */
async function post(url, body, timeout, headers) {
  const startedAt = performance.now()
  try {
    const signal = AbortSignal.timeout(timeout)
    const response = await fetch(url, { method: 'POST', body, headers, redirect: 'manual', signal })
    const json = parseJsonObject(await response.text())
    return { status: response.status, headers: response.headers, json, ms: Math.round(performance.now() - startedAt) }
  } catch (thrown) {
    const error = /** @type {Error} */ (thrown)
    if (error.name === 'TimeoutError') return new Error(`no response within ${timeout} ms`)
    return error.cause instanceof Error ? error.cause : error
  }
}

module.exports = { backchannelFindings, webhookFindings }
