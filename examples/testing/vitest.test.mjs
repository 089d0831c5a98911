import { createTestIssuer } from 'logto-authkit/testing'
import { afterAll, expect, test } from 'vitest'
import { createApp } from './app.js'

const issuer = await createTestIssuer()
const server = createApp(issuer.logtoUrl).listen(0)
afterAll(async () => {
  server.close()
  await issuer.close()
})

test('keeps working through a key rotation and an outage', async () => {
  const token = issuer.mint({ sub: 'alice', scope: 'read:orders', audience: 'https://api.example.com' })
  const orders = async (bearer) =>
    (
      await fetch(`http://127.0.0.1:${server.address().port}/orders`, {
        headers: { authorization: `Bearer ${bearer}` },
      })
    ).status

  expect(await orders(token)).toBe(200)
  await issuer.rotateKeys()
  expect(await orders(issuer.mint({ scope: 'read:orders', audience: 'https://api.example.com' }))).toBe(200)
  issuer.setOutage('down')
  expect(await orders(token)).toBe(200)
})
