/** One of several threads or processes that start many verifications at the same time. */

const { parentPort } = require('node:worker_threads')
const { createVerifier } = require('logto-authkit')
const { verdict } = require('../support/helpers')

const send = (message) => (parentPort ? parentPort.postMessage(message) : process.send?.(message))

async function verifyAll({ options, tokens }) {
  const verifier = createVerifier(options)
  const verdicts = {}
  for (const found of await Promise.all(tokens.map((token) => verdict(verifier.verify(token))))) {
    verdicts[found] = (verdicts[found] ?? 0) + 1
  }
  send({ verdicts })
  if (!parentPort) process.disconnect()
}
;(parentPort ?? process).once('message', verifyAll)
send('ready')
