/** The responses, errors and parameters that the OAuth endpoints of `logto-authkit dev` share. */

const LOOPBACK_HOSTNAME_PATTERN = /^(127\.0\.0\.1|\[::1\]|([\w-]+\.)*localhost)$/

class OAuthError extends Error {
  /**
   * @param {string} code - An error code of RFC 6749 section 5.2.
   * @param {string} description
   */
  constructor(code, description) {
    super(description)
    this.code = code
  }
}

/** Whether a URL is that of an application on this machine. Codes and tokens must not leave the machine. @param {string} uri */
function isLoopbackUrl(uri) {
  if (!URL.canParse(uri)) return false
  const { protocol, hostname, username, password } = new URL(uri)
  return /^https?:$/.test(protocol) && LOOPBACK_HOSTNAME_PATTERN.test(hostname) && username + password === ''
}

/**
 * Splits an OAuth parameter such as `scope` or `prompt` at the spaces, and removes duplicates.
 *
 * @type {(text: string | null) => string[]}
 */
const splitScopes = (text) => [...new Set(text?.match(/\S+/g))]

/**
 * Returns the client id from the `Authorization` header, which SDKs with a client secret send, or from the body.
 *
 * @param {URLSearchParams} parameters
 * @param {string | undefined} authorization
 */
function clientIdOf(parameters, authorization) {
  const [, credentials] = /^Basic (.+)$/i.exec(authorization ?? '') ?? []
  if (credentials === undefined) return parameters.get('client_id')
  // The id is form-encoded (RFC 6749 section 2.3.1).
  const [encodedId] = Buffer.from(credentials, 'base64').toString().split(':')
  return new URLSearchParams(`id=${encodedId.replaceAll('&', '%26')}`).get('id')
}

const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

/** RFC 6750 section 3.1. */
const INVALID_TOKEN_CHALLENGE = { 'WWW-Authenticate': 'Bearer error="invalid_token"' }

/** @param {number} status @param {object} value @param {object} [headers] */
const json = (status, value, headers) => ({
  status,
  headers: { ...SECURITY_HEADERS, ...headers, 'Content-Type': 'application/json; charset=utf-8' },
  body: JSON.stringify(value),
})

/** @param {OAuthError} error */
const oauthErrorResponse = ({ code, message }) =>
  json(400, { code: `oidc.${code}`, message, error: code, error_description: message })

/** @param {number} status @param {string} body */
const text = (status, body) => ({
  status,
  headers: { ...SECURITY_HEADERS, 'Content-Type': 'text/plain; charset=utf-8' },
  body: `${body}\n`,
})

module.exports = {
  INVALID_TOKEN_CHALLENGE,
  OAuthError,
  SECURITY_HEADERS,
  clientIdOf,
  isLoopbackUrl,
  json,
  oauthErrorResponse,
  splitScopes,
  text,
}
