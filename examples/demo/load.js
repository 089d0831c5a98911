const { once } = require('node:events')
const { Agent, createServer, request } = require('node:http')
const { createVerifier } = require('logto-authkit')
const { ORDERS } = require('./identity-server.js')

const CLIENTS = 16
/** How long each part runs, in milliseconds. */
const DURATION = 1500
/** The TTL is short, so that the key set expires several times during the outage. */
const JWKS_TTL = 200

/**
 * Sends requests with valid tokens to an API, while the signing key is rotated and while the identity server is down.
 *
 * @param {import('./identity-server.js').IdentityServer} server
 */
async function loadRows(server) {
  const verifier = createVerifier({ logtoUrl: server.logtoUrl, audience: ORDERS, jwksCacheTtlMs: JWKS_TTL })
  const api = createServer((req, res) =>
    verifier.verify(req).then(
      ({ userId }) => res.end(userId),
      ({ status, code }) => res.writeHead(status).end(code),
    ),
  )
  await once(api.listen(0, '127.0.0.1'), 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (api.address())
  const tokens = [await server.requestToken(ORDERS, 'read:orders')]

  const rotation = await underLoad(port, tokens, async (elapsed) => {
    await elapsed(0.3)
    await server.rotateKey()
    // From now on, half of the requests use a token that is signed with the new key.
    tokens.push(await server.requestToken(ORDERS, 'read:orders'))
  })
  const outage = await underLoad(port, tokens, async (elapsed) => {
    await elapsed(0.2)
    server.setDown(true)
    await elapsed(0.8)
    server.setDown(false)
  })
  const { failures } = verifier.stats().jwks
  api.closeAllConnections()
  await new Promise((resolve) => api.close(() => resolve(undefined)))
  return [
    rowOf('Key rotation', rotation, ''),
    rowOf('Outage of the identity server', outage, ''),
    {
      name: 'Failed key fetches during the outage',
      expected: 'some',
      got: String(failures),
      ok: failures > 0,
      detail: '',
    },
  ]
}

/**
 * @param {string} name
 * @param {{ sent: number, lost: string[] }} result
 * @param {string} detail
 */
function rowOf(name, { sent, lost }, detail) {
  const got = `${lost.length} of ${sent.toLocaleString('en')} requests lost`
  return { name, expected: '0 lost', got, ok: lost.length === 0 && sent > CLIENTS, detail: lost[0] ?? detail }
}

/**
 * @param {number} port
 * @param {string[]} tokens - Tokens may be added while the load runs.
 * @param {(elapsed: (part: number) => Promise<void>) => Promise<void>} incident
 */
async function underLoad(port, tokens, incident) {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  const start = performance.now()
  let [sent, isOver] = [0, false]
  /** @type {string[]} */
  const lost = []
  const client = async () => {
    while (!isOver) {
      sent += 1
      const answer = await send(agent, port, tokens[sent % tokens.length])
      if (answer !== null) lost.push(answer)
    }
  }
  const elapsed = (/** @type {number} */ part) =>
    new Promise((resolve) => setTimeout(() => resolve(undefined), start + part * DURATION - performance.now()))
  const clients = Array.from({ length: CLIENTS }, client)
  await incident(elapsed)
  await elapsed(1)
  isOver = true
  await Promise.all(clients)
  agent.destroy()
  return { sent, lost }
}

/**
 * Returns `null`, or why the request was lost.
 *
 * @param {Agent} agent
 * @param {number} port
 * @param {string} token
 * @returns {Promise<string | null>}
 */
async function send(agent, port, token) {
  try {
    const sent = request({ agent, port, host: '127.0.0.1', headers: { authorization: `Bearer ${token}` } }).end()
    const [response] = await once(sent, 'response')
    let body = ''
    for await (const chunk of response.setEncoding('utf8')) body += chunk
    return response.statusCode === 200 ? null : `${response.statusCode} ${body}`
  } catch (error) {
    return String(error)
  }
}

module.exports = { loadRows }
