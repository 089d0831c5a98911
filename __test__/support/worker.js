/** Worker threads that verify a token. The thread that starts them does not have to load the addon. */

const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads')

/**
 * @typedef {{ logtoUrl: string, audience: string, token: string, jwksUri?: string, tokenCacheSize?: number }} Task
 * @typedef {import('logto-authkit').VerifierStats & { userId: string | null }} Answer
 * @typedef {'exits' | 'fails' | 'is terminated'} End
 */

/**
 * A worker that verifies a token and exits: promises of the start of the verification, its result and the exit code.
 *
 * @param {Task} task
 */
function verifyInWorker(task) {
  const worker = new Worker(__filename, { workerData: { task, end: null } })
  /** @type {Promise<void>} */
  const asked = new Promise((resolve) => worker.once('message', () => resolve()))
  /** @type {Promise<Answer>} */
  const answered = new Promise((resolve, reject) => {
    worker.on('message', (message) => message !== ASKED && resolve(message)).once('error', reject)
  })
  /** @type {Promise<number>} */
  const exited = new Promise((resolve) => worker.once('exit', resolve))
  return { asked, answered, exited }
}

/**
 * A worker that starts a hundred verifications and ends in the given way before they settle.
 *
 * @param {Task} task
 * @param {End} end
 */
async function endInWorker(task, end) {
  const worker = new Worker(__filename, { workerData: { task, end } }).on('error', () => {})
  if (end === 'is terminated') worker.once('message', () => worker.terminate())
  await new Promise((resolve) => worker.once('exit', resolve))
}

/** @param {{ task: Task, end: End | null }} data */
async function work({ task: { token, ...options }, end }) {
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
