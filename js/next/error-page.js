/** The page that ends a loop between the proxy and the sign-in page, and the warning for the server's log. */

/** @typedef {import('../..').AuthError} AuthError */
/** @typedef {'nested' | 'token' | 'repeated' | 'callback'} SignInLoopReason */

/**
 * @param {AuthError} error
 * @param {SignInLoopReason} reason
 * @param {{ cookieName: string | null, signInUrl: string }} context - `cookieName` is `null` if the application reads no cookie.
 * @returns {{ headers: Record<string, string>, body: string }}
 */
function errorPage(error, reason, { cookieName, signInUrl }) {
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign-in does not work</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 38rem; margin: 3rem auto; padding: 0 1.5rem }
code { overflow-wrap: anywhere }
</style>
<h1>Sign-in does not work</h1>
<p>${escapeHtml(signInLoopSummary(error, reason))}</p>
<p>Error code: <code>${error.code}</code></p>
${signInLoopHints(error, reason, cookieName)
  .map((hint) => `<p>${escapeHtml(hint)}</p>`)
  .join('\n')}
<p><a href="${escapeHtml(signInUrl)}">Sign in again</a></p>
</html>
`
  const headers = {
    ...error.headers,
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
  }
  return { headers, body }
}

/**
 * Warns once per error code, so that clients cannot flood the log.
 *
 * @param {Set<string>} reportedErrorCodes
 * @param {AuthError} error
 * @param {SignInLoopReason} reason
 * @param {string | null} cookieName
 */
function warnAboutSignInLoop(reportedErrorCodes, error, reason, cookieName) {
  if (reportedErrorCodes.has(error.code)) return
  reportedErrorCodes.add(error.code)
  const details = Object.keys(error.details).length > 0 ? ` ${JSON.stringify(error.details)}` : ''
  const message = [
    `${signInLoopSummary(error, reason)} (${error.code}${details})`,
    ...signInLoopHints(error, reason, cookieName),
  ]
  process.emitWarning(`Sign-in loop ended: ${message.join(' ')}`, { code: 'LOGTO_AUTHKIT_SIGN_IN_LOOP' })
}

/** @type {(error: AuthError, reason: SignInLoopReason) => string} */
function signInLoopSummary({ code, message }, reason) {
  if (reason === 'nested') return 'The sign-in page itself requires a session.'
  if (reason === 'callback') return 'The page that completes the sign-in requires a session itself.'
  if (code === 'missing_token') return 'The browser has returned from the sign-in page several times without a token.'
  return `The browser has returned from the sign-in page with a token that is rejected: ${message}.`
}

/** @type {(error: AuthError, reason: SignInLoopReason, cookieName: string | null) => string[]} */
function signInLoopHints({ code, details }, reason, cookieName) {
  if (reason === 'nested') return ['Add the path of the page to publicPaths, or return it from a signInUrl function.']
  if (reason === 'callback')
    return [
      'Add the path of the redirect URI to publicPaths, or correct the redirect URI if it is not the path of your callback.',
    ]
  if (code !== 'missing_token') return [SIGN_IN_LOOP_HINTS[code] ?? 'Check the token with: npx logto-authkit explain']
  if (cookieName === null)
    return ['Check that the function getToken returns a token after signing in, and does not hide an error.']
  return [
    `The application reads the token from the cookie "${cookieName}" or the Authorization header.`,
    details.cookie === undefined
      ? 'Check that signing in sets this cookie with Path=/ and SameSite=Lax, that it has at most 4,096 bytes, and that the page uses https if the cookie is Secure.'
      : `There is a token in the cookie "${details.cookie}": set the option cookieName, or change the name of the cookie.`,
  ]
}

/** @param {string} text */
const escapeHtml = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

/** The advice for developers about the usual causes of a sign-in loop. @type {Record<string, string>} */
const SIGN_IN_LOOP_HINTS = {
  invalid_audience:
    'The application expects a token for another API resource: compare the option audience with the resource that is requested when signing in.',
  invalid_issuer:
    'The token comes from another Logto server: compare the option logtoUrl with the endpoint that is used when signing in.',
  opaque_token: 'Request the token for an API resource when signing in, by passing the resource parameter.',
  unknown_key:
    'The token may come from another Logto server: compare the option logtoUrl with the endpoint that is used when signing in.',
  invalid_token_type: 'The cookie must contain an access token for an API resource, not an ID token.',
  token_expired: 'Compare the clocks of this server and of Logto.',
  token_not_active: 'Compare the clocks of this server and of Logto.',
}

module.exports = { errorPage, warnAboutSignInLoop }
