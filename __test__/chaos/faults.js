/** What a key server does wrong. Each makes the answers of a server that has those keys. */

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
const { createKey } = require('../support/keys')

/**
 * @typedef {import('../support/key-server').Answer} Answer
 * @typedef {{ keys: import('../support/keys').Key[], healthy: Answer }} Healthy
 */

/** A page, as a login wall or a mistyped address gives. */
const PAGE = '<!doctype html><title>Sign in</title><form></form>'

const bomb = gzipBomb(100)

/** @type {[string, (healthy: Healthy) => Answer][]} */
const FAULTS = [
  ['resets the connection', () => resetting],
  ['closes it without a word', () => raw('')],
  ['hangs', () => hanging],
  ['drips headers', () => drippingHeaders],
  ['drips interim answers', () => drippingInterim],
  ['drips the body', () => drippingBody],
  ['breaks off in the middle', ({ keys }) => truncated(keys)],
  ['breaks off a chunk', () => raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"keys":[')],
  ['says it is longer than it is', () => raw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"keys":[]}')],
  ['says it is gzip, which it is not', ({ keys }) => text(200, json(keys), { 'Content-Encoding': 'gzip' })],
  ['says 304 to who has nothing', () => (_, response) => response.writeHead(304).end()],
  ['says it has no keys', () => text(200, '{"keys":[]}')],
  ['says too many keys', () => text(200, json(Array(65).fill(createKey())))],
  ['says what is no key set', () => text(200, '{"error":"try later"}')],
  ['answers HTML', () => text(200, PAGE, { 'Content-Type': 'text/html' })],
  ['answers what is no HTTP', () => raw('\x16\x03\x01 SSH-2.0 \0\r\n\r\n')],
  ['answers 404', () => text(404)],
  ['answers 429', () => text(429, '', { 'Retry-After': '3600' })],
  ['answers 500', () => text(500)],
  ['answers 503 with the keys', ({ keys }) => text(503, json(keys))],
  ['redirects', () => (request, response) => redirect(request, response)],
  ['serves 100 MB', () => hundredMegabytes],
  ['serves 100 MB, gzipped', () => bomb],
  ['flaps', ({ healthy }) => flapping(healthy)],
]

/** @type {(keys: import('../support/keys').Key[]) => string} */
const json = (keys) => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })

/** @type {(keys: import('../support/keys').Key[]) => Answer} */
function truncated(keys) {
  const body = json(keys)
  return raw(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -10)}`)
}

/** To itself, where an answer would be a key set. @type {Answer} */
const redirect = (request, response) => response.writeHead(302, { Location: `${request.url}?again` }).end()

/** How much of the hundred megabytes clients have read. */
const served = { mostBytes: 0 }

/** @type {Answer} */
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
    served.mostBytes = Math.max(served.mostBytes, socket?.bytesWritten ?? 0)
  })
  pour()
}

/** @type {(healthy: Answer) => Answer} */
function flapping(healthy) {
  /** Addresses whose next request is answered: each client has its own. @type {Set<string | undefined>} */
  const up = new Set()
  return (request, response) => {
    if (up.delete(request.url)) return healthy(request, response)
    up.add(request.url)
    return resetting(request, response)
  }
}

module.exports = { FAULTS, served }
