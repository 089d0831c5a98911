import type { NextRequest } from 'next/server'
import { withAuth } from '@/lib/auth'

/** Requires a token for the organization in the path. */
export const GET = withAuth(({ auth }) => Response.json({ ordersOf: auth.organizationId }), {
  requiredScope: 'read:orders',
  organizationId: ({ nextUrl }: NextRequest) => nextUrl.pathname.split('/')[3],
})
