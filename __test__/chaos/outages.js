/** What callers see while a key server fails, with a good set at hand and without, and how soon it is over. */

const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { keySet, startKeyServer } = require('../support/key-server')
const { AUDIENCE, createKey } = require('../support/keys')
const { FAULTS, served } = require('./faults')
const { asking, bad, good, mixed, startLoad, sum, total } = require('./load')

/**
 * @typedef {import('../support/key-server').KeyServer} KeyServer
 * @typedef {import('./run').Scenario} Scenario
 * @typedef {{ name: string, begin: () => unknown, end: () => unknown, flaps?: boolean }} Fault
 */

/** As short as a busy machine bears. */
const TIMES = { jwksCacheTtlMs: 400, jwksCooldownMs: 300, jwksTimeoutMs: 200 }

/** What cool-down and time-out make, and a second for a machine that has other things to do. */
const RECOVERY_MS = TIMES.jwksCooldownMs + TIMES.jwksTimeoutMs + 1000

/** With the time-out, and with that second; the longest that anybody waits. */
const LONGEST_MS = TIMES.jwksTimeoutMs + 1000

const HEALTHY_MS = 300
const FAULTY_MS = 1200
/** So long without a refusal is as good as for ever. */
const QUIET_MS = 400

/** @type {Scenario} */
async function outages({ t, report }) {
  const key = createKey()
  const server = await startKeyServer(t, { keys: [key] })
  const healthy = keySet([key])
  const { port } = server
  await outage(server, key, report, {
    name: 'refuses connections',
    begin: () => {
      server.server.close()
      server.server.closeAllConnections()
    },
    end: () => new Promise((resolve) => server.server.listen(port, '127.0.0.1', () => resolve(null))),
  })
  for (const [name, answer] of FAULTS) {
    const begin = () => {
      server.answer = answer({ keys: [key], healthy })
    }
    await outage(server, key, report, { name, begin, end: () => {}, flaps: name === 'flaps' })
  }
  report.must(served.mostBytes < 16 * 2 ** 20, `${served.mostBytes} bytes of the 100 MB were read`)
  const followed = server.requests.filter(({ url }) => url?.includes('again'))
  report.must(followed.length === 0, 'a redirect was followed')
}

let count = 0

/**
 * One outage, under load all the time: of a process that has a good set, and of one that has none yet. When it is over, there
 * is a new key too, which both have to find.
 *
 * @param {KeyServer} server
 * @param {import('../support/keys').Key} key
 * @param {import('./run').Report} report
 * @param {Fault} fault
 */
async function outage(server, key, report, { name, begin, end, flaps = false }) {
  count += 1
  const { logtoUrl, issuer } = server
  // Caches of their own, by addresses of their own.
  const start = (/** @type {string} */ what) => {
    const path = `${server.jwksUri}/${count}/${what}`
    const asked = () => server.requests.filter(({ url }) => url && path.endsWith(url)).length
    const verifier = createVerifier({ logtoUrl, jwksUri: path, audience: AUDIENCE, tokenCacheSize: 100, ...TIMES })
    return { verifier, load: startLoad(asking(verifier), { concurrency: 32 }), asked }
  }
  server.answer = keySet([key])
  const [warm, cold] = [start('warm'), start('cold')]
  const questions = mixed(good(key, issuer, 150), bad(key, issuer))
  await fetched(warm.verifier)
  await warm.load.use(questions)
  await pause(HEALTHY_MS)

  await begin()
  const before = await warm.load.phase()
  const [askedBefore, began] = [warm.asked(), performance.now()]
  // An outage is what the process that has no keys must say.
  await cold.load.use(questions)
  await pause(FAULTY_MS)
  const next = createKey()
  const both = mixed([...good(next, issuer, 75), ...questions.filter(isGood)], bad(key, issuer))
  // It is over when a fetch has just failed, so that the whole cool-down is still to come.
  const failures = () => warm.verifier.stats().jwks.failures
  const [sofar, latest] = [failures(), performance.now() + 3000]
  while (failures() === sofar && performance.now() < latest) await pause(2)
  const faultyMs = performance.now() - began
  const asks = [warm.asked() - askedBefore, cold.asked()]
  server.answer = keySet([next, key])
  await end()

  const healed = performance.now()
  const inFault = [warm.load.phase(RECOVERY_MS), cold.load.phase(RECOVERY_MS)]
  for (const { load } of [warm, cold]) load.use(both)
  const isQuiet = () => {
    const last = Math.max(warm.load.current().lastRefused, cold.load.current().lastRefused, healed)
    const now = performance.now()
    return now - last > QUIET_MS || now - healed > RECOVERY_MS + QUIET_MS
  }
  while (!isQuiet()) await pause(20)
  await Promise.all([warm.load.stop(), cold.load.stop()])

  const most = 2 + faultyMs / TIMES.jwksCooldownMs + (flaps ? faultyMs / (0.8 * TIMES.jwksCacheTtlMs) : 0)
  for (const [which, { load }] of [warm, cold].entries()) {
    const during = await inFault[which]
    const after = load.current()
    // Without keys every question is answered so.
    const excused = which === 0 ? 0 : outagesOf(during)
    const figures = sum(which === 0 ? [before, during, after] : [during, after])
    report.row({
      name: which === 0 ? name : '',
      atHand: which === 0 ? 'a good set' : 'nothing',
      figures,
      seen: seen(during),
      lost: total(figures.refused) + total(figures.wrong) - excused,
      slowestMs: figures.slowestMs,
      longestMs: LONGEST_MS,
      asks: asks[which],
      most: Math.floor(most),
      recoveryMs: Math.max(0, after.lastRefused - healed),
      limitMs: RECOVERY_MS,
    })
  }
  report.faults(2)
}

/**
 * However long it takes: a first fetch reads the trust anchors of the system, too.
 *
 * @param {import('logto-authkit').Verifier} verifier
 */
async function fetched(verifier) {
  const isThere = () =>
    verifier.prefetch().then(
      () => true,
      () => false,
    )
  while (!(await isThere())) await pause(20)
}

/** @param {import('./load').Question} question */
const isGood = ({ expected }) => expected.includes('accepted')

/**
 * How many were told that there are no keys.
 *
 * @param {import('./load').Figures} figures
 */
function outagesOf({ refused, wrong }) {
  const told = Object.entries({ ...refused, ...wrong }).filter(([code]) => code.startsWith('jwks_unavailable'))
  return told.reduce((sum, [, count]) => sum + count, 0)
}

/** @param {import('./load').Figures} figures */
function seen({ good, refused }) {
  const all = total(refused)
  if (all === 0) return 'what they would see without'
  const codes = Object.keys(refused).map((code) => (code === 'jwks_unavailable' ? '503' : code))
  return `${codes}${all < good ? `, then as without` : ''}`
}

module.exports = { LONGEST_MS, RECOVERY_MS, TIMES, fetched, outage, outages }
