import { withAuth } from '@/lib/auth'

/**
 * Requires a valid token, unless allowGuest is set. To require a scope, pass { requiredScope: 'read:orders' } as the
 * second argument.
 */
export const GET = withAuth(({ auth }) => Response.json({ userId: auth.userId, scopes: auth.scopes }))
