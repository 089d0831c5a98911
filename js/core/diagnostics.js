/**
 * Publishes each verification and each key fetch on a diagnostics channel: see `VerificationMessage` and
 * `KeyFetchMessage` in index.d.ts.
 */

const { channel } = require('node:diagnostics_channel')
const native = require('./addon')
const { AuthError } = require('./errors')
const { settle } = require('./settle')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {{ cached: boolean }} Trace - Whether the token was found in the token cache. */

// Module-level references keep the channels alive: Node drops a channel that nothing references.
const verifications = channel('logto-authkit:verify')
const keyFetches = channel('logto-authkit:jwks')

/** Returns whether there are subscribers. Without subscribers, this check is the only cost of diagnostics. */
const hasSubscribers = () => verifications.hasSubscribers || keyFetches.hasSubscribers

/**
 * Publishes the outcome and duration of a verification, and the key fetches that have finished.
 *
 * @param {(trace: Trace) => AuthContext | Promise<AuthContext>} verify
 * @returns {AuthContext | Promise<AuthContext>}
 */
function publishVerification(verify) {
  const trace = { cached: false }
  const start = performance.now()
  /** @param {import('../..').VerificationMessage['outcome']} outcome @param {boolean} guest */
  const publish = (outcome, guest) => {
    const duration = performance.now() - start
    publishKeyFetches()
    /** @type {import('../..').VerificationMessage} */
    const message = { outcome, guest, remembered: trace.cached && outcome === 'ok', duration }
    verifications.publish(message)
  }
  return settle(
    () => verify(trace),
    (auth) => {
      publish(auth.isGuest ? auth.guestReason : 'ok', auth.isGuest)
      return auth
    },
    (error) => {
      if (error instanceof AuthError) publish(error.code, false)
      throw error
    },
  )
}

/**
 * Publishes finished key fetches. Key fetches finish on native threads, and the core keeps their records until a
 * JavaScript thread with a subscriber takes them. Notifying a JavaScript thread would require a handle that keeps the
 * process alive and outlives its worker.
 */
function publishKeyFetches() {
  if (!keyFetches.hasSubscribers) return
  for (const fetch of native.drainFetchLog()) keyFetches.publish(fetch)
}

module.exports = { hasSubscribers, publishKeyFetches, publishVerification }
