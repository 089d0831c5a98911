/**
 * The functions that `cases/revocation` and `cases/mirrors` call in other processes, which act as instances of an
 * application or as mirrors of a store.
 */

const { randomUUID } = require('node:crypto')
const { monitorEventLoopDelay } = require('node:perf_hooks')
const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { createRevocations } = require('logto-authkit/revocation')
const native = require('../js/core/addon')
const { CLIENTS, KEY, entry, machineTime, storeOf } = require('./redis')
const { AUDIENCE } = require('./tokens')

/** The number of ids per lookup. */
const IDS_PER_LOOKUP = 10_000

/**
 * Measures how long it takes to load all revocations, and counts false positives among other ids. Runs in a new
 * process.
 *
 * @param {{ port: number, library: string, others: number }} options
 */
async function load({ port, library, others }) {
  const before = await residentMemory()
  const startCpu = cpuSeconds()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  const revocations = createRevocations({ store: storeOf(port, library, 'load') })
  await revocations.ready()
  const seconds = (performance.now() - start) / 1000
  delay.disable()
  const cpu = cpuSeconds() - startCpu
  const mebibytes = ((await residentMemory()) - before) / 2 ** 20
  const { entries } = revocations.stats()
  const falsePositives = countFalsePositives(others)
  return { seconds, cpuSeconds: cpu, blockMs: delay.max / 1e6, mebibytes, entries, falsePositives }
}

/** Looks up random ids, and returns how many of them a revocation entry covers. @param {number} others */
function countFalsePositives(others) {
  const core = /** @type {import('../js/native/binding').NativeRevocations} */ (native.createRevocations({}, 'load'))
  let count = others
  for (let i = 0; i < others; i += IDS_PER_LOOKUP) {
    // A revocation entry that is older than all others counts as missing, unless another one has the same fingerprint.
    const entries = Array.from({ length: IDS_PER_LOOKUP }, () => entry(randomUUID(), 86_400))
    count -= core.missing(entries, Date.now()).length
  }
  return count
}

async function residentMemory() {
  for (let i = 0; i < 5; i += 1) {
    global.gc?.()
    await pause(50)
  }
  return process.memoryUsage.rss()
}

function cpuSeconds() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** @type {{ revocations: import('logto-authkit/revocation').Revocations, verifier: import('logto-authkit').Verifier, tokens: string[] }} */
let instance

/** Runs in each process. @param {{ port: number, setup: import('./peers').Setup, tokens: string[] }} options */
async function startInstance({ port, setup, tokens }) {
  const revocations = createRevocations({ store: storeOf(port) })
  await revocations.ready()
  const verifier = createVerifier({ logtoUrl: setup.logtoUrl, audience: AUDIENCE, revocations })
  for (const token of tokens) await verifier.verify(token)
  instance = { revocations, verifier, tokens }
}

/** Waits until a user's token is rejected, and returns the machine time. @param {number} user */
async function rejectedAt(user) {
  for (;;) {
    const isValid = await instance.verifier.verify(instance.tokens[user]).then(
      () => true,
      () => false,
    )
    if (!isValid) return machineTime()
    await pause(1)
  }
}

/** @param {number} user */
async function revokeUser(user) {
  const start = machineTime()
  await instance.revocations.revokeSubject(`user-${user}`)
  return start
}

/** Only every tenth revocation is timed, because timing every revocation would slow down the mirrors. */
const SAMPLE_STEP = 10

/** @type {{ lags: number[], received: number }} */
const record = { lags: [], received: 0 }

/** @param {string[]} entries */
function arrived(entries) {
  const now = machineTime()
  for (let i = SAMPLE_STEP - 1 - (record.received % SAMPLE_STEP); i < entries.length; i += SAMPLE_STEP) {
    const json = entries[i]
    record.lags.push(now - Number.parseFloat(json.slice(json.indexOf('"id":"') + 6)))
  }
  record.received += entries.length
}

/** Runs in each process. @param {{ port: number, count: number, library: string }} options */
async function startMirrors({ port, count, library }) {
  const mirrors = Array.from({ length: count }, () => {
    const store = storeOf(port, library)
    const read = store.read.bind(store)
    store.read = async (...args) => {
      const batch = await read(...args)
      // Records the arrival after the mirror has applied the revocations.
      setImmediate(() => arrived(batch.entries))
      return batch
    }
    return createRevocations({ store })
  })
  await Promise.all(mirrors.map((revocations) => revocations.ready()))
}

/**
 * Starts clients that only read the store, for comparison with mirrors. Runs in each process.
 *
 * @param {{ port: number, count: number, library: string, pauseMs: number }} options
 */
async function startReaders({ port, count, library, pauseMs }) {
  for (let i = 0; i < count; i += 1) {
    const client = CLIENTS[library](port)
    await client.connect()
    readForever(library === 'ioredis' ? (args) => client.call(...args) : (args) => client.sendCommand(args), pauseMs)
  }
}

/** @type {(send: (args: string[]) => Promise<any>, pauseMs: number) => Promise<void>} */
async function readForever(send, pauseMs) {
  for (let start = '-'; ; ) {
    /** @type {[id: string, fields: string[]][]} */
    const items = await send(['XRANGE', KEY, start, '+', 'COUNT', '1000'])
    arrived(items.map(([, [, value]]) => value))
    if (items.length > 0) start = `(${items[items.length - 1][0]}`
    await pause(pauseMs)
  }
}

const lags = () => record.lags

/**
 * Resolves when `count` revocations have arrived, or after `seconds`.
 *
 * @param {{ count: number, seconds: number }} options
 */
async function received({ count, seconds }) {
  const end = performance.now() + seconds * 1000
  while (record.received < count && performance.now() < end) await pause(10)
  return record.received
}

module.exports = { cpuSeconds, lags, load, received, rejectedAt, revokeUser, startInstance, startMirrors, startReaders }
