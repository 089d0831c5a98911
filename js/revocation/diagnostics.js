/** Publishes each revocation on a diagnostics channel when it takes effect: see `RevocationMessage` in index.d.ts. */

const { channel } = require('node:diagnostics_channel')

/** @typedef {import('../native/binding').NativeRevocations} NativeRevocations */

// A module-level reference keeps the channel alive: Node drops a channel that nothing references.
const revocations = channel('logto-authkit:revocations')

/**
 * Publishes each revocation on the diagnostics channel when the core applies it. Revocations that change nothing are
 * skipped, because an instance reads its own revocations back from the store.
 *
 * @param {NativeRevocations} core
 */
function publishAppliedEntries(core) {
  const apply = core.apply.bind(core)
  core.apply = (entries, readMs, date) => {
    const changedEntries = revocations.hasSubscribers ? core.missing(entries, date) : []
    apply(entries, readMs, date)
    for (const entry of changedEntries) publish(entry)
  }
}

/** @param {string} entry - The entry as JSON, which the core has written or understood. */
function publish(entry) {
  const { kind, before } = JSON.parse(entry)
  /** @type {import('.').RevocationMessage} */
  const message = { kind, before: new Date(before * 1000) }
  revocations.publish(message)
}

module.exports = { publishAppliedEntries }
