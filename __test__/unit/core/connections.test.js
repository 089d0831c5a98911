/** The other tests of connections are in system/overload.test.js, because they need thousands of requests. */

const assert = require('node:assert/strict')
const { createHook } = require('node:async_hooks')
const { once } = require('node:events')
const { connect } = require('node:net')
const { test } = require('node:test')
const { setImmediate } = require('node:timers/promises')
const { createVerifier } = require('logto-authkit')
const { outcome, startServer } = require('../../support/helpers')
const { ISSUER, createKey, optionsFor } = require('../../support/tokens')

const key = createKey('ES384')
const FORGED = createKey('ES384', { kid: key.jwk.kid }).sign(ISSUER)
const REQUEST = `GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${FORGED}\r\n\r\n`
const COUNT = 1_000

test('A5: a client that disconnects without reading its responses leaves no timer behind', async (t) => {
  const timers = /** @type {any[]} */ ([])
  const hook = createHook({ init: (_id, type, _trigger, timer) => void (type === 'Timeout' && timers.push(timer)) })
  hook.enable()
  t.after(() => hook.disable())
  const verifier = createVerifier({ ...optionsFor(key), tokenCacheSize: 0 })
  const connections = /** @type {Set<import('node:net').Socket>} */ (new Set())
  const outcomes = /** @type {Promise<string>[]} */ ([])
  const { port } = await startServer(t, async (req, res) => {
    connections.add(req.socket)
    const verification = outcome(verifier.verify(/** @type {any} */ (req)))
    outcomes.push(verification)
    res.end((await verification) + '.'.repeat(200_000))
  })
  const client = connect(port, '127.0.0.1')
  client.write(REQUEST.repeat(COUNT))
  await once(client, 'readable')
  const [connection] = connections
  // The buffers are full if the connection has not drained for a while. Node has then paused the connection as well.
  for (let turns = 0; turns < 100; turns = connection.writableNeedDrain ? turns + 1 : 0) await setImmediate()
  const closed = new Promise((resolve) => connection.once('close', resolve))
  client.destroy()
  await closed
  await Promise.all(outcomes)
  for (let turns = 0; turns < 10; turns += 1) await setImmediate()
  assert.deepEqual(
    timers.filter(({ _timerArgs }) => _timerArgs?.includes(connection)),
    [],
  )
})
