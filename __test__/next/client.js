/** An HTTP client that sends paths and headers unchanged, including those that `fetch` would normalize or reject. */

const { once } = require('node:events')
const { request } = require('node:http')

/** Makes a test whose response never comes fail before the suite's timeout cancels all other tests. */
const TIMEOUT = 100_000

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {string[]} cookies The values of `Set-Cookie`.
 * @property {string} text
 */

/** A header with a list of values is sent once per value. @type {(origin: string, path: string, init?: any) => Promise<Answer>} */
const ask = async (origin, path, { method = 'GET', headers = {}, body } = {}) => {
  const { hostname, port, host } = new URL(origin)
  const all = {
    host,
    connection: 'close',
    ...headers,
    ...(body !== undefined && { 'content-length': `${Buffer.byteLength(body)}` }),
  }
  const raw = Object.entries(all).flatMap(([name, value]) => [value].flat().flatMap((item) => [name, item]))
  const signal = AbortSignal.timeout(TIMEOUT)
  const sent = request({ hostname, port, path, method, headers: raw, agent: false, signal })
  sent.end(body)
  const [received] = await once(sent, 'response')
  let text = ''
  for await (const part of received.setEncoding('utf8')) text += part
  return { status: received.statusCode, headers: received.headers, cookies: received.headers['set-cookie'] ?? [], text }
}

module.exports = { ask }
