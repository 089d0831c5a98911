/** A revocation store in Redis or Valkey: one stream per prefix. */

const { setTimeout } = require('node:timers')
const { check } = require('../core/options')
const { defaultOptions } = require('../core/contract')
const { connectorOf } = require('./redis-client')
const { ReplaceableConnection } = require('./replaceable-connection')

/** @typedef {import('.').RevocationStore} RevocationStore */
/** @typedef {import('./redis-client').Connector} Connector */
/** @typedef {{ text: string, at: number }} OwnEntry - `at` is the time of the first append, on the monotonic clock. */
/** @typedef {{ id: string, text: string, entries: OwnEntry[] }} OwnItem - The revocation entries are sorted by time. */
/** @typedef {[id: string, fields: string[]]} StreamItem - A stream entry. Every second field is a revocation entry. */
/** @typedef {{ id: string, text?: string }} ExpectedItem - A stream item that should exist, with its first entry. */

/** The position before the first item of a stream. */
const START_POSITION = '0-0'

/** Maximum number of stream items that a read returns (`COUNT`). */
const READ_COUNT = 1000

const MAX_ENTRIES_PER_STREAM_ITEM = 20

/** How long a read waits for new stream items, in milliseconds. */
const READ_BLOCK_MS = 1000

/** The interval between two reads if a blocking read would delay other commands, in milliseconds. */
const POLL_INTERVAL_MS = 50

/** The interval at which an instance checks that the stream has not lost any items, in milliseconds. */
const CHECK_INTERVAL_MS = 1000

/** How long the Redis commands that acquire or extend a lease may take in total, in milliseconds. */
const LEASE_TIMEOUT_MS = 5000

/**
 * How long stream items are kept beyond the lifetime of a token, in milliseconds. This margin is necessary because a
 * revocation may be dated an hour in the future, `clockTolerance` extends the life of tokens, and clocks differ.
 */
const EXTRA_RETENTION_MS = 3 * 3_600_000

/**
 * How long an instance keeps its own stream items, to restore them after a Redis failover or flush, in milliseconds.
 */
const OWN_ITEM_RETENTION_MS = 600_000
const MAX_OWN_STREAM_ITEMS = 10_000

/** Maximum number of checkpoints: stream items that are remembered, one for each past check of the stream. */
const MAX_CHECKPOINTS = 600

/** @implements {RevocationStore} */
class RedisStore {
  #key
  #connector
  #reader
  #writer
  /** The stream items that this instance has appended, sorted by id. @type {OwnItem[]} */
  #ownItems = []
  /** The last stream item of each read since the stream was last checked, oldest first. @type {ExpectedItem[]} */
  #uncheckedItems = [{ id: START_POSITION }]
  /** The last stream item that had been read at each past check of the stream, oldest first. @type {ExpectedItem[]} */
  #checkpoints = []
  /** When the stream was last checked for lost entries, in milliseconds on the monotonic clock. */
  #checkedAt = -Infinity
  /** The number of failed attempts to append lost entries since the last success. */
  #failedRestores = 0
  /** When the newest known stream item was appended, by the Redis server's clock, as Unix time in milliseconds. */
  #newest = 0

  /**
   * @param {Connector} connector
   * @param {string} prefix
   */
  constructor(connector, prefix) {
    this.#key = `${prefix}:revocations`
    this.#connector = connector
    this.#reader = new ReplaceableConnection(connector)
    this.#writer = new ReplaceableConnection(connector)
    /** @type {string | undefined} */
    this.identity = connector.server === undefined ? undefined : `redis ${connector.server} ${this.#key}`
  }

  /** @type {RevocationStore['append']} */
  async append(entries, { maxAgeMs, signal }) {
    if (entries.length === 0) return
    // The minimum id is based on the Redis server's clock. Otherwise, an instance whose clock is ahead would delete the
    // entries of all other instances.
    const minId = Math.max(0, Math.floor(Math.min(Date.now(), this.#newest) - maxAgeMs - EXTRA_RETENTION_MS))
    const at = performance.now()
    const own = entries.map((text) => ({ text, at }))
    await this.#add(own, minId, signal)
    const expiredCount = this.#ownItems.findIndex((item) => appendTimeOf(item) > at - OWN_ITEM_RETENTION_MS)
    this.#ownItems.splice(0, Math.max(expiredCount, this.#ownItems.length - MAX_OWN_STREAM_ITEMS))
  }

  /**
   * Appends revocation entries to the stream, and trims stream items whose ids are below `minId`.
   *
   * @type {(entries: OwnEntry[], minId: number, signal: AbortSignal) => Promise<void>}
   */
  async #add(entries, minId, signal) {
    /** @type {OwnEntry[][]} */
    const items = []
    for (let i = 0; i < entries.length; i += MAX_ENTRIES_PER_STREAM_ITEM)
      items.push(entries.slice(i, i + MAX_ENTRIES_PER_STREAM_ITEM))
    const add = ['XADD', this.#key, 'MINID', '~', `${minId}`, '*']
    const commands = items.map((item) => [...add, ...item.flatMap(({ text }) => ['e', text])])
    // The commands can be repeated, because duplicate entries change nothing.
    const ids = await this.#writer.sendRepeatable(commands, this.#key, signal)
    this.#note(ids.at(-1))
    for (const [i, id] of ids.entries())
      this.#ownItems.push({ id: String(id), text: items[i][0].text, entries: items[i] })
  }

  /** @type {RevocationStore['read']} */
  async read(position, { signal }) {
    let fromPosition = position ?? START_POSITION
    const isReconnecting = !this.#reader.isOpen
    if (isReconnecting) {
      // After a failover, the writer may still be connected to the former primary, whose acknowledgements are
      // worthless. A writer that was opened after the failover is connected to the new primary.
      this.#writer.discardOlder(this.#reader.lostAt)
      this.#checkedAt = -Infinity
    }
    const start = performance.now()
    // If this store also has another reader, that reader may have replaced `#uncheckedItems`.
    const continuesLastRead = this.#uncheckedItems.at(-1)?.id === fromPosition
    let uncheckedItems = continuesLastRead ? this.#uncheckedItems : [{ id: fromPosition }]
    let checkpoints = continuesLastRead ? this.#checkpoints : []
    if (!continuesLastRead || start - this.#checkedAt >= CHECK_INTERVAL_MS) {
      // The stream may have been replaced between any two reads. After Redis has been flushed, the id of a stream item
      // that was read earlier may belong to a different item, which another instance has appended since.
      const own = this.#ownItems[0] ?? uncheckedItems[0]
      const [hasOldest, ...itemExists] = await this.#existenceOf([own, ...uncheckedItems], signal)
      const isIntact = itemExists.every(Boolean)
      const last = isIntact
        ? uncheckedItems[uncheckedItems.length - 1]
        : await this.#lastCheckpoint(checkpoints, signal)
      if (isReconnecting || !isIntact || !hasOldest) await this.#restore(signal)
      if (isIntact && checkpoints.at(-1)?.id !== last.id)
        checkpoints = [...checkpoints.slice(1 - MAX_CHECKPOINTS), last]
      uncheckedItems = [last]
      fromPosition = last.id
      this.#checkedAt = start
    }
    const xreadBlockArguments = this.#connector.blocks && position !== null ? ['BLOCK', `${READ_BLOCK_MS}`] : []
    if (!this.#connector.blocks && position !== null)
      await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS).unref())
    const command = ['XREAD', 'COUNT', `${READ_COUNT}`, ...xreadBlockArguments, 'STREAMS', this.#key, fromPosition]
    const [reply] = await this.#reader.send([command], this.#key, signal)
    const items = itemsOf(reply)
    const [end, fields] = items.at(-1) ?? [fromPosition]
    this.#note(end)
    this.#uncheckedItems = fields ? [...uncheckedItems, { id: String(end), text: String(fields[1]) }] : uncheckedItems
    this.#checkpoints = checkpoints
    return { entries: revocationEntriesIn(items), position: String(end), complete: items.length < READ_COUNT }
  }

  /** @type {NonNullable<RevocationStore['lease']>} */
  async lease(name, holder, durationMs) {
    // The lease's key is in the stream's slot, because a connection to a cluster reaches only the node of that slot.
    const key = this.#key.includes('{') ? `${this.#key}:${name}` : `{${this.#key}}:${name}`
    const signal = AbortSignal.timeout(LEASE_TIMEOUT_MS)
    const duration = `${Math.ceil(durationMs)}`
    const [reply] = await this.#writer.sendRepeatable([['SET', key, holder, 'NX', 'PX', duration]], this.#key, signal)
    if (reply !== null) return true
    const holdsLease = async () =>
      String((await this.#writer.sendRepeatable([['GET', key]], this.#key, signal))[0]) === holder
    if (!(await holdsLease())) return false
    await this.#writer.sendRepeatable([['PEXPIRE', key, duration]], this.#key, signal)
    // If the lease expired before it was extended, another instance may hold it now.
    return holdsLease()
  }

  async close() {
    this.#reader.close()
    this.#writer.close()
  }

  /**
   * @param {unknown} id - The id of a stream item, which consists of a Unix time in milliseconds on the Redis server's
   * clock and a number.
   */
  #note(id) {
    this.#newest = Math.max(this.#newest, Number.parseInt(String(id), 10))
  }

  /**
   * Appends this instance's revocation entries again if the stream has lost them. Entries that are appended again
   * keep the time of their first append, so that they expire on time. If Redis refuses the append, the
   * entries are still missing at the next check, which tries again. Meanwhile, reading continues.
   *
   * @param {AbortSignal} signal
   */
  async #restore(signal) {
    const oldestTime = performance.now() - OWN_ITEM_RETENTION_MS
    const recentOwnItems = this.#ownItems.filter((item) => appendTimeOf(item) > oldestTime)
    this.#ownItems = [...recentOwnItems]
    /** @type {Set<OwnItem>} */
    const lostItems = new Set()
    // All items that this instance has appended are checked, because some Redis clients reconnect silently: a failover
    // may have lost items between any two appends.
    for (let i = 0; i < recentOwnItems.length; i += READ_COUNT) {
      const batch = recentOwnItems.slice(i, i + READ_COUNT)
      const itemExists = await this.#existenceOf(batch, signal)
      for (const [n, item] of batch.entries()) if (!itemExists[n]) lostItems.add(item)
    }
    if (lostItems.size === 0) return
    this.#ownItems = this.#ownItems.filter((item) => !lostItems.has(item))
    const entries = [...lostItems].flatMap((item) => item.entries).filter(({ at }) => at > oldestTime)
    try {
      await this.#add(
        entries.sort((a, b) => a.at - b.at),
        0,
        signal,
      )
      this.#failedRestores = 0
    } catch (error) {
      this.#ownItems = [...lostItems, ...this.#ownItems]
      if (signal.aborted) throw error
      this.#failedRestores += 1
      // A single failure is normal during a failover.
      if (this.#failedRestores === 2) warnAboutLostRevocations(error)
    }
  }

  /**
   * Returns the last checkpoint that the stream still contains. The stream of a promoted replica begins with the items
   * of the former primary, so all items up to the returned item have been read.
   *
   * @type {(checkpoints: ExpectedItem[], signal: AbortSignal) => Promise<ExpectedItem>}
   */
  async #lastCheckpoint(checkpoints, signal) {
    const itemExists = await this.#existenceOf(checkpoints, signal)
    return checkpoints.findLast((_, n) => itemExists[n]) ?? { id: START_POSITION }
  }

  /**
   * Returns, for each item, whether the stream contains it. Comparing ids is not enough, because Redis may give another
   * stream item the same id after the server's clock was set back.
   *
   * @type {(items: ExpectedItem[], signal: AbortSignal) => Promise<boolean[]>}
   */
  async #existenceOf(items, signal) {
    const commands = items.map(({ id }) => ['XRANGE', this.#key, id, id])
    const replies = await this.#reader.send(commands, this.#key, signal)
    return replies.map(([item], n) => {
      const { id, text } = items[n]
      return item === undefined ? id === START_POSITION : text === undefined || text === String(item[1][1])
    })
  }
}

/** @param {any} error */
function warnAboutLostRevocations(error) {
  const message = `Redis has lost revocations and refuses to store them again: ${error?.message ?? error}`
  process.emitWarning(message, { code: 'LOGTO_AUTHKIT_REVOCATIONS_UNAVAILABLE' })
}

/**
 * Returns the time at which the newest revocation entry in a stream item was first appended.
 *
 * @param {OwnItem} item
 */
const appendTimeOf = ({ entries }) => entries[entries.length - 1].at

/**
 * Returns the items in a reply to `XREAD` for one stream. The reply is null, an array (RESP2), or a map (RESP3).
 *
 * @param {any} reply
 * @returns {StreamItem[]}
 */
function itemsOf(reply) {
  if (reply === null || reply === undefined) return []
  if (Array.isArray(reply)) return Array.isArray(reply[0]) ? reply[0][1] : (reply[1] ?? [])
  const [items] = reply instanceof Map ? reply.values() : Object.values(reply)
  return items ?? []
}

/**
 * Returns the revocation entries in several stream items: the values of all fields, regardless of the fields' names.
 *
 * @param {StreamItem[]} items
 */
function revocationEntriesIn(items) {
  /** @type {string[]} */
  const entries = []
  for (const [, fields] of items) for (let i = 1; i < fields.length; i += 2) entries.push(String(fields[i]))
  return entries
}

/** @type {typeof import('.').redisStore} */
function redisStore(client, options) {
  const connector = connectorOf(client)
  const { prefix = defaultOptions('redisStore').prefix } = check('redisStore', options)
  return new RedisStore(connector, prefix)
}

module.exports = { redisStore }
