import { createTestIssuer } from 'logto-authkit/testing'
import { NextRequest } from 'next/server'
import { afterAll, expect, test } from 'vitest'

const audience = 'https://api.example.com'
const issuer = await createTestIssuer()
afterAll(() => issuer.close())

// lib/auth.ts reads these variables when it is imported, so the route is imported afterwards.
Object.assign(process.env, { LOGTO_URL: issuer.logtoUrl, LOGTO_AUDIENCE: audience })
const { GET } = await import('@/app/api/orders/route')

function getOrders(scope: string) {
  const authorization = `Bearer ${issuer.mint({ sub: 'alice', audience, scope })}`
  const request = new NextRequest('http://localhost:3000/api/orders', { headers: { authorization } })
  return GET(request, { params: Promise.resolve({}) })
}

test('requires the scope read:orders', async () => {
  expect(await (await getOrders('read:orders')).json()).toEqual({ orders: ['Order 1 of alice'] })
  expect((await getOrders('read:news')).status).toBe(403)
})
