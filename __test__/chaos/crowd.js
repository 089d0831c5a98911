/** One of several threads or processes that all ask for many verifications at the same time. */

const { parentPort } = require('node:worker_threads')
const { createVerifier } = require('logto-authkit')
const { verdict } = require('../support/helpers')

const tell = (/** @type {unknown} */ message) =>
  parentPort ? parentPort.postMessage(message) : process.send?.(message)

/** @param {{ options: import('logto-authkit').VerifyAuthOptions, tokens: string[] }} task */
async function verifyAll({ options, tokens }) {
  const verifier = createVerifier(options)
  /** @type {Record<string, number>} */
  const verdicts = {}
  for (const found of await Promise.all(tokens.map((token) => verdict(verifier.verify(token))))) {
    verdicts[found] = (verdicts[found] ?? 0) + 1
  }
  tell({ verdicts })
  if (!parentPort) process.disconnect()
}
/** @type {import('node:events').EventEmitter} */
;(parentPort ?? process).once('message', verifyAll)
tell('ready')
