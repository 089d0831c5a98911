import { withAuth } from '@/lib/auth'

/** Responds to guests and users. */
export const GET = withAuth(({ auth }) =>
  Response.json(auth.isGuest ? { guestId: auth.guestId } : { userId: auth.userId }),
)
