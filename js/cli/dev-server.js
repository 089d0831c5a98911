/** The page of `dev`, and what its buttons do. */

const { randomBytes } = require('node:crypto')
const { once } = require('node:events')
const { readFileSync } = require('node:fs')
const { createServer } = require('node:http')
const { join } = require('node:path')
const { parsed } = require('./checks')

/** @typedef {import('../testing/index').TestIssuer} TestIssuer */

/** A page elsewhere must not reach this one through a name of its own that leads to 127.0.0.1 (DNS rebinding). */
const HOSTS = ['127.0.0.1', 'localhost']

const LONGEST_BODY = 64 * 1024

/**
 * @param {TestIssuer} issuer
 * @param {number} port
 */
async function startPage(issuer, port) {
  const state = { outage: /** @type {import('../testing/index').OutageMode | null} */ (null), rotations: 0 }
  const server = createServer(async (request, response) => {
    const { status, type, body } = await answer(request, issuer, state).catch((error) =>
      error.code === 'invalid_options' || error instanceof Refused
        ? json({ error: error.message }, error.status ?? 400)
        : json({ error: 'Internal error' }, 500),
    )
    response.writeHead(status, { ...HEADERS, 'Content-Type': type }).end(body)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const bound = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://${bound.address}:${bound.port}`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

class Refused extends Error {
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
 * @param {{ outage: import('../testing/index').OutageMode | null, rotations: number }} state
 * @returns {Promise<{ status: number, type: string, body: string | Buffer }>}
 */
async function answer(request, issuer, state) {
  const { host = '', origin } = request.headers
  if (!HOSTS.includes(host.replace(/:\d+$/, ''))) throw new Refused(403, 'This page is for this machine only')
  const path = String(request.url).split('?')[0]
  if (request.method === 'GET') {
    if (path === '/api/state') return json(stateOf(issuer, state))
    const file = FILES[path]
    if (!file) throw new Refused(404, 'Not found')
    return { status: 200, ...file }
  }
  const act = Object.hasOwn(ACTIONS, path) ? ACTIONS[path] : undefined
  if (request.method !== 'POST' || act === undefined) throw new Refused(404, 'Not found')
  // Without both, any page in the browser could press the buttons (CSRF): a form sends no JSON, and a script says where it
  // is from.
  if (origin !== undefined && origin !== `http://${host}`) throw new Refused(403, 'This page is for this machine only')
  if (request.headers['content-type']?.split(';')[0] !== 'application/json')
    throw new Refused(415, 'Send application/json')
  return json(await act(await readBody(request), issuer, state))
}

/** @type {Record<string, (body: any, issuer: TestIssuer, state: any) => any>} */
const ACTIONS = {
  '/api/tokens': ({ kind = 'access', ...wanted }, issuer) => {
    if (kind === 'opaque') return { token: randomBytes(32).toString('base64url'), header: null, claims: null }
    const options = kind === 'id' ? idToken(wanted) : wanted
    const token = issuer.mint(options)
    const [header, claims] = token.split('.').map((part) => parsed(part))
    return { token, header, claims }
  },
  '/api/rotation': async (options, issuer, state) => {
    await issuer.rotateKeys(options)
    state.rotations += 1
    return stateOf(issuer, state)
  },
  '/api/outage': ({ mode }, issuer, state) => {
    issuer.setOutage(mode)
    state.outage = mode
    return stateOf(issuer, state)
  },
}

/**
 * What makes an ID token as Logto's are.
 *
 * @param {import('../testing/index').MintOptions} wanted
 */
const idToken = ({ sub, clientId = 'test-app', expiresIn }) => ({
  sub,
  expiresIn,
  audience: clientId,
  header: { typ: undefined },
  claims: { jti: undefined, scope: undefined, client_id: undefined },
})

/**
 * @param {TestIssuer} issuer
 * @param {{ outage: string | null, rotations: number }} state
 */
function stateOf({ logtoUrl, issuer, jwksUri, jwksRequests, mint }, { outage, rotations }) {
  const { alg, kid } = parsed(mint().split('.')[0])
  return { logtoUrl, issuer, jwksUri, jwksRequests, key: { alg, kid }, outage, rotations }
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @returns {Promise<Record<string, any>>}
 */
async function readBody(request) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > LONGEST_BODY) throw new Refused(413, 'Too long')
  }
  try {
    const body = JSON.parse(text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body
  } catch {
    // Said below.
  }
  throw new Refused(400, 'Send a JSON object')
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
const file = (name, type) => ({ type: `${type}; charset=utf-8`, body: readFileSync(join(__dirname, 'page', name)) })

/** @type {Record<string, { type: string, body: Buffer }>} */
const FILES = {
  '/': file('index.html', 'text/html'),
  '/page.js': file('page.js', 'text/javascript'),
  '/style.css': file('style.css', 'text/css'),
}

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

module.exports = { startPage }
