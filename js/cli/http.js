/** Sends a diagnostic GET request, and returns the response, and the certificate and the time of the server. */

const http = require('node:http')
const https = require('node:https')
const tls = require('node:tls')
const { contract } = require('../core/contract')

/** The maximum length of a response body. The core rejects longer key sets. */
const MAX_BODY_LENGTH = contract().limits.jwksBytes

/**
 * @typedef {{ issuer: string, until: Date, from: Date, problem: string | null }} Certificate
 * @typedef {{ status: number, headers: http.IncomingHttpHeaders, body: string, certificate: Certificate | null,
 *   clock: { serverTime: number, localTime: number } | null }} Answer
 */

/**
 * Reads the response even if the server's certificate is invalid, so that `doctor` can explain the problem. The
 * response is not trusted: the core fetches the keys itself. As in the core, redirects are not followed.
 *
 * @param {URL} url
 * @param {{ proxy: URL | null, timeout: number }} options
 * @returns {Promise<Answer>}
 */
async function get(url, { proxy, timeout }) {
  const signal = AbortSignal.timeout(timeout)
  const headers = { Accept: 'application/json', Host: url.host }
  try {
    if (url.protocol === 'http:') {
      const target = proxy ?? url
      const path = proxy ? url.href : `${url.pathname}${url.search}`
      return await readResponse(
        http.request(target, { headers: { ...headers, ...proxyAuthorization(proxy) }, signal, path, agent: false }),
        null,
      )
    }
    const socket = proxy ? await openTunnel(url, proxy, signal) : undefined
    const tlsSocket = tls.connect({
      host: hostOf(url),
      port: Number(url.port || 443),
      socket,
      servername: /[a-z]/i.test(hostOf(url)) ? hostOf(url) : '',
      rejectUnauthorized: false,
    })
    signal.addEventListener('abort', () => tlsSocket.destroy(signal.reason))
    /** @type {Certificate | null} */
    let certificate = null
    tlsSocket.once('secureConnect', () => {
      certificate = certificateOf(tlsSocket)
    })
    const request = https.request(url, { headers, signal, createConnection: () => tlsSocket })
    return { ...(await readResponse(request, tlsSocket)), certificate }
  } catch (error) {
    if (signal.aborted) throw new Error(`no response within ${timeout} ms`)
    throw error
  }
}

/**
 * @param {http.ClientRequest} request
 * @param {tls.TLSSocket | null} socket
 * @returns {Promise<Answer>}
 */
function readResponse(request, socket) {
  return new Promise((resolve, reject) => {
    const started = Date.now()
    socket?.once('error', reject)
    // After switching protocols (101), a server sends no final response, and keeps the connection open until the client
    // closes it.
    request.once('upgrade', (_, upgraded) => {
      upgraded.destroy()
      reject(new Error('the server switched to another protocol'))
    })
    request.once('error', reject).once('response', async (response) => {
      try {
        const localTime = (started + Date.now()) / 2
        const serverTime = Date.parse(String(response.headers.date))
        let body = ''
        for await (const chunk of response.setEncoding('utf8')) {
          body += chunk
          if (body.length > MAX_BODY_LENGTH) break
        }
        const clock = Number.isNaN(serverTime) ? null : { serverTime, localTime }
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, certificate: null, clock })
      } catch (error) {
        reject(error)
      }
    })
    request.end()
  })
}

/**
 * Opens a tunnel through a proxy (RFC 9110 section 9.3.6).
 *
 * @param {URL} url
 * @param {URL} proxy
 * @param {AbortSignal} signal
 * @returns {Promise<import('node:net').Socket>}
 */
function openTunnel(url, proxy, signal) {
  const target = `${url.hostname}:${url.port || 443}`
  const { request } = proxy.protocol === 'https:' ? https : http
  return new Promise((resolve, reject) => {
    const connectRequest = request(proxy, {
      method: 'CONNECT',
      path: target,
      headers: { Host: target, ...proxyAuthorization(proxy) },
      signal,
      agent: false,
    })
    connectRequest.once('error', (error) => reject(new Error(`the proxy: ${error.message}`, { cause: error })))
    connectRequest.once('connect', (response, socket) => {
      if (response.statusCode === 200) return resolve(socket)
      socket.destroy()
      reject(new Error(`the proxy responded with ${response.statusCode}`))
    })
    connectRequest.end()
  })
}

/**
 * @param {URL | null} proxy
 * @returns {Record<string, string>}
 */
function proxyAuthorization(proxy) {
  if (!proxy?.username) return {}
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return { 'Proxy-Authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }
}

/** @param {URL} url */
const hostOf = (url) => url.hostname.replace(/^\[|\]$/g, '')

/**
 * @param {tls.TLSSocket} socket
 * @returns {Certificate | null}
 */
function certificateOf(socket) {
  const { issuer, valid_from: from, valid_to: until } = socket.getPeerCertificate()
  if (from === undefined) return null
  const name = issuer.O ?? issuer.CN ?? 'unknown'
  const { authorizationError } = /** @type {{ authorizationError?: Error | string }} */ (socket)
  const problem = authorizationError ? String(/** @type {any} */ (authorizationError).code ?? authorizationError) : null
  return { issuer: [name].flat().join(', '), from: new Date(from), until: new Date(until), problem }
}

/**
 * Parses a JSON object or array. Returns null for invalid JSON and for primitive values.
 *
 * @param {string} text
 * @returns {any}
 */
function parseJsonObject(text) {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

module.exports = { get, parseJsonObject }
