/** A JWKS endpoint over HTTP or HTTPS whose response a test chooses, including hostile ones. */

const { EventEmitter, once } = require('node:events')
const http = require('node:http')
const https = require('node:https')
const { randomUUID } = require('node:crypto')
const { brotliCompressSync, gzipSync } = require('node:zlib')
const { AUDIENCE, createKey, encode } = require('./tokens')

/**
 * @typedef {(request: http.IncomingMessage, response: http.ServerResponse) => void} Answer
 * @typedef {import('./tokens').Key} Key
 * @typedef {Awaited<ReturnType<typeof startKeyServer>>} KeyServer
 */

/**
 * Closes with its test. The path is unique, because a later server in the same process may get the same port, and the
 * library caches key sets by URL.
 *
 * @param {any} t
 * @param {{ keys?: Key[], answer?: Answer, tls?: https.ServerOptions, host?: string }} [options]
 */
async function startKeyServer(t, { keys = [createKey()], answer = keySet(keys), tls, host = '127.0.0.1' } = {}) {
  const arrivals = new EventEmitter()
  const requests = []
  const listener = (request, response) => {
    requests.push(request)
    arrivals.emit('request')
    return state.answer(request, response)
  }
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  // Connections stay open as long as the client keeps them.
  server.keepAliveTimeout = 0
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  t.after(close)

  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const logtoUrl = `${tls ? 'https' : 'http'}://${host}:${port}/${randomUUID()}`
  const issuer = `${logtoUrl}/oidc`
  const state = {
    logtoUrl,
    issuer,
    jwksUri: `${issuer}/jwks`,
    port,
    key: keys[0],
    /** What verifiers need to accept this server's tokens. */
    options: { logtoUrl, audience: AUDIENCE },
    /** The response to the next request. */
    answer,
    /** Every request so far, including those without a response. */
    requests,
    /** Resolves when this many requests have arrived in total. */
    async requested(count) {
      while (requests.length < count) await once(arrivals, 'request')
    },
    /** The TCP connection, for faults below HTTP. */
    server,
    /** Closes keep-alive connections. */
    dropIdle: () => server.closeIdleConnections(),
    close,
  }
  return state
}

/** A key server and a verifier of its tokens. */
async function startVerifier(t, options, serving) {
  const server = await startKeyServer(t, serving)
  const { createVerifier } = require('logto-authkit')
  return { server, verifier: createVerifier({ ...server.options, ...options }) }
}

/** Publishes keys like Logto: RSA keys have no `alg`. */
const published = (keys) =>
  JSON.stringify({
    keys: keys.map(({ alg, jwk }) => (jwk.kty === 'RSA' ? { use: 'sig', ...jwk } : { use: 'sig', alg, ...jwk })),
  })

/** Responds with these keys. */
const keySet = (keys, headers) => text(200, published(keys), headers)

/** Responds with these keys and an `ETag`, or with 304 if the request names that `ETag`. */
const revalidated = (keys, etag) => (request, response) => {
  if (request.headers['if-none-match'] === etag) return response.writeHead(304, { ETag: etag }).end()
  return keySet(keys, { ETag: etag })(request, response)
}

function text(status, /** @type {string | Buffer} */ body = '', headers = {}) {
  const all = { 'Content-Type': 'application/jwk-set+json; charset=utf-8', ...headers }
  return (_, response) => response.writeHead(status, all).end(body)
}

/** Delays the response until it is released. */
function held(answer) {
  const waiting = []
  return {
    answer: (request, response) => {
      waiting.push(() => {
        const finished = once(response, 'finish')
        answer(request, response)
        return finished
      })
    },
    /** Responds to every request so far, and resolves when the responses have been sent. */
    release: () => Promise.all(waiting.splice(0).map((answerNow) => answerNow())),
  }
}

const hanging = () => {}

/** Sends one byte at a time, forever. */
const dripping = (drip) => (_, response) => {
  const timer = setInterval(drip, 20, response)
  response.once('close', () => clearInterval(timer))
}

const drippingBody = dripping((response) => response.write(' '))

const drippingHeaders = (_, response) => {
  response.socket?.write('HTTP/1.1 200 OK\r\nX-Long: ')
  dripping(() => response.socket?.write('x'))(_, response)
}

/** Sends interim responses (RFC 9110 section 15.2) forever. */
const drippingInterim = dripping((response) => response.writeContinue())

/** Sends bytes that are not HTTP, or that break its rules. */
const raw = (bytes) => (_, response) => response.socket?.end(bytes)

/** Sends as much as the client reads. */
function flooding(_, response) {
  const chunk = Buffer.alloc(64 * 1024, ' ')
  response.writeHead(200, { 'Content-Type': 'application/json' })
  const pour = () => {
    while (!response.closed && response.write(chunk)) {}
  }
  response.on('drain', pour)
  pour()
}

/** @type {Answer} */
function resetting(request) {
  request.socket.resetAndDestroy()
}

const gzipBomb = (megabytes) =>
  text(200, gzipSync(Buffer.alloc(megabytes * 1024 * 1024, ' ')), { 'Content-Encoding': 'gzip' })

const gzipped = (keys) => text(200, gzipSync(published(keys)), { 'Content-Encoding': 'gzip' })

const brotli = (keys) => text(200, brotliCompressSync(published(keys)), { 'Content-Encoding': 'br' })

/**
 * Tokens with kids that no key set contains. They were issued before any key set was fetched, so that their keys cannot
 * be new, and they share one signature to save time.
 */
function tokensOfUnknownKeys(server, count) {
  const iat = Math.floor(Date.now() / 1000) - 60
  const [, payload, signature] = server.key.sign(server.issuer, { claims: { iat } }).split('.')
  return Array.from({ length: count }, () => {
    const header = { alg: 'ES256', typ: 'at+jwt', kid: randomUUID() }
    return `${encode(header)}.${payload}.${signature}`
  })
}

module.exports = {
  brotli,
  drippingBody,
  drippingHeaders,
  drippingInterim,
  flooding,
  gzipBomb,
  gzipped,
  hanging,
  held,
  keySet,
  raw,
  resetting,
  revalidated,
  startKeyServer,
  startVerifier,
  text,
  tokensOfUnknownKeys,
}
