/** The web server of `logto-authkit dev`, which serves the page and its API. */

const { once } = require('node:events')
const { readFileSync } = require('node:fs')
const { createServer } = require('node:http')
const { join } = require('node:path')
const { DEV_PAGE } = require('./dev-defaults')
const { isForDevHost, isOwnRequest } = require('./dev-request')
const { SendError, sendLogoutToken, sendWebhook } = require('./dev-revocation')
const { createToken, tokenOptionsFromQuery } = require('./dev-tokens')
const { headerOf } = require('./jwt-parts')

/**
 * @typedef {import('../testing/index').TestIssuer} TestIssuer
 * @typedef {{ outage: import('../testing/index').OutageMode | null, rotations: number,
 *   routes: import('./example-routes').Routes, audience: string, tokenLifetime: number }} State
 */

const MAX_BODY_LENGTH = 64 * 1024

/** The endpoints that create tokens. */
const TOKEN_ROUTES = ['/token', '/api/tokens']

/** @param {import('node:http').IncomingMessage} request */
const pathOf = ({ url }) => String(url).split('?')[0]

/**
 * @param {TestIssuer} issuer
 * @param {number} port
 * @param {Pick<State, 'routes' | 'audience' | 'tokenLifetime'>} defaults
 * @param {(request: string, reason: string) => void} onRejectedToken - Called for each rejected request for a token,
 *   because `curl -f` does not show the reason in the response.
 */
async function startPage(issuer, port, defaults, onRejectedToken) {
  /** @type {State} */
  const state = { outage: null, rotations: 0, ...defaults }
  const server = createServer(async (request, response) => {
    const { status, type, body } = await handleRequest(request, issuer, state).catch((error) => {
      const isExpected = error.code === 'invalid_options' || error instanceof HttpError || error instanceof SendError
      const reason = isExpected ? error.message : 'Internal error'
      // Otherwise, other sites could write to the terminal.
      if (TOKEN_ROUTES.includes(pathOf(request)) && isForDevHost(request) && isOwnRequest(request))
        onRejectedToken(`${request.method} ${request.url}`, reason)
      return json({ error: reason }, isExpected ? (error.status ?? 400) : 500)
    })
    response.writeHead(status, { ...SECURITY_HEADERS, Server: DEV_PAGE, 'Content-Type': type }).end(body)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const addressInfo = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://${addressInfo.address}:${addressInfo.port}`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {TestIssuer} issuer
 * @param {State} state
 * @returns {Promise<{ status: number, type: string, body: string | Buffer }>}
 */
async function handleRequest(request, issuer, state) {
  const { host = '', origin } = request.headers
  if (!isForDevHost(request)) throw new HttpError(403, 'This page is only available on this machine')
  const path = pathOf(request)
  if (request.method === 'GET') {
    if (path === '/api/state') return json(issuerState(issuer, state))
    if (path === '/token')
      return {
        status: 200,
        type: 'text/plain',
        body: createTokenFor(state, tokenOptionsFromQuery(request), issuer).token,
      }
    const file = STATIC_FILES[path]
    if (!file) throw new HttpError(404, 'Not found')
    return { status: 200, ...file }
  }
  const action = Object.hasOwn(POST_ROUTES, path) ? POST_ROUTES[path] : undefined
  if (request.method !== 'POST' || action === undefined) throw new HttpError(404, 'Not found')
  // Prevents CSRF: a form on another site cannot send JSON, and a script on another site sends an `Origin` header.
  if (origin !== undefined && origin !== `http://${host}`)
    throw new HttpError(403, 'This page is only available on this machine')
  if (request.headers['content-type']?.split(';')[0] !== 'application/json')
    throw new HttpError(415, 'Send application/json')
  return json(await action(await readBody(request), issuer, state))
}

/**
 * Creates a token, by default for the application's audience.
 *
 * @param {State} state
 * @param {Record<string, any>} options
 * @param {TestIssuer} issuer
 */
const createTokenFor = ({ audience, tokenLifetime }, options, issuer) => {
  const lifetime = options.kind === 'id' ? {} : { expiresIn: tokenLifetime }
  return createToken({ audience, ...lifetime, ...options }, issuer)
}

/** @type {Record<string, (body: any, issuer: TestIssuer, state: any) => any>} */
const POST_ROUTES = {
  '/api/tokens': (options, issuer, state) => createTokenFor(state, options, issuer),
  '/api/rotation': async (options, issuer, state) => {
    await issuer.rotateKeys(options)
    state.rotations += 1
    return issuerState(issuer, state)
  },
  '/api/logout': sendLogoutToken,
  '/api/webhook': sendWebhook,
  '/api/outage': ({ mode }, issuer, state) => {
    issuer.setOutage(mode)
    state.outage = mode
    return issuerState(issuer, state)
  },
}

/**
 * @param {TestIssuer} issuer
 * @param {State} state
 */
function issuerState({ logtoUrl, issuer, jwksUri, jwksRequests, mint }, state) {
  const { alg, kid } = headerOf(mint())
  return { logtoUrl, issuer, jwksUri, jwksRequests, key: { alg, kid }, ...state }
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @returns {Promise<Record<string, any>>}
 */
async function readBody(request) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_BODY_LENGTH) throw new HttpError(413, 'Request body is too long')
  }
  try {
    const body = JSON.parse(text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body
  } catch {
    // Invalid JSON causes the same error as JSON that is not an object.
  }
  throw new HttpError(400, 'Send a JSON object')
}

/**
 * @param {unknown} value
 * @param {number} [status]
 */
const json = (value, status = 200) => ({ status, type: 'application/json; charset=utf-8', body: JSON.stringify(value) })

/**
 * @param {string} name
 * @param {string} type
 */
const staticFile = (name, type) => ({
  type: `${type}; charset=utf-8`,
  body: readFileSync(join(__dirname, 'page', name)),
})

/** @type {Record<string, { type: string, body: Buffer }>} */
const STATIC_FILES = {
  '/': staticFile('index.html', 'text/html'),
  '/page.js': staticFile('page.js', 'text/javascript'),
  '/style.css': staticFile('style.css', 'text/css'),
}

const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

module.exports = { startPage }
