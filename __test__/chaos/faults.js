/** Faults of a key server. Each function creates the faulty responses of a server with the given keys. */

const {
  drippingBody,
  drippingHeaders,
  drippingInterim,
  gzipBomb,
  hanging,
  raw,
  resetting,
  text,
} = require('../support/key-server')
const { createKey } = require('../support/tokens')

/**
 * @typedef {import('../support/key-server').Answer} Answer
 * @typedef {{ keys: import('../support/tokens').Key[], healthy: Answer }} Healthy
 */

/** A page such as a login wall or a mistyped URL shows. */
const PAGE = '<!doctype html><title>Sign in</title><form></form>'

const bomb = gzipBomb(100)

/** @type {[string, (healthy: Healthy) => Answer][]} */
const FAULTS = [
  ['resets the connection', () => resetting],
  ['closes the connection without a response', () => raw('')],
  ['hangs', () => hanging],
  ['drips headers', () => drippingHeaders],
  ['drips interim responses', () => drippingInterim],
  ['drips the body', () => drippingBody],
  ['truncates the body', ({ keys }) => truncated(keys)],
  ['truncates a chunk', () => raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"keys":[')],
  ['sends a Content-Length that is too large', () => raw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"keys":[]}')],
  ['sends a wrong Content-Encoding', ({ keys }) => text(200, json(keys), { 'Content-Encoding': 'gzip' })],
  ['sends 304 to an unconditional request', () => (_, response) => response.writeHead(304).end()],
  ['sends an empty key set', () => text(200, '{"keys":[]}')],
  ['sends too many keys', () => text(200, json(Array(65).fill(createKey())))],
  ['sends JSON that is not a key set', () => text(200, '{"error":"try later"}')],
  ['sends HTML', () => text(200, PAGE, { 'Content-Type': 'text/html' })],
  ['sends something other than HTTP', () => raw('\x16\x03\x01 SSH-2.0 \0\r\n\r\n')],
  ['responds with 404', () => text(404)],
  ['responds with 429', () => text(429, '', { 'Retry-After': '3600' })],
  ['responds with 500', () => text(500)],
  ['responds with 503 and the keys', ({ keys }) => text(503, json(keys))],
  ['redirects', () => (request, response) => redirect(request, response)],
  ['sends 100 MB', () => hundredMegabytes],
  ['sends 100 MB, gzipped', () => bomb],
  ['fails every other request', ({ healthy }) => flapping(healthy)],
]

const json = (keys) => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })

function truncated(keys) {
  const body = json(keys)
  return raw(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -10)}`)
}

/** Redirects to the same server, which would send a key set. */
const redirect = (request, response) => response.writeHead(302, { Location: `${request.url}?again` }).end()

/** The most bytes that a client has read from the 100 MB response. */
const served = { maxBytes: 0 }

function hundredMegabytes(_, response) {
  const chunk = Buffer.alloc(64 * 1024, ' ')
  response.writeHead(200, { 'Content-Length': 1600 * chunk.length })
  let left = 1600
  const { socket } = response
  const pour = () => {
    while (left > 0 && !response.destroyed) {
      left -= 1
      if (!response.write(chunk)) return
    }
    if (left === 0) response.end()
  }
  response.on('drain', pour)
  response.once('close', () => {
    served.maxBytes = Math.max(served.maxBytes, socket?.bytesWritten ?? 0)
  })
  pour()
}

function flapping(healthy) {
  /** The URLs whose next request succeeds. Each client has its own URL. */
  const up = new Set()
  return (request, response) => {
    if (up.delete(request.url)) return healthy(request, response)
    up.add(request.url)
    return resetting(request, response)
  }
}

module.exports = { FAULTS, served }
