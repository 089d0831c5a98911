/** A key, its key set on a real HTTP server, and tokens of that issuer. */

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
