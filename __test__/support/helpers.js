/** Issuers and servers that close with their test, what the package reports, and the outcome of a verification. */

const assert = require('node:assert/strict')
const { subscribe, unsubscribe } = require('node:diagnostics_channel')
const { createServer } = require('node:http')
const { AuthError } = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')
const { listen } = require('./servers')
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
  const url = await listen(t, server)
  return { url, port: Number(new URL(url).port), connections: () => connections }
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

/** The error for an invalid option. */
const invalidOptions = (/** @type {string | RegExp} */ message = /./) => ({
  name: 'TypeError',
  code: 'invalid_options',
  message,
})

/** Collects the warnings of the process until the test ends. */
function warningsOf(t) {
  /** @type {any[]} */
  const warnings = []
  const collect = (warning) => void warnings.push(warning)
  process.on('warning', collect)
  t.after(() => process.off('warning', collect))
  return warnings
}

/** Collects the messages of diagnostics channels until the test ends. */
function messagesOf(t, ...channels) {
  /** @type {any[]} */
  const messages = []
  const collect = (message) => void messages.push(message)
  for (const channel of channels) {
    subscribe(channel, collect)
    t.after(() => unsubscribe(channel, collect))
  }
  return messages
}

/** Loads the package again, as a module reset in a test runner does. */
function secondCopy(t, entry = 'logto-authkit') {
  const loaded = Object.entries(require.cache).filter(([path]) => /\/js\//.test(path) && !path.includes('node_modules'))
  for (const [path] of loaded) delete require.cache[path]
  t.after(() => Object.assign(require.cache, Object.fromEntries(loaded)))
  return require(entry)
}

module.exports = {
  AUDIENCE,
  bearer,
  invalidOptions,
  messagesOf,
  outcome,
  pollute,
  rejection,
  secondCopy,
  startIssuer,
  startServer,
  verdict,
  warningsOf,
}
