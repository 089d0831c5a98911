/**
 * Reads a webhook's delivery log, and applies events whose delivery failed, because Logto never retries a delivery.
 */

const { randomUUID } = require('node:crypto')
const native = require('../core/addon')
const { withMissingOptionHint } = require('../core/environment')
const { valueOrThrow } = require('../core/errors')
const { snapshot } = require('../core/options')
const { ownProperty } = require('../core/plain')

// The timers are captured at load time, because fake timers in a test would replace the globals and never fire.
const { clearTimeout, setTimeout } = require('node:timers')

/** The number of log entries per request: the maximum that the Management API allows. */
const PAGE_SIZE = 100

/**
 * Maximum number of pages to read each time the delivery log is read. Without a time range in the request, Logto
 * returns the log of the last 24 hours.
 */
const MAX_PAGES = 1000

/**
 * How many entries of the delivery log to remember after the log has been read. The next time the delivery log is read,
 * reading stops at the first page that contains only remembered log entries.
 */
const MAX_REMEMBERED_LOG_ENTRIES = 1000

/** Maximum number of revocations in a single append. */
const MAX_BATCH_SIZE = 1000

/** Maximum duration of a request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000

/** How long before its expiry a token is replaced, in milliseconds. */
const TOKEN_RENEWAL_MARGIN_MS = 60_000

/** The result of a delivery that Logto considers successful. */
const SUCCESSFUL_RESULT = 'Success'

/** @typedef {{ id?: unknown, createdAt?: unknown, payload?: { result?: unknown, hookRequest?: { body?: unknown } } }} LogEntry */

/**
 * @typedef {object} Target
 * @property {import('./webhook').Publish} publish
 * @property {(entries: string[]) => string[]} missing - Returns the revocations that are not yet in force.
 * @property {((name: string, holder: string, durationMs: number) => Promise<boolean>) | undefined} lease
 */

class CatchUp {
  #target
  #options
  #stop = new AbortController()
  /** @type {NodeJS.Timeout | undefined} */
  #timer
  /** The ids of log entries whose events have been applied. @type {Set<string>} */
  #known = new Set()
  /**
   * Whether the last reading of the delivery log was complete: it reached the end, or a page of log entries whose
   * events had already been applied. Otherwise, older pages may contain log entries whose events have not been applied.
   */
  #isComplete = false
  /** @type {{ value: string, until: number } | undefined} */
  #token
  #holder = randomUUID()
  #hasWarned = false

  /**
   * @param {Target} target
   * @param {import('.').CatchUpOptions} options
   */
  constructor(target, options) {
    this.#target = target
    const members = snapshot(options)
    this.#options = valueOrThrow(withMissingOptionHint(native.catchUpOptions(members), 'catchUp', members))
    this.#run()
  }

  stop() {
    clearTimeout(this.#timer)
    this.#stop.abort()
  }

  async #run() {
    try {
      if (await this.#isElected()) await this.#catchUp()
      this.#hasWarned = false
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#warn(error)
    }
    if (!this.#stop.signal.aborted) this.#timer = setTimeout(() => this.#run(), this.#options.every).unref()
  }

  /**
   * Returns whether this instance may read the delivery log. If the store supports leases, only one instance at a time
   * reads the log. Without leases, all instances read the log and find the same revocations.
   */
  async #isElected() {
    const { lease } = this.#target
    if (lease === undefined) return true
    return lease(`catch-up:${this.#options.logUrl}`, this.#holder, this.#options.every + 2 * REQUEST_TIMEOUT_MS)
  }

  async #catchUp() {
    /**
     * The keys of the delivery log entries that the current `#catchUp` call has read, newest first.
     *
     * @type {Set<string>}
     */
    const seenKeys = new Set()
    // Reading stops at a page whose log entries were all read by earlier calls. Log entries that this call has read are
    // ignored here, because new log entries shift older ones to the next page, which then repeats them.
    const keysFromEarlierRuns = this.#isComplete ? new Set(this.#known) : new Set()
    this.#isComplete = false
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const logEntries = await this.#page(page)
      const newLogEntries = logEntries.filter((log) => !this.#known.has(logEntryKey(log))).reverse()
      const entries = newLogEntries.flatMap((log) => this.#revocationEntriesOf(log))
      for (let i = 0; i < entries.length; i += MAX_BATCH_SIZE)
        await this.#target.publish(entries.slice(i, i + MAX_BATCH_SIZE))
      for (const log of logEntries) {
        // A log entry is added to `#known` only after its revocations have been stored, so that they are published
        // again later if storing them fails.
        this.#known.add(logEntryKey(log))
        seenKeys.add(logEntryKey(log))
      }
      if (logEntries.length < PAGE_SIZE || logEntries.every((log) => keysFromEarlierRuns.has(logEntryKey(log)))) break
    }
    this.#isComplete = true
    this.#known = new Set([...seenKeys, ...this.#known].slice(0, MAX_REMEMBERED_LOG_ENTRIES))
  }

  /**
   * Returns the revocations to publish for a log entry. If Logto's delivery failed, all revocations of the event are
   * published, because the instance that received the event may have applied the revocations without storing them. Even
   * a successful delivery may have reached another server, for example after a redirect, so any revocations that are
   * not in force here are published.
   *
   * @param {LogEntry} log
   */
  #revocationEntriesOf({ payload }) {
    const event = native.webhookEvent(Buffer.from(JSON.stringify(payload?.hookRequest?.body ?? null)), Date.now())
    if (typeof event === 'string') {
      this.#warn(new Error(`an event could not be read: ${event}`))
      return []
    }
    return payload?.result === SUCCESSFUL_RESULT ? this.#target.missing(event.entries) : event.entries
  }

  /** @param {number} page @returns {Promise<LogEntry[]>} */
  async #page(page) {
    const token = await this.#accessToken()
    const url = `${this.#options.logUrl}?page=${page}&page_size=${PAGE_SIZE}`
    const response = await this.#fetch(url, { headers: { Authorization: `Bearer ${token}` } })
    if (response.status === 401) this.#token = undefined
    const logEntries = response.ok ? await response.json() : undefined
    if (!Array.isArray(logEntries)) throw await responseError('the delivery log of the webhook', response)
    return logEntries
  }

  async #accessToken() {
    if (this.#token !== undefined && this.#token.until > performance.now()) return this.#token.value
    const { clientId, clientSecret, resource, tokenUrl } = this.#options
    const credentials = [clientId, clientSecret].map(encodeURIComponent).join(':')
    const response = await this.#fetch(tokenUrl, {
      method: 'POST',
      headers: { Authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope: 'all' }),
    })
    if (!response.ok) throw await responseError('a token for the Management API', response)
    const body = await response.json()
    const value = ownProperty(body ?? {}, 'access_token')
    const seconds = ownProperty(body ?? {}, 'expires_in')
    if (typeof value !== 'string') throw new Error('the response for a token of the Management API contains none')
    const lifetime = typeof seconds === 'number' ? seconds * 1000 : 0
    this.#token = { value, until: performance.now() + lifetime - TOKEN_RENEWAL_MARGIN_MS }
    return value
  }

  /** @type {(url: string, init: RequestInit) => Promise<Response>} */
  async #fetch(url, init) {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)])
    try {
      // A redirect must not send the credentials to another server.
      return await fetch(url, { ...init, redirect: 'error', signal })
    } catch (error) {
      const { cause, message } = /** @type {any} */ (error)
      throw new Error(`${new URL(url).origin} is unreachable: ${cause?.code ?? cause?.message ?? message}`)
    }
  }

  /** @param {unknown} error */
  #warn(error) {
    if (this.#hasWarned) return
    this.#hasWarned = true
    const reason = error instanceof Error ? error.message : String(error)
    process.emitWarning(`Missed webhook events cannot be applied: ${reason}`, { code: 'LOGTO_AUTHKIT_CATCH_UP' })
  }
}

/** @param {LogEntry} log */
const logEntryKey = ({ id, payload }) => (typeof id === 'string' ? id : JSON.stringify(payload?.hookRequest?.body))

/**
 * Returns the error for a failed response from Logto. The message contains only the error code from the body, because
 * the body may repeat parts of the request.
 *
 * @type {(wanted: string, response: Response) => Promise<Error>}
 */
async function responseError(wanted, response) {
  const body = await response.json().catch(() => undefined)
  const code =
    typeof body === 'object' && body !== null ? (ownProperty(body, 'code') ?? ownProperty(body, 'error')) : undefined
  const codeSuffix = typeof code === 'string' && /^[\w.]{1,64}$/.test(code) ? `, ${code}` : ''
  return new Error(`Logto refused ${wanted} (${response.status}${codeSuffix})`)
}

/** @type {(target: Target, options: import('.').CatchUpOptions) => import('.').CatchUp} */
function catchUp(target, options) {
  const activeCatchUp = new CatchUp(target, options)
  return { stop: () => activeCatchUp.stop() }
}

module.exports = { catchUp }
