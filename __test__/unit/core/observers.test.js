const assert = require('node:assert/strict')
const { test } = require('node:test')
const { verifyAuth } = require('logto-authkit')
const { verdict } = require('../../support/helpers')
const { createKey, optionsFor } = require('../../support/tokens')

test('warnings about a failing onRefused are limited if the application passes a new function for every request', async (t) => {
  const warn = t.mock.method(process, 'emitWarning', () => {})
  const options = optionsFor(createKey('EdDSA'))
  for (let i = 0; i < 150; i += 1) {
    const onRefused = () => {
      throw new Error('planned')
    }
    assert.equal(await verdict(verifyAuth({ headers: {} }, { ...options, onRefused })), 'missing_token')
  }
  assert.equal(warn.mock.callCount(), 100)
})
