/** For scripts in separate processes. Does not load the addon. */

const assert = require('node:assert/strict')
const { held, keySet, startKeyServer } = require('./key-server')
const { AUDIENCE, createKey } = require('./tokens')
const { endInWorker, verifyInWorker } = require('./worker')

/** A key server with an ES384 key, and options and tokens for it. With `isHeld`, it responds after `release()`. */
async function start({ isHeld = false } = {}) {
  const key = createKey('ES384')
  const { answer, release } = held(keySet([key]))
  const server = await startKeyServer({ after() {} }, { keys: [key], ...(isHeld && { answer }) })
  const options = { logtoUrl: server.logtoUrl, audience: AUDIENCE }
  return { key, server, release, options, sign: () => key.sign(server.issuer) }
}

module.exports = { assert, endInWorker, held, keySet, start, verifyInWorker }
