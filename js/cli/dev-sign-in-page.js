/** The page on which a user signs in at the issuer of `logto-authkit dev`. */

const { createHash } = require('node:crypto')
const { DEFAULT_USER } = require('./dev-defaults')

const STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 10vh auto; max-width: 26rem; padding: 0 1rem }
h1 { font-size: 1.4rem }
label { display: block; margin: .5rem 0 }
input:not([type]) { box-sizing: border-box; font: inherit; padding: .4rem; width: 100% }
button { font: inherit; margin: 1rem .5rem 0 0; padding: .4rem 1rem }
p { color: GrayText }`

const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  // `form-action` would also apply to the redirect to the application.
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
}

/** The fields of the form, which replace the parameters of the same name. */
const FIELDS = ['user', 'grant', 'cancel']

/**
 * Returns the sign-in page. Its form submits the parameters of the authorization request, the user id and the checked
 * permissions.
 *
 * @param {URLSearchParams} parameters - The authorization request.
 * @param {string[]} permissions - The permissions that the application requests.
 */
function signInPage(parameters, permissions) {
  const requestFields = [...parameters].filter(([name]) => !FIELDS.includes(name))
  const resources = parameters.getAll('resource').join(', ')
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign in at the local issuer</title>
<style>${STYLE}</style>
<h1>Sign in to ${escapeHtml(String(parameters.get('client_id')))}</h1>
<form>
${requestFields.map(([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`).join('\n')}
<label>User id <input name="user" required autofocus value="${escapeHtml(parameters.get('login_hint') ?? DEFAULT_USER)}"></label>
${permissions.map((scope) => `<label><input type="checkbox" name="grant" value="${escapeHtml(scope)}" checked> ${escapeHtml(scope)}</label>`).join('\n')}
<button>Sign in</button><button name="cancel" value="yes" formnovalidate>Cancel</button>
</form>
<p>This is the local issuer of <code>logto-authkit dev</code>. It accepts any user without a password.${
    resources === '' ? '' : ` The access token is for ${escapeHtml(resources)}.`
  }</p>
</html>
`
  return { headers: HEADERS, body }
}

/** @type {Record<string, string>} */
const HTML_ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** @param {string} text */
const escapeHtml = (text) => text.replace(/[&<>"']/g, (character) => HTML_ENTITIES[character])

module.exports = { signInPage }
