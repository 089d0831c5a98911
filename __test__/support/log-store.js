/** A store in memory that can fail. It keeps a log, unlike `memoryStore`, and serves several instances. */

const { setTimeout } = require('node:timers/promises')
const { until } = require('./until')

/** @implements {RevocationStore} @typedef {import('logto-authkit/revocation').RevocationStore} RevocationStore */
class LogStore {
  /** @type {string[]} */
  entries
  isDown
  isClosed = false
  #epoch = 0
  #reads = 0
  #failures = 0

  constructor({ entries = /** @type {string[]} */ ([]), isDown = false } = {}) {
    this.entries = entries
    this.isDown = isDown
  }

  /** @type {RevocationStore['append']} */
  async append(entries) {
    this.#check()
    this.entries.push(...entries)
  }

  /** @type {RevocationStore['read']} */
  async read(position) {
    this.#check()
    const [epoch, index] = (position ?? '0 0').split(' ').map(Number)
    const start = epoch === this.#epoch ? index : 0
    if (start === this.entries.length && position !== null) await setTimeout(1, null, { ref: false })
    this.#check()
    const entries = this.entries.slice(start, start + 100)
    this.#reads += 1
    const end = start + entries.length
    return { entries, position: `${this.#epoch} ${end}`, complete: end === this.entries.length }
  }

  async close() {
    this.isClosed = true
  }

  /** Deletes all revocation entries. */
  reset() {
    this.entries = []
    this.#epoch += 1
  }

  /** Resolves when all current revocation entries have been read. */
  isRead() {
    return this.#after(() => this.#reads)
  }

  /** Resolves when a function has failed. */
  hasFailed() {
    return this.#after(() => this.#failures)
  }

  async #after(count) {
    const before = count()
    await until(() => count() >= before + 3)
  }

  #check() {
    if (!this.isDown) return
    this.#failures += 1
    throw new Error('The log is down')
  }
}

module.exports = { LogStore }
