/** Cancels verifications whose clients have disconnected, so that no signature is checked for nobody. */

const native = require('./addon')

/** The pending verifications of each connection or request. @type {WeakMap<object, Set<number>>} */
const pendingIds = new WeakMap()

/**
 * Cancels a pending verification if the client of its request disconnects before `outcome` is known.
 *
 * @param {any} source - The framework's request object, or a Fetch API `Request`.
 * @param {number} id - The id of the verification.
 * @param {Promise<unknown>} outcome
 */
function cancelOnDisconnect(source, id, outcome) {
  const connection = connectionOf(source)
  if (connection === undefined) return
  let ids = pendingIds.get(connection)
  if (ids === undefined) {
    ids = new Set()
    pendingIds.set(connection, ids)
    onDisconnect(connection, () => native.cancel([.../** @type {Set<number>} */ (pendingIds.get(connection))]))
  }
  ids.add(id)
  const forget = () => pendingIds.get(connection)?.delete(id)
  outcome.then(forget, forget)
}

/**
 * Returns the connection of a request, which is a socket, an HTTP/2 stream, or the `signal` of a Fetch API `Request`. Frameworks
 * keep the original request in `raw` (Fastify), `req` (Koa) or `req.raw` (Hono).
 *
 * @param {any} source
 * @returns {any}
 */
function connectionOf(source) {
  for (const request of [source, source.raw, source.req, source.req?.raw]) {
    const connection = request?.stream ?? request?.socket ?? request?.signal
    if (typeof connection?.once === 'function' || typeof connection?.addEventListener === 'function') return connection
  }
  return undefined
}

/** @type {(connection: any, cancel: () => void) => void} */
function onDisconnect(connection, cancel) {
  // One listener per connection, however many requests it carries.
  if (typeof connection.once === 'function') connection.once('close', cancel)
  else connection.addEventListener('abort', cancel, { once: true })
}

module.exports = { cancelOnDisconnect }
