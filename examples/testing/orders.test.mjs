import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createTestIssuer } from 'logto-authkit/testing'
import { createApp } from './app.js'

const audience = 'https://api.example.com'
const issuer = await createTestIssuer() // a local server that behaves like Logto, with real keys
const server = createApp(issuer.logtoUrl).listen(0)
after(async () => {
  server.close()
  await issuer.close()
})

function getOrders(claims) {
  const headers = { authorization: `Bearer ${issuer.mint({ audience, ...claims })}` }
  return fetch(`http://127.0.0.1:${server.address().port}/orders`, { headers })
}

test('requires the scope read:orders', async () => {
  const response = await getOrders({ sub: 'alice', scope: 'read:orders' })
  assert.deepEqual(await response.json(), { owner: 'alice' })

  const other = await getOrders({ scope: 'read:news' })
  assert.equal(other.status, 403)
  assert.equal((await other.json()).code, 'missing_scope')
})
