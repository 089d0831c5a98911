const { createTestIssuer } = require('logto-authkit/testing')
const { createApp } = require('./app')

let issuer, server, orders

beforeAll(async () => {
  issuer = await createTestIssuer()
  server = createApp(issuer.logtoUrl).listen(0)
  orders = `http://127.0.0.1:${server.address().port}/orders`
})
afterAll(async () => {
  server.close()
  await issuer.close()
})

const as = (claims) => ({
  headers: { authorization: `Bearer ${issuer.mint({ audience: 'https://api.example.com', ...claims })}` },
})

test('returns the orders to a user with the scope', async () => {
  const response = await fetch(orders, as({ sub: 'alice', scope: 'read:orders' }))
  expect(await response.json()).toEqual({ owner: 'alice' })
})

test.each([
  ['a token without the scope', {}, 403, 'missing_scope'],
  ['an expired token', { scope: 'read:orders', expiresIn: -1 }, 401, 'token_expired'],
  ['a token for another API', { audience: 'https://other.example.com' }, 401, 'invalid_audience'],
])('rejects %s', async (_, claims, status, code) => {
  const response = await fetch(orders, as(claims))
  expect([response.status, (await response.json()).code]).toEqual([status, code])
})
