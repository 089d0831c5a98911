import { withAuth } from '@/lib/auth'

/** Requires a user with the read:orders scope. */
export const GET = withAuth(({ auth }) => Response.json({ orders: [`Order 1 of ${auth.userId}`] }), {
  requiredScope: 'read:orders',
})
