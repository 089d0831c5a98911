/** For `doctor --redis`, checks the revocation stream. */

const { randomBytes } = require('node:crypto')
const { setTimeout } = require('node:timers/promises')
const { createRevocations, redisStore } = require('../revocation')
const { explainRedisError } = require('./doctor-connection')
const { formatDuration } = require('./times')

/**
 * @typedef {import('./doctor-findings').Finding} Finding
 * @typedef {import('./doctor-redis').Send} Send
 */

/** A year, which exceeds the lifetime of every token, so that all entries in the stream are counted. */
const LONGEST_TOKEN_LIFETIME_SECONDS = 31_536_000

/**
 * The time limit for loading all revocation entries of a stream. Loading a million revocation entries takes a few
 * seconds.
 */
const LOAD_TIMEOUT_MS = 30_000

/** The maximum number of test revocations, and the maximum total duration. */
const MAX_TEST_REVOCATIONS = 20
const MAX_TEST_DURATION_MS = 3000

/** The documentation promises that a revocation takes effect on every instance within a second. */
const MAX_LAG_MS = 1000

/** The test stream expires after this time, in case this process ends without deleting it. */
const TEST_STREAM_LIFETIME_MS = 60_000

/**
 * @param {Send} send
 * @param {string} key
 * @returns {Promise<Finding>}
 */
async function streamFinding(send, key) {
  const check = 'Stream'
  try {
    const [length, first, last] = await Promise.all([
      send('XLEN', key),
      send('XRANGE', key, '-', '+', 'COUNT', '1'),
      send('XREVRANGE', key, '+', '-', 'COUNT', '1'),
    ])
    if (first.length === 0) {
      const advice = 'If your application passes a prefix to redisStore, pass it with --redis-prefix.'
      return { check, ok: null, found: `${key} does not exist, so nothing is revoked`, advice }
    }
    const age = (/** @type {any} */ [[id]]) =>
      `${formatDuration((Date.now() - Number.parseInt(String(id), 10)) / 1000)} ago`
    const items = `${Number(length).toLocaleString('en')} ${Number(length) === 1 ? 'item' : 'items'}`
    return { check, ok: true, found: `${key}: ${items}, oldest ${age(first)}, newest ${age(last)}` }
  } catch (error) {
    return { check, ok: false, ...explainRedisError(error, key) }
  }
}

/**
 * Loads all entries of the stream as an application does.
 *
 * @param {any} client
 * @param {string} prefix
 * @returns {Promise<Finding>}
 */
async function revocationEntriesFinding(client, prefix) {
  const check = 'Entries'
  const revocations = createRevocations({
    store: redisStore(client, { prefix }),
    maxTokenLifetime: LONGEST_TOKEN_LIFETIME_SECONDS,
  })
  try {
    const startedAt = performance.now()
    await waitUntilLoaded(revocations)
    const { entries, skipped, ahead } = revocations.stats()
    const found = `${entries.toLocaleString('en')} loaded in ${milliseconds(performance.now() - startedAt)}`
    if (ahead > 0) {
      const advice =
        'Synchronize the clocks of all instances. These entries reject all tokens issued before their time.'
      return { check, ok: false, found: `${ahead.toLocaleString('en')} in the future, ${found}`, advice }
    }
    if (skipped === 0) return { check, ok: true, found }
    const advice =
      'Update logto-authkit if another instance runs a later release. Otherwise, something else writes to the stream.'
    return { check, ok: false, found: `${skipped.toLocaleString('en')} not understood, ${found}`, advice }
  } catch (error) {
    return { check, ok: false, ...explainRedisError(error, 'loading them') }
  } finally {
    await revocations.close()
  }
}

/**
 * Waits until all revocations have been loaded from the store. Throws if the store fails, whereas `ready` would keep
 * waiting.
 *
 * @param {import('../revocation').Revocations} revocations
 */
async function waitUntilLoaded(revocations) {
  let isReady = false
  const ready = revocations.ready().then(() => {
    isReady = true
  })
  ready.catch(() => {}) // `ready` rejects if the revocations are closed before all entries are loaded.
  const deadline = performance.now() + LOAD_TIMEOUT_MS
  while (!isReady) {
    const { lastError } = revocations.stats()
    if (lastError !== null) throw new Error(lastError)
    if (performance.now() > deadline) throw new Error(`no response within ${LOAD_TIMEOUT_MS} ms`)
    await setTimeout(5)
  }
}

/**
 * Measures how long a revocation takes to reach another instance. The test revocations are in a separate stream, which
 * no application reads.
 *
 * @param {any} client
 * @param {string} prefix
 * @param {Send} send
 * @returns {Promise<Finding>}
 */
async function lagFinding(client, prefix, send) {
  const check = 'Lag'
  // In a cluster, this connection reaches only the node that serves the application's stream. The hash tag puts the
  // test stream into the slot of the application's stream, and thus on the same node.
  const tag = prefix.includes('{') ? `${prefix}:revocations` : `{${prefix}:revocations}`
  const testPrefix = `${tag}:doctor:${randomBytes(6).toString('hex')}`
  // Two stores with the same identity would share their entries in this process, so the test stores have no identity.
  const createTestRevocations = () =>
    createRevocations({ store: Object.assign(redisStore(client, { prefix: testPrefix }), { identity: undefined }) })
  const [one, two] = [createTestRevocations(), createTestRevocations()]
  try {
    await Promise.all([waitUntilLoaded(one), waitUntilLoaded(two)])
    const times = []
    const start = performance.now()
    for (let i = 0; i < MAX_TEST_REVOCATIONS && performance.now() - start < MAX_TEST_DURATION_MS; i += 1) {
      const startedAt = performance.now()
      await one.revokeSubject(`probe ${i}`)
      if (i === 0) await send('PEXPIRE', `${testPrefix}:revocations`, `${TEST_STREAM_LIFETIME_MS}`)
      while (two.stats().entries <= i) {
        if (performance.now() - startedAt > LOAD_TIMEOUT_MS) throw new Error(`no response within ${LOAD_TIMEOUT_MS} ms`)
        await setTimeout(1)
      }
      times.push(performance.now() - startedAt)
    }
    times.sort((a, b) => a - b)
    const count = times.length
    const slowestMs = times[count - 1]
    const found = `${milliseconds(times[count >> 1])} until another instance rejects; slowest of ${count}: ${milliseconds(slowestMs)}`
    if (slowestMs <= MAX_LAG_MS) return { check, ok: true, found }
    const advice =
      'Revocations should take effect within a second. Check the network, and SLOWLOG for commands that block Redis.'
    return { check, ok: false, found, advice }
  } catch (error) {
    return { check, ok: false, ...explainRedisError(/** @type {any} */ (error).cause ?? error, 'a test revocation') }
  } finally {
    await send('DEL', `${testPrefix}:revocations`).catch(() => {})
    await Promise.all([one.close(), two.close()])
  }
}

/** @param {number} duration */
const milliseconds = (duration) => `${Math.round(duration).toLocaleString('en')} ms`

module.exports = { revocationEntriesFinding, lagFinding, streamFinding }
