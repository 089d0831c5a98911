/** Tells whoever listens of verifications and key fetches: see `VerificationMessage` and `KeyFetchMessage` in index.d.ts. */

const { channel } = require('node:diagnostics_channel')
const native = require('./addon')
const { AuthError } = require('./errors')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {{ remembered: boolean }} Watch - What a verification tells of itself on the way. */

// Held here for good: Node forgets a channel that nobody holds.
const verifications = channel('logto-authkit:verify')
const keyFetches = channel('logto-authkit:jwks')

/** Whether anybody listens: to ask is all that it costs where nobody does. */
const isWatched = () => verifications.hasSubscribers || keyFetches.hasSubscribers

/**
 * A verification, and the messages of what came of it and of the fetches that have ended meanwhile.
 *
 * @param {(watch: Watch) => AuthContext | Promise<AuthContext>} verify
 * @returns {Promise<AuthContext>}
 */
async function watched(verify) {
  const watch = { remembered: false }
  const start = performance.now()
  /** @param {import('../..').VerificationMessage['outcome']} outcome @param {boolean} guest */
  const tell = (outcome, guest) => {
    const duration = performance.now() - start
    tellKeyFetches()
    /** @type {import('../..').VerificationMessage} */
    const message = { outcome, guest, remembered: watch.remembered && outcome === 'ok', duration }
    verifications.publish(message)
  }
  try {
    const auth = await verify(watch)
    tell(auth.isGuest ? auth.guestReason : 'ok', auth.isGuest)
    return auth
  } catch (error) {
    if (error instanceof AuthError) tell(error.code, false)
    throw error
  }
}

/**
 * Fetches end on threads that no JavaScript runs on. What ends is kept there until a thread asks that listens, and told once:
 * to wake a thread for it would take a handle that outlives workers and must not keep the process alive.
 */
function tellKeyFetches() {
  if (!keyFetches.hasSubscribers) return
  for (const fetch of native.takeKeyFetches()) keyFetches.publish(fetch)
}

module.exports = { isWatched, tellKeyFetches, watched }
