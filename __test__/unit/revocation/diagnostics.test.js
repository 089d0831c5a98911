const assert = require('node:assert/strict')
const { test } = require('node:test')
const { createRevocations } = require('logto-authkit/revocation')
const { inChild } = require('../../support/child')
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

test('rejected webhooks and logout tokens appear in the debug output', async () => {
  const { stderr } = await inChild(
    async () => {
      const { createRevocations } = require('logto-authkit/revocation')
      const { createTestIssuer } = require('logto-authkit/testing')
      const revocations = createRevocations()
      const issuer = await createTestIssuer()
      const post = (body, headers) => new Request('http://localhost/', { method: 'POST', headers, body })
      const webhook = revocations.webhook({ signingKey: 'key' })
      await webhook(post('{}', { 'logto-signature-sha-256': '00' }))
      await webhook(new Request('http://localhost/'))
      const logout = revocations.backchannelLogout({ logtoUrl: issuer.logtoUrl, clientId: 'my-app' })
      const claims = { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }
      const token = issuer.mint({ audience: 'another-app', claims, header: { typ: 'logout+jwt' } })
      await logout(post(`logout_token=${token}`, { 'content-type': 'application/x-www-form-urlencoded' }))
      await logout(post('', { 'content-type': 'text/plain' }))
      const failing = createRevocations({
        store: { append: () => Promise.reject(new Error('down\n\x1b[31m')), read: () => new Promise(() => {}) },
      })
      const sub = { audience: 'my-app', claims, header: { typ: 'logout+jwt' } }
      const form = { 'content-type': 'application/x-www-form-urlencoded' }
      await failing.backchannelLogout({ logtoUrl: issuer.logtoUrl, clientId: 'my-app' })(
        post(`logout_token=${issuer.mint(sub)}`, form),
      )
      await failing.close()
      await issuer.close()
      await revocations.close()
    },
    null,
    { NODE_DEBUG: 'logto-authkit' },
  )
  const lines = stderr.split('\n').filter((line) => line.includes('rejected with'))
  const shown = lines.map((line) => line.replace(/^\S+ \d+: /, ''))
  assert.deepEqual(shown, [
    'webhook rejected with invalid_signature (401): The signature is missing or invalid {}',
    'webhook rejected with method_not_allowed (405): Use POST {}',
    'logout token rejected with invalid_audience (400): Token was issued for another application {"aud":["another-app"],"expected":["my-app"]}',
    'logout token rejected with invalid_request (400): The body must be a form with one logout_token {}',
    'logout token rejected with temporarily_unavailable (400): The logout could not be stored {} Error: down [31m',
  ])
})
