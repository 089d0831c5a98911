/** Load: verifications of good and bad tokens, so many at a time, and what comes of them. */

const { monitorEventLoopDelay } = require('node:perf_hooks')
const { setImmediate: turn } = require('node:timers/promises')
const { verdict } = require('../support/helpers')
const { AUDIENCE } = require('../support/keys')

/**
 * @typedef {import('../support/keys').Key} Key
 * @typedef {{ token: string, expected: string[] }} Question - a token, and the verdicts that are right
 * @typedef {ReturnType<typeof newFigures>} Figures
 * @typedef {ReturnType<typeof startLoad>} Load
 */

/**
 * Asks without a pause until it is stopped.
 *
 * @param {(token: string) => Promise<string>} ask - its verdict: `'accepted'`, or a code
 * @param {{ concurrency?: number }} [options]
 */
function startLoad(ask, { concurrency = 64 } = {}) {
  /** @type {Question[]} */
  let questions = []
  let figures = newFigures()
  let stopped = false
  let resting = false
  let next = 0
  /** How many are under way of each list of questions. @type {Map<Question[], number>} */
  const underWay = new Map()

  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const stall = () => {
    const { max } = delay
    delay.reset()
    return max / 1e6
  }

  const one = async () => {
    while (!stopped) {
      // Answers that come at once must not keep the event loop from all else.
      await turn()
      if (resting || questions.length === 0) continue
      const [list, counts] = [questions, figures]
      const { token, expected } = list[next++ % list.length]
      underWay.set(list, (underWay.get(list) ?? 0) + 1)
      const began = performance.now()
      const found = await ask(token)
      count(counts, expected, found, began)
      const left = Number(underWay.get(list)) - 1
      if (left > 0) underWay.set(list, left)
      else underWay.delete(list)
    }
  }
  const done = Promise.all(Array.from({ length: concurrency }, one))

  return {
    /**
     * Asks these from now on; done when the answers to those before are there.
     *
     * @param {Question[]} others
     */
    async use(others) {
      const former = questions
      questions = others
      while (underWay.has(former)) await turn()
    },
    /**
     * The figures of all that began since the last call; done when their answers are there.
     *
     * @param {number} [graceMs] - How long the next phase may refuse what it will accept, or for another reason.
     */
    async phase(graceMs) {
      const ended = figures
      ended.stallMs = stall()
      figures = newFigures(graceMs)
      const before = questions
      questions = [...questions]
      while (underWay.has(before)) await turn()
      ended.seconds = (performance.now() - ended.began) / 1000
      return ended
    },
    /** What has been counted in this phase so far. */
    current() {
      figures.stallMs = Math.max(figures.stallMs, stall())
      return figures
    },
    /**
     * Nothing is under way until the work is done.
     *
     * @template T
     * @param {() => Promise<T>} work
     */
    async rest(work) {
      resting = true
      while (underWay.size > 0) await turn()
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
    /** Refused within the grace. */
    excused: 0,
    /** Good tokens refused, by code. @type {Record<string, number>} */
    refused: {},
    /** When the last good one began that was refused, in the grace too. */
    lastRefused: 0,
    badAccepted: 0,
    /** Refused for another reason than is right. @type {Record<string, number>} */
    wrong: {},
    slowestMs: 0,
    /** The longest that the machine had no time for this thread: nobody's waiting is shorter. */
    stallMs: 0,
  }
}

/**
 * @param {Figures} figures
 * @param {string[]} expected
 * @param {string} found
 * @param {number} began
 */
function count(figures, expected, found, began) {
  const isGood = expected.includes('accepted')
  figures.tried += 1
  figures.slowestMs = Math.max(figures.slowestMs, performance.now() - began)
  if (isGood) figures.good += 1
  if (expected.includes(found)) return
  if (isGood) figures.lastRefused = Math.max(figures.lastRefused, began)
  if (found === 'accepted') figures.badAccepted += 1
  else if (began - figures.began < figures.graceMs) figures.excused += 1
  else {
    const counts = isGood ? figures.refused : figures.wrong
    const what = isGood ? found : `${found}, not ${expected.join('|')}`
    counts[what] = (counts[what] ?? 0) + 1
  }
}

/** @param {Record<string, number>} counts */
const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0)

/**
 * The same figures, of several phases.
 *
 * @param {Figures[]} phases
 */
function sum(phases) {
  const all = newFigures()
  for (const figures of phases) {
    for (const name of /** @type {const} */ (['seconds', 'tried', 'good', 'excused', 'badAccepted']))
      all[name] += figures[name]
    all.slowestMs = Math.max(all.slowestMs, figures.slowestMs)
    all.stallMs = Math.max(all.stallMs, figures.stallMs)
    for (const name of /** @type {const} */ (['refused', 'wrong'])) {
      for (const [code, count] of Object.entries(figures[name])) all[name][code] = (all[name][code] ?? 0) + count
    }
  }
  return all
}

/**
 * @param {import('logto-authkit').Verifier} verifier
 * @returns {(token: string) => Promise<string>}
 */
const asking = (verifier) => (token) => verdict(verifier.verify(token))

/**
 * Tokens of that key that are good.
 *
 * @param {Key} key
 * @param {string} issuer
 * @param {number} count
 * @returns {Question[]}
 */
const good = (key, issuer, count) =>
  Array.from({ length: count }, () => ({ token: key.sign(issuer), expected: ['accepted'] }))

/**
 * One bad token of every kind that a stranger can send, and what is said of it.
 *
 * @param {Key} key
 * @param {string} issuer
 * @returns {Question[]}
 */
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
    // While no newer set can be had, it may be of a new key.
    [key.sign(issuer, { header: { kid: 'unknown' } }), 'unknown_key', 'jwks_unavailable'],
  ]
  return cases.map(([token, ...expected]) => ({ token, expected }))
}

/**
 * Two lists, the shorter one spread over the longer.
 *
 * @param {Question[]} many
 * @param {Question[]} few
 */
function mixed(many, few) {
  const step = Math.max(1, Math.floor(many.length / few.length))
  return many.flatMap((question, index) =>
    index % step === 0 ? [question, few[(index / step) % few.length]] : question,
  )
}

module.exports = { asking, bad, good, mixed, startLoad, sum, total }
