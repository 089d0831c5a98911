/** A connection to Redis that is replaced by a new connection after any error. */

/** @typedef {import('./redis-client').Connection} Connection */
/** @typedef {import('./redis-client').Connector} Connector */

class ReplaceableConnection {
  #connector
  /** @type {{ connection: Connection, connected: Promise<unknown> } | undefined} */
  #current
  #isClosed = false

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
    signal.throwIfAborted()
    // A command that failed because of `close` may be sent again. Nobody would close its new connection.
    if (this.#isClosed) throw new Error('The store is closed')
    this.#current ??= this.#connector.open()
    const own = this.#current
    const close = () => {
      if (this.#current === own) this.#current = undefined
      own.connection.close()
    }
    signal.addEventListener('abort', close, { once: true })
    try {
      await own.connected
      return await Promise.all(commands.map((args) => own.connection.send(args, key)))
    } catch (error) {
      close()
      throw error
    } finally {
      signal.removeEventListener('abort', close)
    }
  }

  /** Closes the connection. If `isFinal`, no further connection is opened. */
  close(isFinal = false) {
    this.#isClosed ||= isFinal
    const own = this.#current
    this.#current = undefined
    own?.connection.close()
  }
}

module.exports = { ReplaceableConnection }
