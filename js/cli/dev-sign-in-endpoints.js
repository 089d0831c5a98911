/** The HTTP endpoints for signing in at the issuer of `logto-authkit dev`. */

const { OAuthError, SignIn, isLoopbackUrl, oauthErrorResponse } = require('./dev-sign-in')

/** @typedef {import('../testing/issuer').RequestHandler} RequestHandler */

const MAX_BODY_LENGTH = 64 * 1024

/** @type {Record<string, 'authorize' | 'token' | 'userInfo' | 'revoke' | 'signOut'>} */
const ENDPOINTS = {
  'GET /oidc/auth': 'authorize',
  'POST /oidc/token': 'token',
  'GET /oidc/me': 'userInfo',
  'POST /oidc/token/revocation': 'revoke',
  'GET /oidc/session/end': 'signOut',
}

/**
 * Creates the handler of the sign-in's endpoints.
 *
 * @returns {RequestHandler}
 */
function createSignIn() {
  const signIn = new SignIn()
  return (request, response, route, issuer) => {
    const { host, origin } = request.headers
    const isEndpoint = Object.hasOwn(ENDPOINTS, `${request.method} ${route}`)
    // Prevents DNS rebinding, in which a site makes its own hostname resolve to this server and reads the tokens.
    if (isEndpoint && !isLoopbackUrl(`http://${host}`)) {
      response.writeHead(403).end('The sign-in is only available on this machine.\n')
      return true
    }
    // Single-page applications fetch the metadata, the keys and the tokens in the browser.
    if (origin !== undefined && isLoopbackUrl(origin)) {
      response.setHeader('Access-Control-Allow-Origin', origin).setHeader('Vary', 'Origin')
      if (request.method === 'OPTIONS') {
        response.writeHead(204, { 'Access-Control-Allow-Headers': 'authorization, content-type' }).end()
        return true
      }
    }
    if (isEndpoint) void respond(signIn, request, response, route, issuer)
    return isEndpoint
  }
}

/** @param {InstanceType<typeof SignIn>} signIn @param {Parameters<RequestHandler>} parameters */
async function respond(signIn, ...[request, response, route, issuer]) {
  const { status, headers, body } = await call(signIn, request, route, issuer).catch((error) =>
    oauthErrorResponse(error instanceof OAuthError ? error : new OAuthError('invalid_request', String(error))),
  )
  response.writeHead(status, headers).end(body)
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
  for await (const chunk of request.setEncoding('utf8')) if (body.length < MAX_BODY_LENGTH) body += chunk
  return body
}

module.exports = { createSignIn }
