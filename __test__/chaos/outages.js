/** Results of verifications while a key server fails, with and without cached keys, and the time to recover. */

const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { keySet, startKeyServer } = require('../support/key-server')
const { AUDIENCE, createKey } = require('../support/tokens')
const { FAULTS, served } = require('./faults')
const { asking, bad, good, mixed, startLoad, sum, total } = require('./load')

/** The intervals are as short as a busy machine permits. */
const TIMES = { jwksCacheTtlMs: 400, jwksCooldownMs: 300, jwksTimeoutMs: 200 }

/** The cooldown, the timeout, and a second for a busy machine. */
const RECOVERY_MS = TIMES.jwksCooldownMs + TIMES.jwksTimeoutMs + 1000

/** The longest time that a verification may take: the timeout, and a second for a busy machine. */
const MAX_WAIT_MS = TIMES.jwksTimeoutMs + 1000

const HEALTHY_MS = 300
const FAULTY_MS = 1200
/** After this time without a rejection, the outage counts as over. */
const QUIET_MS = 400

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
    await outage(server, key, report, { name, begin, end: () => {}, flaps: name === 'fails every other request' })
  }
  report.must(served.maxBytes < 16 * 2 ** 20, `${served.maxBytes} bytes of the 100 MB were read`)
  const followed = server.requests.filter(({ url }) => url?.includes('again'))
  report.must(followed.length === 0, 'a redirect was followed')
}

let count = 0

/**
 * Simulates an outage under load, for one verifier with cached keys and one without. After the outage, both must also
 * find a new key.
 */
async function outage(server, key, report, { name, begin, end, flaps = false }) {
  count += 1
  const { logtoUrl, issuer } = server
  // Different URLs, so that the verifiers share no cache.
  const start = (what) => {
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
  // The verifier without keys must report the outage.
  await cold.load.use(questions)
  await pause(FAULTY_MS)
  const next = createKey()
  const both = mixed([...good(next, issuer, 75), ...questions.filter(isGood)], bad(key, issuer))
  // The outage ends right after a failed fetch, so that the whole cooldown remains.
  const failures = () => warm.verifier.stats().jwks.failures
  const [sofar, latest] = [failures(), performance.now() + 3000]
  while (failures() === sofar && performance.now() < latest) await pause(2)
  const faultyMs = performance.now() - began
  const requests = [warm.asked() - askedBefore, cold.asked()]
  server.answer = keySet([next, key])
  await end()

  const healed = performance.now()
  const inFault = [warm.load.phase(RECOVERY_MS), cold.load.phase(RECOVERY_MS)]
  for (const { load } of [warm, cold]) load.use(both)
  const isQuiet = () => {
    const last = Math.max(warm.load.current().lastRejected, cold.load.current().lastRejected, healed)
    const now = performance.now()
    return now - last > QUIET_MS || now - healed > RECOVERY_MS + QUIET_MS
  }
  while (!isQuiet()) await pause(20)
  await Promise.all([warm.load.stop(), cold.load.stop()])

  const maxRequests = 2 + faultyMs / TIMES.jwksCooldownMs + (flaps ? faultyMs / (0.8 * TIMES.jwksCacheTtlMs) : 0)
  for (const [which, { load }] of [warm, cold].entries()) {
    const during = await inFault[which]
    const after = load.current()
    // Without keys, every verification reports the outage.
    const excused = which === 0 ? 0 : outagesOf(during)
    const figures = sum(which === 0 ? [before, during, after] : [during, after])
    report.row({
      name: which === 0 ? name : '',
      cachedKeys: which === 0 ? 'yes' : 'no',
      figures,
      callersSee: callersSee(during),
      lost: total(figures.rejected) + total(figures.wrong) - excused,
      slowestMs: figures.slowestMs,
      maxMs: MAX_WAIT_MS,
      requests: requests[which],
      maxRequests: Math.floor(maxRequests),
      recoveryMs: Math.max(0, after.lastRejected - healed),
      maxRecoveryMs: RECOVERY_MS,
    })
  }
  report.faults(2)
}

/**
 * Retries until the keys are fetched. The first fetch takes longer, because it also reads the system's trust anchors.
 */
async function fetched(verifier) {
  const isThere = () =>
    verifier.prefetch().then(
      () => true,
      () => false,
    )
  while (!(await isThere())) await pause(20)
}

const isGood = ({ expected }) => expected.includes('accepted')

/** The number of verifications that reported an outage. */
function outagesOf({ rejected, wrong }) {
  const reported = Object.entries({ ...rejected, ...wrong }).filter(([code]) => code.startsWith('jwks_unavailable'))
  return reported.reduce((sum, [, count]) => sum + count, 0)
}

function callersSee({ good, rejected }) {
  const all = total(rejected)
  if (all === 0) return 'no difference'
  const codes = Object.keys(rejected).map((code) => (code === 'jwks_unavailable' ? '503' : code))
  return `${codes}${all < good ? ', then no difference' : ''}`
}

module.exports = { MAX_WAIT_MS, RECOVERY_MS, TIMES, fetched, outage, outages }
