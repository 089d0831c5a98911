/** The functions that `cases/revocation` calls in other processes: instances of an application, and mirrors of a store. */

const { setTimeout: pause } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { createRevocations, redisStore } = require('logto-authkit/revocation')
const { Redis } = require('ioredis')
const { machineTime, mirror, separate } = require('./redis')
const { AUDIENCE } = require('./tokens')

/** Runs in the new process. @param {{ port: number }} options */
async function load({ port }) {
  const before = await residentMemory()
  const start = performance.now()
  const revocations = mirror(port)
  await revocations.ready()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage()
  const mebibytes = ((await residentMemory()) - before) / 2 ** 20
  return { seconds, cpuSeconds: (user + system) / 1e6, mebibytes, entries: revocations.stats().entries }
}

async function residentMemory() {
  for (let i = 0; i < 5; i += 1) {
    global.gc?.()
    await pause(50)
  }
  return process.memoryUsage.rss()
}

/** @type {{ revocations: import('logto-authkit/revocation').Revocations, verifier: import('logto-authkit').Verifier, tokens: string[] }} */
let instance

/** Runs in each process. @param {{ port: number, setup: import('./peers').Setup, tokens: string[] }} options */
async function startInstance({ port, setup, tokens }) {
  const revocations = mirror(port)
  await revocations.ready()
  const verifier = createVerifier({ logtoUrl: setup.logtoUrl, audience: AUDIENCE, revocations })
  for (const token of tokens) await verifier.verify(token)
  instance = { revocations, verifier, tokens }
}

/** Returns when the user's token was rejected, on the clock of the machine. @param {number} user */
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

/** @type {{ sample: number[], received: number, max: number }} */
const lagRecord = { sample: [], received: 0, max: 0 }

/** Runs in each process. @param {{ port: number, count: number }} options */
async function startMirrors({ port, count }) {
  const client = new Redis(port, { lazyConnect: true })
  const mirrors = Array.from({ length: count }, () => {
    const store = separate(redisStore(client))
    const read = store.read.bind(store)
    store.read = async (...args) => {
      const batch = await read(...args)
      setImmediate(() => record(batch.entries))
      return batch
    }
    return createRevocations({ store })
  })
  await Promise.all(mirrors.map((revocations) => revocations.ready()))
}

/** @param {string[]} entries */
function record(entries) {
  const now = machineTime()
  for (const json of entries) {
    const lag = now - Number.parseFloat(json.slice(json.indexOf('"id":"') + 6))
    lagRecord.received += 1
    lagRecord.max = Math.max(lagRecord.max, lag)
    // Every tenth, because all of them would fill the memory.
    if (lagRecord.received % 10 === 0) lagRecord.sample.push(lag)
  }
}

const lags = () => lagRecord

/** Resolves when this many entries have arrived. @param {number} count */
async function received(count) {
  while (lagRecord.received < count) await pause(10)
}

module.exports = { lags, load, received, rejectedAt, revokeUser, startInstance, startMirrors }
