/** Worker threads that verify a token. The thread that starts them does not have to load the addon. */

const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads')

/** @typedef {{ logtoUrl: string, audience: string, token: string, jwksUri?: string, tokenCacheSize?: number }} Task */

/**
 * A worker that verifies a token and exits: promises of the start of the verification, its result and the exit code.
 */
function verifyInWorker(task) {
  const worker = new Worker(__filename, { workerData: { task, end: null } })
  /** @type {Promise<void>} */
  const asked = new Promise((resolve) => worker.once('message', () => resolve()))
  const answered = new Promise((resolve, reject) => {
    worker.on('message', (message) => message !== ASKED && resolve(message)).once('error', reject)
  })
  const exited = new Promise((resolve) => worker.once('exit', resolve))
  return { asked, answered, exited }
}

/** A worker that starts a hundred verifications and ends in the given way before they settle. */
async function endInWorker(task, end) {
  const worker = new Worker(__filename, { workerData: { task, end } }).on('error', () => {})
  if (end === 'is terminated') worker.once('message', () => worker.terminate())
  await new Promise((resolve) => worker.once('exit', resolve))
}

async function work(/** @type {any} */ { task: { token, ...options }, end }) {
  const { createVerifier } = require('logto-authkit')
  const verifier = createVerifier(options)
  const outcomes = Array.from({ length: end === null ? 1 : 100 }, () => verifier.verify(token))
  parentPort?.postMessage(ASKED)
  if (end === 'exits') process.exit(0)
  if (end === 'fails') throw new Error('wanted')
  if (end === 'is terminated') parentPort?.on('message', () => {})
  const [{ userId }] = await Promise.all(outcomes)
  parentPort?.postMessage({ userId, ...verifier.stats() })
}

const ASKED = 'asked'

if (!isMainThread) work(workerData)

module.exports = { endInWorker, verifyInWorker }
