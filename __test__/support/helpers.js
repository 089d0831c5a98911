/** Issuers and servers that close with their test, and the outcome of a verification as a value. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { AuthError } = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')
const { AUDIENCE, bearer } = require('./tokens')

async function startIssuer(t, options) {
  const issuer = await createTestIssuer(options)
  t.after(() => issuer.close())
  return issuer
}

/** An HTTP server on 127.0.0.1. */
async function startServer(t, listener) {
  let connections = 0
  const server = createServer(listener).on('connection', () => {
    connections += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { url: `http://127.0.0.1:${port}`, port, connections: () => connections }
}

/** The `AuthError` that a verification rejects with. Any other error fails the test. */
async function rejection(verification) {
  const error = await verification.then(
    () => assert.fail('the token was accepted, but it should be rejected'),
    (error) => error,
  )
  if (!(error instanceof AuthError)) throw error
  return error
}

/** `'accepted'`, or the error code of the rejection. */
const verdict = (verification) => verification.then(() => 'accepted', codeOf)

/** The user, or the error code of the rejection. */
const outcome = (verification) => verification.then(({ userId }) => userId, codeOf)

function codeOf(error) {
  if (error instanceof AuthError) return error.code
  throw error
}

/** Adds a member to `Object.prototype`, as a vulnerability in another package could do. */
function pollute(t, name, value) {
  const prototype = /** @type {any} */ (Object.prototype)
  t.after(() => delete prototype[name])
  prototype[name] = value
}

module.exports = {
  AUDIENCE,
  bearer,
  outcome,
  pollute,
  rejection,
  startIssuer,
  startServer,
  verdict,
}
