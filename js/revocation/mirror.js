/** Mirrors a revocation store in memory: loads its entries, waits for new entries, reconnects, and appends entries. */

const { authError } = require('../core/errors')
const native = require('../core/addon')

// The timers are captured at load time, because fake timers in a test would replace the globals and never fire.
const { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } = require('node:timers')

/**
 * Maximum duration of a read from the store, in milliseconds. The store waits at most one second for new revocation
 * entries, so a longer read has hung.
 */
const READ_TIMEOUT_MS = 5000

/** Maximum duration of an append to the store, in milliseconds. */
const APPEND_TIMEOUT_MS = 5000

/** The delay before the store is read again after a failure. Doubles with each failure, up to the maximum. */
const MIN_RETRY_DELAY_MS = 50
const MAX_RETRY_DELAY_MS = 1000

/**
 * The delay after the store has been read to the end, in milliseconds. Without a delay, a store that does not wait for
 * new revocation entries would cause a busy loop. The delay grows with the number of entries read, so that the mirrors
 * of a busy store read in batches. While the thread is busy, the maximum delay is up to twice as long. Halving the
 * number of reads saves about a tenth of the CPU time (measured with 20 mirrors and ioredis).
 */
const MIN_READ_DELAY_MS = 20
const MAX_READ_DELAY_MS = 80

/** How long the store may be unreachable before operators are warned, in milliseconds. */
const OUTAGE_WARNING_DELAY_MS = 5000

/** The interval at which the revocations are checked for problems that operators should know about, in milliseconds. */
const WARNING_CHECK_INTERVAL_MS = 1000

/** @typedef {import('.').RevocationStore} RevocationStore */
/** @typedef {{ batch: import('.').RevocationBatch, elapsed: () => number }} StoreRead - `elapsed` returns the milliseconds since the start. */
/** @typedef {import('../native/binding').NativeRevocations} NativeRevocations */

class RevocationMirror {
  #native
  #store
  #isClosed = false
  /** @type {Promise<void> | undefined} */
  #closed
  /** The appends in progress. @type {Set<Promise<void>>} */
  #appends = new Set()
  #connected = false
  /** @type {string | null} */
  #lastError = null
  /** Aborts the read in progress when the mirror is closed. */
  #stop = new AbortController()
  /** @type {{ resolve: () => void, reject: (error: Error) => void }[]} */
  #waiting = []
  #isLoaded = false
  /** @type {NodeJS.Timeout | undefined} */
  #keepAlive
  #failingSince = 0
  #hasWarned = false
  #hasWarnedOfSessions = false
  #hasWarnedOfClocks = false
  #nextWarning = 0

  /**
   * @param {NativeRevocations} core
   * @param {RevocationStore} store
   */
  constructor(core, store) {
    this.#native = core
    this.#store = store
    this.#follow()
  }

  /**
   * Makes revocations take effect on this instance, and writes them to the store. Resolves when the store has
   * acknowledged all of the revocations.
   *
   * @param {string[]} entries
   * @param {number} [timeoutMs]
   */
  async publish(entries, timeoutMs = APPEND_TIMEOUT_MS) {
    if (this.#isClosed) throw closedError()
    // The revocations are applied before they are written, so that they take effect on this instance even if the store
    // rejects them.
    this.#native.apply(entries, undefined, Date.now())
    const options = { maxAgeMs: this.#native.maxTokenLifetime * 1000 }
    const append = withTimeout(timeoutMs, true, (signal) => this.#store.append(entries, { ...options, signal }))
    this.#appends.add(append)
    try {
      await append
    } catch (error) {
      this.#fail(error)
      throw unavailableError(error)
    } finally {
      this.#appends.delete(append)
    }
  }

  /** Resolves when all revocations in the store have been loaded. */
  ready() {
    if (this.#isLoaded) return Promise.resolve()
    if (this.#isClosed) return Promise.reject(closedError())
    this.#keepAlive ??= setInterval(() => {}, 0x7fffffff)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve: () => resolve(undefined), reject }))
  }

  /** @returns {import('.').RevocationStats} */
  stats() {
    const { entries, skipped, ahead, lagMs } = this.#native.stats()
    return { entries, skipped, ahead, connected: this.#connected, lagMs, lastError: this.#lastError }
  }

  close() {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close() {
    this.#isClosed = true
    this.#connected = false
    this.#stop.abort()
    this.#settle(({ reject }) => reject(closedError()))
    await Promise.allSettled(this.#appends)
    await this.#store.close?.()
  }

  async #follow() {
    /** @type {string | null} */
    let position = null
    let failures = 0
    /** How much longer than intended the last delay was, in milliseconds. */
    let timerLagMs = 0
    /** @type {Promise<StoreRead> | undefined} */
    let nextRead
    while (!this.#isClosed) {
      let delayMs = 0
      try {
        const currentRead = nextRead
        nextRead = undefined
        /** @type {StoreRead} */
        const { batch, elapsed } = await (currentRead ?? this.#read(position))
        if (this.#isClosed) return
        if (!batch.complete && batch.entries.length > 0) {
          // The store prepares the next page while this thread applies the current page.
          nextRead = this.#read(batch.position)
          nextRead.catch(() => {})
          // The current page is applied in a later turn of the event loop, because node-redis requests the next page
          // only at the end of this turn, and because other events must be handled between two pages.
          await new Promise((resolve) => setImmediate(resolve))
          if (this.#isClosed) return
        }
        this.#native.apply(batch.entries, batch.complete ? elapsed() : undefined, Date.now())
        position = batch.position
        failures = 0
        this.#succeed(batch.complete)
        if (batch.complete || batch.entries.length === 0)
          delayMs = Math.min(
            MIN_READ_DELAY_MS + batch.entries.length,
            MAX_READ_DELAY_MS + Math.min(timerLagMs, MAX_READ_DELAY_MS),
          )
      } catch (error) {
        if (this.#isClosed) return
        this.#connected = false
        // After an error, the page that failed must be read again before the next page is applied.
        nextRead = undefined
        this.#fail(error)
        delayMs = Math.min(MIN_RETRY_DELAY_MS * 2 ** failures, MAX_RETRY_DELAY_MS) * (0.5 + Math.random() / 2)
        failures += 1
      }
      const due = performance.now() + delayMs
      if (delayMs > 0) await this.#wait(delayMs)
      timerLagMs = Math.max(0, performance.now() - due)
    }
  }

  /** @type {(position: string | null) => Promise<StoreRead>} */
  async #read(position) {
    const elapsed = startStopwatch()
    /** @type {(signal: AbortSignal) => Promise<import('.').RevocationBatch>} */
    const read = (signal) => this.#store.read(position, { signal })
    return { batch: await withTimeout(READ_TIMEOUT_MS, false, read, this.#stop.signal), elapsed }
  }

  /** @param {boolean} isComplete */
  #succeed(isComplete) {
    this.#connected = true
    this.#failingSince = 0
    if (!isComplete) return
    this.#isLoaded = true
    this.#settle(({ resolve }) => resolve())
    this.#warnOfEntries()
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#lastError = error instanceof Error ? error.message : String(error)
    this.#failingSince ||= performance.now()
    if (this.#hasWarned || performance.now() - this.#failingSince < OUTAGE_WARNING_DELAY_MS) return
    this.#hasWarned = true
    process.emitWarning(
      `The store of revocations is unreachable, so revocations on other instances have no effect here, and those on this instance have no effect elsewhere: ${this.#lastError}`,
      {
        code: 'LOGTO_AUTHKIT_REVOCATIONS_UNAVAILABLE',
      },
    )
  }

  #warnOfEntries() {
    // A mirror of a busy store calls this method every 80 to 160 ms.
    if (performance.now() < this.#nextWarning) return
    this.#nextWarning = performance.now() + WARNING_CHECK_INTERVAL_MS
    const { sessionsAreUnnamed, ahead } = this.#native.stats()
    if (sessionsAreUnnamed && !this.#hasWarnedOfSessions) {
      this.#hasWarnedOfSessions = true
      process.emitWarning(
        'Sessions are revoked, but no access token has a sid claim, so these revocations have no effect: add sid with a custom-claims script in Logto',
        { code: 'LOGTO_AUTHKIT_REVOCATIONS_SESSION' },
      )
    }
    if (ahead > 0 && !this.#hasWarnedOfClocks) {
      this.#hasWarnedOfClocks = true
      process.emitWarning(
        'The store contains revocations whose time is more than two hours in the future. They reject all tokens issued before that time. Synchronize the clocks of all instances',
        { code: 'LOGTO_AUTHKIT_REVOCATIONS_CLOCK' },
      )
    }
  }

  /** @param {(waiter: { resolve: () => void, reject: (error: Error) => void }) => void} settle */
  #settle(settle) {
    clearInterval(this.#keepAlive)
    for (const waiter of this.#waiting.splice(0)) settle(waiter)
  }

  /** @param {number} duration - Milliseconds. */
  #wait(duration) {
    return new Promise((resolve) => {
      setTimeout(resolve, duration).unref()
    })
  }
}

/**
 * Starts a stopwatch, and returns a function for reading the elapsed time in milliseconds. The monotonic clock stops
 * while a machine sleeps, and the wall clock can be set back, so the function reads both clocks and returns the longer
 * duration.
 */
function startStopwatch() {
  const [start, date] = [performance.now(), Date.now()]
  return () => Math.max(performance.now() - start, Date.now() - date)
}

/**
 * Runs one of a store's functions, and aborts it if it takes too long.
 *
 * @template T
 * @param {number} duration - The maximum duration, in milliseconds.
 * @param {boolean} keepsAlive - Whether to keep the process alive until the function has finished.
 * @param {(signal: AbortSignal) => Promise<T>} run
 * @param {AbortSignal} [stop]
 * @returns {Promise<T>}
 */
function withTimeout(duration, keepsAlive, run, stop) {
  const controller = new AbortController()
  return new Promise((resolve, reject) => {
    let isSettled = false
    /** @param {Error} error */
    const abort = (error) => {
      if (isSettled) return
      controller.abort(error)
      reject(error)
    }
    const timeout = () => abort(new Error(`The store did not respond within ${duration} ms`))
    // If the event loop was blocked when the timeout expired, the response may already have arrived. `setImmediate`
    // lets such a response be handled before the read is aborted.
    const timer = setTimeout(() => setImmediate(timeout), duration)
    if (!keepsAlive) timer.unref()
    const onStop = () => abort(closedError())
    stop?.addEventListener('abort', onStop, { once: true })
    const markSettled = () => {
      isSettled = true
      clearTimeout(timer)
      stop?.removeEventListener('abort', onStop)
    }
    // A store that the application provides may throw synchronously. A promise executor turns the exception into a
    // rejection.
    new Promise((started) => started(run(controller.signal))).finally(markSettled).then(resolve, reject)
  })
}

const closedError = () => new Error('logto-authkit: the revocations are closed')

/** The error for a revocation that the store does not acknowledge. @param {unknown} cause */
function unavailableError(cause) {
  const error = authError({ ...native.rejection('revocations_unavailable'), retryAfter: 1 })
  return Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true })
}

module.exports = { RevocationMirror, unavailableError }
