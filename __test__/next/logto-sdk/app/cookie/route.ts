import { withAuth } from 'logto-authkit/next'
import { audience, logtoConfig } from '@/lib/auth'

/** Reads the token from the cookie that the callback has set. */
export const GET = withAuth((request) => Response.json({ owner: request.auth.userId }), {
  logtoUrl: logtoConfig.endpoint,
  audience,
})
