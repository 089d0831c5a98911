import { withAuth } from '@/lib/auth'

/** For guests and users. */
export const GET = withAuth(({ auth }) =>
  Response.json(auth.isGuest ? { guestId: auth.guestId } : { userId: auth.userId }),
)
