/** A store for a single process. */

const { randomUUID } = require('node:crypto')
const { setTimeout } = require('node:timers')

/**
 * Keeps no log: the revocations are in the mirror, which all `Revocations` objects created with this store share.
 *
 * @implements {RevocationStore}
 * @typedef {import('.').RevocationStore} RevocationStore
 */
class MemoryStore {
  identity = `memory ${randomUUID()}`

  async append() {}

  /** @type {RevocationStore['read']} */
  async read(position) {
    if (position !== null) await new Promise((resolve) => setTimeout(resolve, 1000).unref())
    return { entries: [], position: '', complete: true }
  }
}

const memoryStore = () => new MemoryStore()

module.exports = { MemoryStore, memoryStore }
