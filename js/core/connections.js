/**
 * Keeps track of pending verifications per connection. If a client disconnects, its verifications are cancelled,
 * because nobody would receive the responses. A connection with many pending verifications is not read until the
 * verifications are done, so that pipelining clients can neither fill the queue of signature checks nor keep the event
 * loop from serving other connections.
 */

const native = require('./addon')
const { callAfterEventLoopTurn } = require('./timers')

/**
 * The number of pending verifications at which the library stops reading a connection. Browsers and proxies wait for
 * each response, so only clients that pipeline requests have several pending verifications per connection.
 */
const MAX_PENDING_VERIFICATIONS = 8

/** @typedef {{ ids: Set<number>, isPaused: boolean }} PendingVerifications */

/** The pending verifications of each connection. @type {WeakMap<object, PendingVerifications>} */
const verificationsByConnection = new WeakMap()

/** Paused connections that are waiting to be resumed. @type {any[]} */
const connectionsToResume = []

/**
 * Keeps track of a pending verification until its outcome is known.
 *
 * @param {any} source - The framework's request object, or a Fetch API `Request`.
 * @param {number} id - The id of the verification.
 * @param {Promise<unknown>} outcome
 */
function trackVerification(source, id, outcome) {
  const connection = connectionOf(source)
  if (connection === undefined) return
  const pending = pendingVerificationsOf(connection)
  pending.ids.add(id)
  if (pending.ids.size >= MAX_PENDING_VERIFICATIONS) pauseReading(connection, pending)
  const forget = () => {
    pending.ids.delete(id)
    if (pending.ids.size === 0 && pending.isPaused) resumeReading(connection)
  }
  outcome.then(forget, forget)
}

/**
 * Stops reading from the connection of a rejected request until Node.js has read from the other connections. Called
 * when too many verifications are pending.
 *
 * @param {any} source
 */
function yieldToOtherConnections(source) {
  const connection = connectionOf(source)
  if (connection === undefined) return
  const pending = pendingVerificationsOf(connection)
  const wasPaused = pending.isPaused
  pauseReading(connection, pending)
  if (!wasPaused && pending.ids.size === 0) resumeReading(connection)
}

/** @type {(connection: any) => PendingVerifications} */
function pendingVerificationsOf(connection) {
  let pending = verificationsByConnection.get(connection)
  if (pending === undefined) {
    const ids = /** @type {Set<number>} */ (new Set())
    pending = { ids, isPaused: false }
    verificationsByConnection.set(connection, pending)
    onDisconnect(connection, () => native.cancel([...ids]))
  }
  return pending
}

/**
 * Stops reading a socket. `socket.pause()` would have no effect while Node's HTTP parser reads the socket directly.
 * HTTP/2 streams are not sockets, and HTTP/2 has flow control of its own.
 *
 * @type {(connection: any, pending: PendingVerifications) => void}
 */
function pauseReading(connection, pending) {
  if (typeof connection._handle?.readStop !== 'function') return
  // The socket is paused again for every request, because Node resumes reading after every response.
  connection._handle.readStop()
  pending.isPaused = true
}

/**
 * Resumes reading a socket in a later turn of the event loop. Only one socket is resumed per turn, because reading a
 * socket with a hundred pipelined requests takes up to 20 ms, during which other connections have to wait.
 *
 * @param {any} connection
 */
function resumeReading(connection) {
  if (connectionsToResume.push(connection) === 1) callAfterEventLoopTurn(resumeNextConnection)
}

function resumeNextConnection() {
  const connection = connectionsToResume.shift()
  if (connectionsToResume.length > 0) callAfterEventLoopTurn(resumeNextConnection)
  const pending = verificationsByConnection.get(connection)
  if (pending !== undefined) pending.isPaused = false
  // If the client does not read the responses, or the application does not read a request body, Node has also stopped
  // reading, and will resume on its own. Resuming a socket that Node has paused would cause a parse error or use up the
  // memory.
  const handle = connection._handle
  if (handle?.reading !== false) handle?.readStart()
}

/**
 * Returns the connection of a request, which is a socket, an HTTP/2 stream, or the `signal` of a Fetch API `Request`.
 * Frameworks keep the original request in `raw` (Fastify), `raw.req` (Hapi), `req.raw` (Hono) or `req` (Koa). The
 * original request is examined first, because the framework's own request may have only the `socket` of an HTTP/2
 * request, which represents the connection that all streams share.
 *
 * @param {any} source
 * @returns {any}
 */
function connectionOf(source) {
  for (const request of [source.raw, source.raw?.req, source.req?.raw, source.req, source]) {
    const connection = request?.stream ?? request?.socket ?? request?.signal
    if (typeof connection?.once === 'function' || typeof connection?.addEventListener === 'function') return connection
  }
  return undefined
}

/** @type {(connection: any, cancel: () => void) => void} */
function onDisconnect(connection, cancel) {
  // A connection gets a single listener, even if it carries many requests.
  if (typeof connection.once === 'function') connection.once('close', cancel)
  else connection.addEventListener('abort', cancel, { once: true })
}

module.exports = { trackVerification, yieldToOtherConnections }
