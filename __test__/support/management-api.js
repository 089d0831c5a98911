/** A fake of Logto's Management API: issues a token, and serves the delivery log of a webhook, newest first. */

const { once } = require('node:events')
const { createServer } = require('node:http')
const { listen } = require('./servers')
const { RECORDED } = require('./webhooks')

const CREDENTIALS = { clientId: 'machine', clientSecret: 'a/secret+value', hookId: 'hook-1' }

/** A log entry as Logto writes it after a delivery. Its JSON orders the members differently than the delivered body. */
const logEntry = (id, body, result = 'Error') => ({
  tenantId: 'default',
  id,
  key: `TriggerHook.${body.event}`,
  payload: {
    key: `TriggerHook.${body.event}`,
    result,
    hookId: CREDENTIALS.hookId,
    hookRequest: { body: reversed(body) },
  },
  createdAt: Date.parse(body.createdAt),
})

const reversed = (object) => Object.fromEntries(Object.entries(object).reverse())

/** The recorded deliveries, oldest first, as if all had failed. */
const recordedLogs = () => RECORDED.map(({ body }, i) => logEntry(`log-${i}`, JSON.parse(body)))

/** Starts the API. A test changes `logs` (oldest first) and `failure`, and counts requests. */
async function startManagementApi(t) {
  const api = {
    url: '',
    /** @type {any[]} */
    logs: [],
    /** Overrides the response: [status, body] for a path that ends with this. @type {Record<string, [number, string]>} */
    failures: {},
    tokens: 0,
    pages: 0,
    /** The last token request. @type {any} */
    tokenRequest: null,
    /** How long a token is valid, in seconds. */
    expiresIn: 3600,
    options: (more = {}) => ({ logtoUrl: api.url, everyMs: 1000, ...CREDENTIALS, ...more }),
    /** Resolves after the log has been read once more. */
    nextReading: () => once(server, 'reading'),
  }
  const server = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const { pathname, searchParams } = new URL(String(request.url), 'http://localhost')
    const respond = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    const failure = Object.entries(api.failures).find(([end]) => pathname.endsWith(end))
    if (failure !== undefined) {
      server.emit('reading')
      return respond(...failure[1])
    }
    if (pathname === '/oidc/token') {
      api.tokens += 1
      api.tokenRequest = {
        authorization: request.headers.authorization,
        body: Object.fromEntries(new URLSearchParams(String(Buffer.concat(chunks)))),
      }
      return respond(
        200,
        JSON.stringify({ access_token: `token-${api.tokens}`, expires_in: api.expiresIn, token_type: 'Bearer' }),
      )
    }
    if (pathname !== `/api/hooks/${CREDENTIALS.hookId}/recent-logs`) return respond(404, '{"code":"entity.not_found"}')
    if (request.headers.authorization !== `Bearer token-${api.tokens}`)
      return respond(401, '{"code":"auth.unauthorized"}')
    api.pages += 1
    const size = Number(searchParams.get('page_size') ?? 20)
    const start = (Number(searchParams.get('page') ?? 1) - 1) * size
    const page = api.logs.toReversed().slice(start, start + size)
    response.on('finish', () => server.emit('reading'))
    return respond(200, JSON.stringify(page))
  })
  api.url = await listen(t, server)
  return api
}

module.exports = { CREDENTIALS, logEntry, recordedLogs, startManagementApi }
