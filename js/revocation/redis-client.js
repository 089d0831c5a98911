/**
 * Our own connections to Redis or Valkey, with the settings of the application's client: node-redis 4 to 6, ioredis 5
 * and 6, or iovalkey, also with Cluster and Sentinel. Our connections never reconnect or queue commands, because a
 * client that resends an interrupted read may never settle it, and a client that queues commands delays errors
 * (redis/ioredis#1285). After any error, the store opens a new connection.
 */

const { setImmediate } = require('node:timers')
const { invalidOption } = require('../core/errors')

/**
 * @typedef {object} Connection
 * @property {(args: string[], key: string) => Promise<any>} send - Sends a command. `key` selects the node of a
 * cluster. The strings in ioredis replies are buffers, because ioredis would otherwise convert all strings, including
 * strings that nobody reads.
 * @property {() => void} close - Disconnects immediately, and rejects pending commands.
 */

/**
 * @typedef {object} Connector
 * @property {string | undefined} server - Identifies the server, if the server is known.
 * @property {boolean} blocks - Whether a blocking command can be sent without delaying other commands.
 * @property {() => { connection: Connection, connected: Promise<unknown> }} open
 */

const ignoreError = () => {}

/**
 * Connects a duplicate of the application's client. An unhandled `error` event would end the process. If ioredis cannot
 * connect, only the `error` event contains the reason.
 *
 * @param {any} own
 */
async function connectClient(own) {
  /** @type {unknown} */
  let reason
  own.on('error', (/** @type {unknown} */ error) => {
    reason = error
  })
  try {
    await own.connect()
  } catch (error) {
    throw reason ?? error
  }
}

/** @type {(client: any) => Connector} */
function connectorOf(client) {
  if (typeof client?.duplicate === 'function' && typeof client.call === 'function') {
    return client.isCluster === true ? ioredisClusterConnector(client) : ioredisConnector(client)
  }
  if (typeof client?.sendCommand === 'function' && typeof client.connect === 'function')
    return nodeRedisConnector(client)
  throw invalidOption(
    'client',
    "a client of redis, ioredis or iovalkey, such as the result of redis' createClient()",
    client,
  )
}

/** @type {(client: any) => Connector} */
function ioredisConnector(client) {
  const { options } = client
  const overrides = {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
    sentinelRetryStrategy: null,
    reconnectOnError: null,
    commandTimeout: undefined,
    socketTimeout: undefined,
  }
  const address = options.sentinels ? [options.name, options.sentinels] : [options.path ?? options.host, options.port]
  return {
    server: JSON.stringify([...address, options.db, options.keyPrefix]),
    blocks: true,
    open() {
      const own = client.duplicate(overrides)
      const close = () => {
        // ioredis would wait two seconds for a stream that is already closed.
        if (own.stream?.destroyed) return
        own.disconnect()
        own.stream?.destroy()
      }
      return {
        connection: { send: ([name, ...args]) => own.callBuffer(name, ...args), close },
        connected: connectClient(own).then(() => own.stream?.unref()),
      }
    },
  }
}

/** @type {(client: any) => Connector} */
function ioredisClusterConnector(client) {
  const overrides = {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: null,
    slotsRefreshInterval: 0,
    redisOptions: { ...client.options.redisOptions, commandTimeout: undefined, socketTimeout: undefined },
  }
  return {
    server: JSON.stringify(client.startupNodes),
    blocks: true,
    open() {
      const own = client.duplicate([], overrides)
      return {
        connection: { send: ([name, ...args]) => own.callBuffer(name, ...args), close: () => own.disconnect() },
        connected: connectClient(own),
      }
    },
  }
}

/** @type {(client: any) => Connector} */
function nodeRedisConnector(client) {
  const isCluster = 'masters' in client
  const isSentinel = 'getSentinelNode' in client
  const { options } = client
  const socket = { ...options?.socket, reconnectStrategy: false, socketTimeout: undefined }
  const overrides = isCluster || isSentinel ? {} : { disableOfflineQueue: true, clientSideCache: undefined, socket }
  /** @type {(own: any) => Connection['send']} */
  const createSender = (own) =>
    isCluster
      ? (args, key) => own.sendCommand(key, false, args)
      : isSentinel
        ? (args) => own.sendCommand(false, args)
        : (args) => own.sendCommand(args)
  if (typeof client.duplicate !== 'function') {
    // Sentinel clients of node-redis 5 cannot be duplicated, so the store uses the application's client. A blocking
    // command would delay the application's commands.
    const open = () => ({
      connection: { send: createSender(client), close: ignoreError },
      connected: Promise.resolve(),
    })
    return { server: undefined, blocks: false, open }
  }
  const address = [socket.path ?? socket.host, socket.port, options?.database, options?.keyPrefix]
  return {
    server: isCluster || isSentinel ? undefined : JSON.stringify(address),
    blocks: true,
    open() {
      const own = client.duplicate(overrides)
      let canClose = isCluster || isSentinel
      let isClosed = false
      const close = () => {
        isClosed = true
        if (canClose) closeNodeRedis(own)
      }
      // Closing a node-redis client has no effect before its socket is connected, and throws while the client emits
      // `connect`. The client is therefore closed just after the `connect` event.
      own.once('connect', () =>
        setImmediate(() => {
          canClose = true
          if (isClosed) closeNodeRedis(own)
        }),
      )
      return {
        connection: { send: createSender(own), close },
        connected: connectClient(own).then(() => own.unref?.()),
      }
    },
  }
}

/**
 * Closes a client of any version of node-redis. Closing a client twice throws or rejects.
 *
 * @param {any} own
 */
function closeNodeRedis(own) {
  try {
    // node-redis 5 replaced `disconnect` with `destroy`. Both functions may return a promise.
    Promise.resolve(own.destroy === undefined ? own.disconnect() : own.destroy()).catch(ignoreError)
  } catch {}
}

module.exports = { connectorOf }
