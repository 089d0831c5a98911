import { withAuth } from '@/lib/auth'

export const GET = withAuth((request) => Response.json({ owner: request.auth.userId }), {
  requiredScope: 'read:orders',
})
