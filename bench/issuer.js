/** An issuer: a key, and an HTTP server that serves its key set. */

const { keySet, startKeyServer } = require('../__test__/support/key-server')
const { createKey } = require('./tokens')

/**
 * @param {import('./tokens').Algorithm} algorithm
 */
async function startIssuer(algorithm) {
  const key = createKey(algorithm)
  const { logtoUrl, issuer, jwksUri, requests, close } = await startKeyServer(
    { after() {} },
    { answer: keySet([/** @type {any} */ (key)]) },
  )
  return { setup: { logtoUrl, issuer, jwksUri, key }, requests, close }
}

module.exports = { startIssuer }
