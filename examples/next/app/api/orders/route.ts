import { withAuth } from '@/lib/auth'

/** For users who may read orders. */
export const GET = withAuth(({ auth }) => Response.json({ orders: [`1 of ${auth.userId}`] }), {
  requiredScope: 'read:orders',
})
