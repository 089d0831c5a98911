/** A GET to look at a server: what it answers, with which certificate, and what its clock says. */

const http = require('node:http')
const https = require('node:https')
const tls = require('node:tls')

/** Longest body that is read. A key set is not longer either. */
const LONGEST = 256 * 1024

/**
 * @typedef {{ issuer: string, until: Date, from: Date, problem: string | null }} Certificate
 * @typedef {{ status: number, headers: http.IncomingHttpHeaders, body: string, certificate: Certificate | null,
 *   clock: { theirs: number, ours: number } | null }} Answer
 */

/**
 * Nothing that comes back is believed: with a certificate that does not hold it is read all the same, so that it can be
 * said what is wrong with it. Redirects are not followed, as the core does not.
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
      const to = proxy ?? url
      const path = proxy ? url.href : `${url.pathname}${url.search}`
      return await answer(
        http.request(to, { headers: { ...headers, ...login(proxy) }, signal, path, agent: false }),
        null,
      )
    }
    const socket = proxy ? await tunnel(url, proxy, signal) : undefined
    const secured = tls.connect({
      host: hostOf(url),
      port: Number(url.port || 443),
      socket,
      servername: /[a-z]/i.test(hostOf(url)) ? hostOf(url) : '',
      rejectUnauthorized: false,
    })
    signal.addEventListener('abort', () => secured.destroy(signal.reason))
    /** @type {Certificate | null} */
    let certificate = null
    secured.once('secureConnect', () => {
      certificate = certificateOf(secured)
    })
    const request = https.request(url, { headers, signal, createConnection: () => secured })
    return { ...(await answer(request, secured)), certificate }
  } catch (error) {
    if (signal.aborted) throw new Error(`no answer within ${timeout} ms`)
    throw error
  }
}

/**
 * @param {http.ClientRequest} request
 * @param {tls.TLSSocket | null} socket
 * @returns {Promise<Answer>}
 */
function answer(request, socket) {
  return new Promise((resolve, reject) => {
    const started = Date.now()
    socket?.once('error', reject)
    request.once('error', reject).once('response', async (response) => {
      try {
        const ours = (started + Date.now()) / 2
        const theirs = Date.parse(String(response.headers.date))
        let body = ''
        for await (const chunk of response.setEncoding('utf8')) {
          body += chunk
          if (body.length > LONGEST) break
        }
        const clock = Number.isNaN(theirs) ? null : { theirs, ours }
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, certificate: null, clock })
      } catch (error) {
        reject(error)
      }
    })
    request.end()
  })
}

/**
 * A tunnel through a proxy (RFC 9110 section 9.3.6).
 *
 * @param {URL} url
 * @param {URL} proxy
 * @param {AbortSignal} signal
 * @returns {Promise<import('node:net').Socket>}
 */
function tunnel(url, proxy, signal) {
  const target = `${url.hostname}:${url.port || 443}`
  const { request } = proxy.protocol === 'https:' ? https : http
  return new Promise((resolve, reject) => {
    const asked = request(proxy, {
      method: 'CONNECT',
      path: target,
      headers: { Host: target, ...login(proxy) },
      signal,
      agent: false,
    })
    asked.once('error', (error) => reject(new Error(`the proxy: ${error.message}`, { cause: error })))
    asked.once('connect', (response, socket) => {
      if (response.statusCode === 200) return resolve(socket)
      socket.destroy()
      reject(new Error(`the proxy answered ${response.statusCode}`))
    })
    asked.end()
  })
}

/**
 * @param {URL | null} proxy
 * @returns {Record<string, string>}
 */
function login(proxy) {
  if (!proxy?.username) return {}
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return { 'Proxy-Authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
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

module.exports = { get }
