/** Key rotations under load, and thousands of made-up key ids. */

const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { keySet, startKeyServer, text } = require('../support/key-server')
const { AUDIENCE, createKey } = require('../support/tokens')
const { asking, bad, good, mixed, startLoad, sum, total } = require('./load')
const { MAX_WAIT_MS, RECOVERY_MS, TIMES, fetched } = require('./outages')

/** @typedef {import('../support/tokens').Key} Key */

/** A long cache lifetime, so that only the first token of a new key triggers a fetch. */
const LASTING = { ...TIMES, jwksCacheTtlMs: 3_600_000 }

/** The invalid tokens that trigger no fetch. */
const badWithoutFetch = (key, issuer) => bad(key, issuer).filter(({ expected }) => !expected.includes('unknown_key'))

async function rotations({ t, report }) {
  for (const [how, grace] of /** @type {const} */ ([
    ['with grace', true],
    ['without grace', false],
  ])) {
    const server = await startKeyServer(t)
    const load = await startFetched(server)
    let key = server.key
    await load.use(mixed(good(key, server.issuer, 100), badWithoutFetch(key, server.issuer)))
    await pause(200)
    for (let rotation = 0; rotation < 5; rotation += 1) {
      // Without this pause, the new key would appear within the cooldown of the previous one.
      await pause(TIMES.jwksCooldownMs + 50)
      const next = createKey(rotation % 2 === 0 ? 'ES384' : 'ES256')
      const of = (key) => good(key, server.issuer, 100)
      server.answer = keySet(grace ? [next, key] : [next])
      // Without grace, tokens of the previous key stay valid until the first token of the new key arrives.
      const questions = grace ? [...of(next), ...of(key)] : of(next)
      await load.use(mixed(questions, badWithoutFetch(next, server.issuer)))
      await pause(200)
      if (!grace) {
        const former = of(key).map(({ token }) => ({ token, expected: ['unknown_key', 'jwks_unavailable'] }))
        await load.use(mixed(of(next), [...former.slice(0, 5), ...badWithoutFetch(next, server.issuer)]))
        await pause(TIMES.jwksCooldownMs + 50)
        // The tokens of the previous key have triggered another fetch.
        await load.use(mixed(of(next), badWithoutFetch(next, server.issuer)))
      }
      key = next
    }
    await load.stop()
    const maxRequests = 1 + 5 * (grace ? 1 : 4)
    row(report, server, { name: `5 rotations ${how}`, figures: load.current(), maxRequests, recoveryMs: 0 })
    report.faults(5)
  }
  await rotationInFlood(t, report)
  await lateRotation(t, report)
}

/** New keys must be found after the cooldown at the latest, even if made-up ids keep triggering fetches. */
async function rotationInFlood(t, report) {
  const server = await startKeyServer(t)
  const load = await startFetched(server)
  let key = server.key
  await load.use(mixed(good(key, server.issuer, 200), bad(key, server.issuer)))
  await pause(200)
  const [began, phases] = [performance.now(), [await load.phase()]]
  let recoveryMs = 0
  for (let rotation = 0; rotation < 3; rotation += 1) {
    const next = createKey()
    server.answer = keySet([next, key])
    const published = performance.now()
    const ended = load.phase(RECOVERY_MS)
    await load.use(
      mixed([...good(next, server.issuer, 100), ...good(key, server.issuer, 100)], bad(key, server.issuer)),
    )
    phases.push(await ended)
    await pause(RECOVERY_MS + 300)
    recoveryMs = Math.max(recoveryMs, load.current().lastRejected - published)
    key = next
  }
  await load.stop()
  const figures = sum([...phases, load.current()])
  const callersSee = 'unknown_key or jwks_unavailable, then no difference'
  row(report, server, {
    name: '3 rotations among made-up ids',
    figures,
    maxRequests: perCooldown(began),
    recoveryMs,
    callersSee,
  })
  report.faults(3)
}

/** A key that signs tokens before it is published, which Logto's own caches can cause. */
async function lateRotation(t, report) {
  const server = await startKeyServer(t)
  const load = await startFetched(server)
  const key = createKey()
  const of = (key) => good(key, server.issuer, 100)
  const unpublished = of(key).map(({ token }) => ({ token, expected: ['unknown_key', 'jwks_unavailable'] }))
  const began = performance.now()
  await load.use([...of(server.key), ...unpublished])
  await pause(1000)
  const both = [...of(server.key), ...of(key)]
  await justAsked(server)
  const early = load.phase(RECOVERY_MS)
  // From now on, tokens of the new key count as valid. Pending verifications count for the previous phase.
  await load.use(both)
  server.answer = keySet([key, server.key])
  const published = performance.now()
  await pause(RECOVERY_MS + 300)
  await load.stop()
  const recoveryMs = Math.max(0, load.current().lastRejected - published)
  const figures = sum([await early, load.current()])
  const callersSee = 'unknown_key or jwks_unavailable, then no difference'
  row(report, server, {
    name: 'a key that is published late',
    figures,
    maxRequests: perCooldown(began),
    recoveryMs,
    callersSee,
  })
  report.faults(1)
}

async function floods({ t, report }) {
  for (const [name, isDown] of /** @type {const} */ ([
    ['made-up key ids', false],
    ['made-up key ids during an outage', true],
  ])) {
    const server = await startKeyServer(t)
    const verifier = createVerifier(options(server))
    await fetched(verifier)
    if (isDown) server.answer = text(500)
    const began = performance.now()
    const [flood, load] = [startLoad(asking(verifier)), startLoad(asking(verifier), { concurrency: 16 })]
    await flood.use(madeUp(server, 10_000))
    await load.use(good(server.key, server.issuer, 500))
    await pause(2000)
    await Promise.all([flood.stop(), load.stop()])
    const figures = sum([flood.current(), load.current()])
    row(report, server, { name, figures, maxRequests: perCooldown(began) })
    report.faults(1)
  }
}

/** Tokens with made-up key ids. */
function madeUp(server, count) {
  const [, payload, signature] = server.key.sign(server.issuer).split('.')
  return Array.from({ length: count }, (_, number) => {
    const header = JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: `made-up-${number}` })
    const token = `${Buffer.from(header).toString('base64url')}.${payload}.${signature}`
    return { token, expected: ['unknown_key', 'jwks_unavailable'] }
  })
}

/** Resolves when a fetch has just begun, so that the whole cooldown remains. */
const justAsked = (server) => server.requested(server.requests.length + 1)

async function startFetched(server) {
  const verifier = createVerifier(options(server))
  await fetched(verifier)
  return startLoad(asking(verifier))
}

const options = ({ logtoUrl }) => ({ logtoUrl, audience: AUDIENCE, tokenCacheSize: 100, ...LASTING })

/** How many requests the server may receive: one per cooldown, and two more. */
const perCooldown = (began) => Math.floor(2 + (performance.now() - began) / TIMES.jwksCooldownMs)

function row(report, { requests }, { figures, callersSee = 'no difference', ...more }) {
  const lost = total(figures.rejected) + total(figures.wrong)
  const limits = { maxMs: MAX_WAIT_MS, maxRecoveryMs: RECOVERY_MS }
  const { slowestMs } = figures
  report.row({ ...more, figures, callersSee, lost, slowestMs, cachedKeys: 'yes', requests: requests.length, ...limits })
}

module.exports = { floods, rotations }
