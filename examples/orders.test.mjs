import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyAuth } from 'logto-authkit'
import { createTestIssuer } from 'logto-authkit/testing'

test('requires the scope read:orders', async () => {
  const issuer = await createTestIssuer() // a local server that behaves like Logto, with real keys
  const options = { logtoUrl: issuer.logtoUrl, audience: 'https://api.example.com', requiredScope: 'read:orders' }

  const good = issuer.mint({ sub: 'alice', scope: 'read:orders', audience: 'https://api.example.com' })
  assert.equal((await verifyAuth(good, options)).userId, 'alice')

  const other = issuer.mint({ scope: 'read:news', audience: 'https://api.example.com' })
  await assert.rejects(verifyAuth(other, options), { code: 'missing_scope', status: 403 })

  await issuer.close()
})
