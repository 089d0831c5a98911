/** Load: concurrent verifications of valid and invalid tokens, and statistics of their results. */

const { monitorEventLoopDelay } = require('node:perf_hooks')
const { setImmediate: turn } = require('node:timers/promises')
const { verdict } = require('../support/helpers')
const { AUDIENCE } = require('../support/tokens')

/**
 * @typedef {{ token: string, expected: string[] }} Question - A token and the acceptable verdicts.
 * @typedef {ReturnType<typeof newFigures>} Figures
 * @typedef {ReturnType<typeof startLoad>} Load
 */

/** Verifies tokens without a pause until it is stopped. */
function startLoad(ask, { concurrency = 64 } = {}) {
  let questions = []
  let figures = newFigures()
  let stopped = false
  let resting = false
  let next = 0
  /** For each list of questions, the number of pending verifications. */
  const pending = new Map()

  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const stall = () => {
    const { max } = delay
    delay.reset()
    return max / 1e6
  }

  const one = async () => {
    while (!stopped) {
      // Synchronous results must not block the event loop.
      await turn()
      if (resting || questions.length === 0) continue
      const [list, counts] = [questions, figures]
      const { token, expected } = list[next++ % list.length]
      pending.set(list, (pending.get(list) ?? 0) + 1)
      const began = performance.now()
      const found = await ask(token)
      count(counts, expected, found, began)
      const left = Number(pending.get(list)) - 1
      if (left > 0) pending.set(list, left)
      else pending.delete(list)
    }
  }
  const done = Promise.all(Array.from({ length: concurrency }, one))

  return {
    /** Switches to other tokens. Resolves when no verification of a previous token is pending. */
    async use(others) {
      const former = questions
      questions = others
      while (pending.has(former)) await turn()
    },
    /** Ends a phase. Resolves with its statistics once all verifications that began in the phase have finished. */
    async phase(graceMs) {
      const ended = figures
      ended.stallMs = stall()
      figures = newFigures(graceMs)
      const before = questions
      questions = [...questions]
      while (pending.has(before)) await turn()
      ended.seconds = (performance.now() - ended.began) / 1000
      return ended
    },
    /** The statistics of this phase so far. */
    current() {
      figures.stallMs = Math.max(figures.stallMs, stall())
      return figures
    },
    /** Waits until nothing is pending, and pauses the load until the work is done. */
    async rest(work) {
      resting = true
      while (pending.size > 0) await turn()
      return work().finally(() => {
        resting = false
      })
    },
    stop() {
      stopped = true
      return done.finally(() => delay.disable())
    },
  }
}

function newFigures(graceMs = 0) {
  return {
    began: performance.now(),
    graceMs,
    seconds: 0,
    tried: 0,
    good: 0,
    /** Tokens that were rejected within the grace period. */
    excused: 0,
    /** The number of valid tokens that were rejected, by code. */
    rejected: {},
    /** The start of the last verification that rejected a valid token, including the grace period. */
    lastRejected: 0,
    invalidAccepted: 0,
    /** Tokens that were rejected with a wrong code. */
    wrong: {},
    slowestMs: 0,
    /** The longest time during which the machine did not run this thread, so that no verification could finish. */
    stallMs: 0,
  }
}

function count(figures, expected, found, began) {
  const isGood = expected.includes('accepted')
  figures.tried += 1
  figures.slowestMs = Math.max(figures.slowestMs, performance.now() - began)
  if (isGood) figures.good += 1
  if (expected.includes(found)) return
  if (isGood) figures.lastRejected = Math.max(figures.lastRejected, began)
  if (found === 'accepted') figures.invalidAccepted += 1
  else if (began - figures.began < figures.graceMs) figures.excused += 1
  else {
    const counts = isGood ? figures.rejected : figures.wrong
    const what = isGood ? found : `${found}, not ${expected.join('|')}`
    counts[what] = (counts[what] ?? 0) + 1
  }
}

const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0)

/** Adds up the statistics of several phases. */
function sum(phases) {
  const all = newFigures()
  for (const figures of phases) {
    for (const name of /** @type {const} */ (['seconds', 'tried', 'good', 'excused', 'invalidAccepted']))
      all[name] += figures[name]
    all.slowestMs = Math.max(all.slowestMs, figures.slowestMs)
    all.stallMs = Math.max(all.stallMs, figures.stallMs)
    for (const name of /** @type {const} */ (['rejected', 'wrong'])) {
      for (const [code, count] of Object.entries(figures[name])) all[name][code] = (all[name][code] ?? 0) + count
    }
  }
  return all
}

const asking = (verifier) => (token) => verdict(verifier.verify(token))

/** Valid tokens that are signed with a key. */
const good = (key, issuer, count) =>
  Array.from({ length: count }, () => ({ token: key.sign(issuer), expected: ['accepted'] }))

/** One invalid token of every kind, with the expected code. */
function bad(key, issuer) {
  const [header, payload, signature] = key.sign(issuer).split('.')
  const forged = Buffer.from(payload, 'base64url').toString().replace('alice', 'admin')
  /** @type {[string, ...string[]][]} */
  const cases = [
    [`${header}.${Buffer.from(forged).toString('base64url')}.${signature}`, 'invalid_signature'],
    [key.sign(issuer, { claims: { exp: 1 } }), 'token_expired'],
    [key.sign(issuer, { claims: { aud: `${AUDIENCE}/other` } }), 'invalid_audience'],
    [key.sign(`${issuer}.example.test`), 'invalid_issuer'],
    [key.sign(issuer, { header: { alg: 'none' } }), 'unsupported_algorithm'],
    [`${header}.${payload}`, 'malformed_token'],
    // During an outage, the unknown key might be a new one.
    [key.sign(issuer, { header: { kid: 'unknown' } }), 'unknown_key', 'jwks_unavailable'],
  ]
  return cases.map(([token, ...expected]) => ({ token, expected }))
}

/** Merges two lists, spreading the shorter one over the longer one. */
function mixed(many, few) {
  const step = Math.max(1, Math.floor(many.length / few.length))
  return many.flatMap((question, index) =>
    index % step === 0 ? [question, few[(index / step) % few.length]] : question,
  )
}

module.exports = { asking, bad, good, mixed, startLoad, sum, total }
