/** A connection to Redis that is replaced by a new connection after any error. */

/** @typedef {import('./redis-client').Connection} Connection */
/** @typedef {import('./redis-client').Connector} Connector */

/**
 * @typedef {object} OpenConnection
 * @property {Connection} connection
 * @property {Promise<unknown>} connected
 * @property {number} number - The number of connections opened up to and including this connection.
 * @property {boolean} isDiscarded - Whether this connection was closed even though its commands had not failed.
 */

/** The number of connections opened so far, which shows which of two connections is older. */
let openedConnectionCount = 0

class ReplaceableConnection {
  #connector
  /** @type {OpenConnection | undefined} */
  #current
  #isClosed = false
  /** The number of connections that had been opened when the last connection was lost. */
  lostAt = 0

  /** @param {Connector} connector */
  constructor(connector) {
    this.#connector = connector
  }

  get isOpen() {
    return this.#current !== undefined
  }

  /**
   * Sends commands in one batch, and returns their replies.
   *
   * @param {string[][]} commands
   * @param {string} key
   * @param {AbortSignal} signal - The signal that closes the connection, because a pending command may never settle.
   * @returns {Promise<any[]>}
   */
  async send(commands, key, signal) {
    return this.#sendOn(this.#open(signal), commands, key, signal)
  }

  /**
   * Sends commands that have the same effect if they are executed twice, and returns their replies. After an error, the
   * commands are sent once more on a new connection, because an idle connection may have been closed.
   *
   * @type {(commands: string[][], key: string, signal: AbortSignal) => Promise<any[]>}
   */
  async sendRepeatable(commands, key, signal) {
    for (let failures = 0; ; ) {
      const own = this.#open(signal)
      try {
        return await this.#sendOn(own, commands, key, signal)
      } catch (error) {
        // If a connection was discarded, for example because another command on it was aborted, the failure of this
        // command says nothing about the server.
        if (!own.isDiscarded) failures += 1
        if (signal.aborted || failures > 1) throw error
      }
    }
  }

  /**
   * Closes the connection if it was opened before another connection to the same server was lost, because a different
   * server may have taken over since then.
   *
   * @param {number} lostAt - The `lostAt` of the other connection.
   */
  discardOlder(lostAt) {
    if (this.#current !== undefined && this.#current.number <= lostAt) this.#discard(this.#current)
  }

  /** Closes the connection, and prevents further connections from being opened. */
  close() {
    this.#isClosed = true
    if (this.#current !== undefined) this.#drop(this.#current)
  }

  /** @param {AbortSignal} signal */
  #open(signal) {
    signal.throwIfAborted()
    // If a command fails because of `close`, the caller might retry it. A new connection for the retry would never be
    // closed.
    if (this.#isClosed) throw new Error('The store is closed')
    if (this.#current === undefined) {
      openedConnectionCount += 1
      this.#current = { ...this.#connector.open(), number: openedConnectionCount, isDiscarded: false }
    }
    return this.#current
  }

  /** @type {(own: OpenConnection, commands: string[][], key: string, signal: AbortSignal) => Promise<any[]>} */
  async #sendOn(own, commands, key, signal) {
    const discard = () => this.#discard(own)
    signal.addEventListener('abort', discard, { once: true })
    try {
      await own.connected
      return await Promise.all(commands.map((args) => own.connection.send(args, key)))
    } catch (error) {
      this.#drop(own)
      throw error
    } finally {
      signal.removeEventListener('abort', discard)
    }
  }

  /** @param {OpenConnection} own */
  #discard(own) {
    own.isDiscarded = true
    this.#drop(own)
  }

  /** @param {OpenConnection} own */
  #drop(own) {
    if (this.#current === own) {
      this.#current = undefined
      this.lostAt = openedConnectionCount
    }
    own.connection.close()
  }
}

module.exports = { ReplaceableConnection }
