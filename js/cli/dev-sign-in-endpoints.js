/** The HTTP endpoints for signing in at the issuer of `logto-authkit dev`. */

const { OAuthError, isLoopbackUrl, oauthErrorResponse, text } = require('./dev-oauth')
const { isForDevHost } = require('./dev-request')
const { SignIn } = require('./dev-sign-in')

/** @typedef {import('../testing/issuer').RequestHandler} RequestHandler */

const MAX_BODY_LENGTH = 64 * 1024

/** @type {Record<string, 'authorize' | 'token' | 'userInfo' | 'revoke' | 'signOut'>} */
const ENDPOINTS = {
  'GET /oidc/auth': 'authorize',
  'POST /oidc/auth': 'authorize',
  'POST /oidc/token': 'token',
  'GET /oidc/me': 'userInfo',
  'POST /oidc/me': 'userInfo',
  'POST /oidc/token/revocation': 'revoke',
  'GET /oidc/session/end': 'signOut',
}

/**
 * Creates the request handler for the sign-in endpoints of `logto-authkit dev`.
 *
 * @param {number} tokenLifetime - Lifetime of the access tokens, in seconds.
 * @returns {RequestHandler}
 */
function createSignIn(tokenLifetime) {
  const signIn = new SignIn(tokenLifetime)
  return (request, response, route, issuer) => {
    const { origin } = request.headers
    const isEndpoint = Object.hasOwn(ENDPOINTS, `${request.method} ${route}`)
    const isLocalOrigin = origin !== undefined && isLoopbackUrl(origin)
    // Single-page applications fetch the metadata, the keys and the tokens in the browser.
    if (isLocalOrigin) response.setHeader('Access-Control-Allow-Origin', origin).setHeader('Vary', 'Origin')
    if (isLocalOrigin && request.method === 'OPTIONS') {
      response.writeHead(204, { 'Access-Control-Allow-Headers': 'authorization, content-type' }).end()
      return true
    }
    if (!isEndpoint) return false
    if (isForDevHost(request) && (isLocalOrigin || isLinkOrProgram(request)))
      void respond(signIn, request, response, route, issuer)
    else send(response, text(403, 'The sign-in is only available to applications on this machine.'))
    return true
  }
}

/**
 * Returns true if a request has no `Origin` header and comes from a link or from a program other than a browser. Other
 * sites may link to the sign-in, but not request it in the background.
 *
 * @param {import('node:http').IncomingMessage} request
 */
const isLinkOrProgram = ({ headers }) =>
  headers.origin === undefined &&
  (headers['sec-fetch-site'] !== 'cross-site' || headers['sec-fetch-mode'] === 'navigate')

/** @type {(response: import('node:http').ServerResponse, answer: import('./dev-sign-in').SignInResponse) => void} */
const send = (response, { status, headers, body }) => void response.writeHead(status, headers).end(body)

/** @param {InstanceType<typeof SignIn>} signIn @param {Parameters<RequestHandler>} parameters */
async function respond(signIn, ...[request, response, route, issuer]) {
  const answer = await call(signIn, request, route, issuer).catch((error) =>
    oauthErrorResponse(error instanceof OAuthError ? error : new OAuthError('invalid_request', String(error))),
  )
  send(response, answer)
}

/** @type {(signIn: InstanceType<typeof SignIn>, request: import('node:http').IncomingMessage, route: string, issuer: import('../testing/index').TestIssuer) => Promise<import('./dev-sign-in').SignInResponse>} */
async function call(signIn, request, route, issuer) {
  const { url, method, headers } = request
  const { searchParams } = new URL(String(url), issuer.logtoUrl)
  const parameters = method === 'POST' ? new URLSearchParams(await readBody(request)) : searchParams
  return signIn[ENDPOINTS[`${method} ${route}`]](parameters, headers, issuer)
}

/** @param {import('node:http').IncomingMessage} request */
async function readBody(request) {
  let body = ''
  let isTooLong = false
  for await (const chunk of request.setEncoding('utf8')) {
    isTooLong ||= body.length + chunk.length > MAX_BODY_LENGTH
    if (!isTooLong) body += chunk
  }
  if (isTooLong) throw new OAuthError('invalid_request', 'the body is too long')
  return body
}

module.exports = { createSignIn }
