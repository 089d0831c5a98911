const assert = require('node:assert/strict')
const timers = require('node:timers')
const { test } = require('node:test')
const { callAfterEventLoopTurn, isNativeTimer, createMessageChannel } = require('../../../js/core/timers')
const { inChild } = require('../../support/child')

test('the timers of Node are recognized, and fake ones are not', (t) => {
  assert.ok(isNativeTimer(timers.setImmediate))
  assert.equal(callAfterEventLoopTurn, timers.setImmediate)
  t.mock.timers.enable({ apis: ['setImmediate', 'setInterval'] })
  assert.ok(!isNativeTimer(globalThis.setImmediate))
  // Replaces the timer like sinon, which Jest and Vitest use too.
  assert.ok(
    !isNativeTimer(function setImmediate(...args) {
      return args
    }),
  )
})

test('a message channel calls functions in order, after the microtasks, and those of the next turn later', async () => {
  const { post } = createMessageChannel()
  const calls = []
  await new Promise((resolve) => {
    post(() => {
      calls.push('one')
      post(() => {
        calls.push('three')
        resolve(undefined)
      })
    })
    post(() => calls.push('two'))
    Promise.resolve().then(() => calls.push('microtask'))
  })
  assert.deepEqual(calls, ['microtask', 'one', 'two', 'three'])
})

test('concurrent checks complete if the package is loaded after fake timers have replaced those of Node', async () => {
  const { code, stdout } = await inChild(async () => {
    const { createTestIssuer } = require('logto-authkit/testing')
    const timers = require('node:timers')
    const issuer = await createTestIssuer()
    const jwks = /** @type {any} */ (await (await fetch(issuer.jwksUri)).json())
    const options = { logtoUrl: issuer.logtoUrl, audience: 'https://api.example.com', jwks }
    const tokens = Array.from({ length: 8 }, () => issuer.mint({ sub: 'alice' }))
    await issuer.close()
    for (const path of Object.keys(require.cache)) delete require.cache[path]
    for (const name of ['setImmediate', 'setInterval', 'setTimeout']) {
      const fake = () => ({ ref() {}, unref() {} })
      Object.assign(globalThis, { [name]: fake })
      Object.assign(timers, { [name]: fake })
    }
    const { createVerifier } = require('logto-authkit')
    const verifier = createVerifier(options)
    const auths = await Promise.all(tokens.map((token) => verifier.verify(token)))
    console.log(auths.map(({ userId }) => userId).join())
  })
  assert.deepEqual([code, stdout.trim()], [0, Array(8).fill('alice').join()])
})
