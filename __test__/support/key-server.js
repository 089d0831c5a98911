/** A server of key sets, over HTTP or HTTPS, that answers in every way a test wants, also in hostile ones. */

const { EventEmitter, once } = require('node:events')
const http = require('node:http')
const https = require('node:https')
const { randomUUID } = require('node:crypto')
const { brotliCompressSync, gzipSync } = require('node:zlib')
const { createKey } = require('./keys')

/**
 * @typedef {(request: http.IncomingMessage, response: http.ServerResponse) => void} Answer
 * @typedef {import('./keys').Key} Key
 * @typedef {Awaited<ReturnType<typeof startKeyServer>>} KeyServer
 */

/**
 * Closed when the test is over. It has a path of its own, because a later server may get the same port in the same
 * process, where the library knows key sets by their address.
 *
 * @param {{ after(close: () => unknown): void }} t
 * @param {{ keys?: Key[], answer?: Answer, tls?: https.ServerOptions, host?: string }} [options]
 */
async function startKeyServer(t, { keys = [createKey()], answer = keySet(keys), tls, host = '127.0.0.1' } = {}) {
  const arrivals = new EventEmitter()
  /** @type {http.IncomingMessage[]} */
  const requests = []
  /** @type {http.RequestListener} */
  const listener = (request, response) => {
    requests.push(request)
    arrivals.emit('request')
    return state.answer(request, response)
  }
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  // Connections last as long as the client keeps them.
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
    /** What the next request gets. */
    answer,
    /** Every request so far, answered or not. */
    requests,
    /**
     * When so many requests in all have arrived.
     *
     * @param {number} count
     */
    async requested(count) {
      while (requests.length < count) await once(arrivals, 'request')
    },
    /** For what is wrong before there is a request. */
    server,
    /** Ends connections that are kept for a next request. */
    dropIdle: () => server.closeIdleConnections(),
    close,
  }
  return state
}

/**
 * These keys, as Logto serves them.
 *
 * @param {Key[]} keys
 * @param {http.OutgoingHttpHeaders} [headers]
 * @returns {Answer}
 */
const keySet = (keys, headers) => text(200, JSON.stringify({ keys: keys.map((key) => key.jwk) }), headers)

/**
 * These keys under an `ETag`, and 304 for who knows it.
 *
 * @param {Key[]} keys
 * @param {string} etag
 * @returns {Answer}
 */
const revalidated = (keys, etag) => (request, response) => {
  if (request.headers['if-none-match'] === etag) return response.writeHead(304, { ETag: etag }).end()
  return keySet(keys, { ETag: etag })(request, response)
}

/**
 * @param {number} status
 * @param {string | Buffer} [body]
 * @param {http.OutgoingHttpHeaders} [headers]
 * @returns {Answer}
 */
function text(status, body = '', headers = {}) {
  const all = { 'Content-Type': 'application/jwk-set+json; charset=utf-8', ...headers }
  return (_, response) => response.writeHead(status, all).end(body)
}

/**
 * The same answer, but only once it is released.
 *
 * @param {Answer} answer
 */
function held(answer) {
  /** @type {(() => Promise<unknown>)[]} */
  const waiting = []
  return {
    /** @type {Answer} */
    answer: (request, response) => {
      waiting.push(() => {
        const finished = once(response, 'finish')
        answer(request, response)
        return finished
      })
    },
    /** Answers every request so far; a promise of when that is done. */
    release: () => Promise.all(waiting.splice(0).map((answerNow) => answerNow())),
  }
}

/** @type {Answer} */
const hanging = () => {}

/**
 * A byte at a time, for ever.
 *
 * @param {(response: http.ServerResponse) => void} drip
 * @returns {Answer}
 */
const dripping = (drip) => (_, response) => {
  const timer = setInterval(drip, 20, response)
  response.once('close', () => clearInterval(timer))
}

/** @type {Answer} */
const drippingBody = dripping((response) => response.write(' '))

/** @type {Answer} */
const drippingHeaders = (_, response) => {
  response.socket?.write('HTTP/1.1 200 OK\r\nX-Long: ')
  dripping(() => response.socket?.write('x'))(_, response)
}

/** Interim answers (RFC 9110 section 15.2), for ever. @type {Answer} */
const drippingInterim = dripping((response) => response.writeContinue())

/**
 * What is not even HTTP, or breaks its rules.
 *
 * @param {string} bytes
 * @returns {Answer}
 */
const raw = (bytes) => (_, response) => response.socket?.end(bytes)

/** As much as the client reads. @type {Answer} */
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

/** @param {number} megabytes */
const gzipBomb = (megabytes) =>
  text(200, gzipSync(Buffer.alloc(megabytes * 1024 * 1024, ' ')), { 'Content-Encoding': 'gzip' })

/** @param {Key[]} keys */
const gzipped = (keys) =>
  text(200, gzipSync(JSON.stringify({ keys: keys.map((key) => key.jwk) })), { 'Content-Encoding': 'gzip' })

/** @param {Key[]} keys */
const brotli = (keys) =>
  text(200, brotliCompressSync(JSON.stringify({ keys: keys.map((key) => key.jwk) })), { 'Content-Encoding': 'br' })

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
  text,
}
