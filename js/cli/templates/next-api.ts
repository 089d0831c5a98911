import { withApiAuth } from '@/lib/auth'

/**
 * Requires a valid token, unless allowGuest is set. To require a scope, pass { requiredScope: 'read:orders' } as the
 * second argument.
 */
export default withApiAuth((req, res) => res.json({ userId: req.auth.userId, scopes: req.auth.scopes }))
