const assert = require('node:assert/strict')
const { test } = require('node:test')
const { createRevocations } = require('logto-authkit/revocation')
const { messagesOf } = require('../../support/helpers')
const { LogStore } = require('../../support/log-store')
const { until } = require('../../support/until')

const CHANNEL = 'logto-authkit:revocations'

test('publishes a revocation once on the instance that makes it, and once on every other', async (t) => {
  const messages = messagesOf(t, CHANNEL)
  const store = new LogStore()
  const all = [createRevocations({ store }), createRevocations({ store })]
  for (const revocations of all) t.after(() => revocations.close())
  await Promise.all(all.map((revocations) => revocations.ready()))
  const before = new Date(Math.floor(Date.now() / 1000) * 1000)
  await all[0].revokeSubject('alice', { before })
  await until(() => all.every((revocations) => revocations.stats().entries >= 1))
  await all[0].revokeSubject('alice', { before })
  await all[0].revokeClient('app', { before })
  await until(() => all.every((revocations) => revocations.stats().entries >= 2))
  const subject = { kind: 'subject', before }
  const client = { kind: 'client', before }
  assert.deepEqual(messages, [subject, subject, client, client])
})

test('does not publish entries that this release does not understand', async (t) => {
  const messages = messagesOf(t, CHANNEL)
  const store = new LogStore()
  await store.append(['{"v":9}', 'not JSON'], { maxAgeMs: 1, signal: new AbortController().signal })
  const revocations = createRevocations({ store })
  t.after(() => revocations.close())
  await revocations.ready()
  assert.equal(revocations.stats().skipped, 2)
  assert.deepEqual(messages, [])
})
