import express from 'express'
import { logtoAuth, protect } from 'logto-authkit/express'

/** An API with a route of each kind. */
export function createApp({ logtoUrl, audience }) {
  const app = express()

  // For everybody: above logtoAuth, nothing is verified.
  app.get('/', (_req, res) => res.json({ shop: 'open' }))

  // From here on there is req.auth. A visitor without a valid token is a guest, and is told its id in a cookie.
  app.use(logtoAuth({ logtoUrl, audience, allowGuest: true }))

  // For guests and users alike.
  app.get('/cart', (req, res) => {
    const { auth } = req
    if (auth.isAuthenticated) res.json({ cart: `of user ${auth.userId}` })
    else res.json({ cart: `of guest ${auth.guestId}`, signedOut: auth.guestReason === 'token_expired' })
  })

  // For whoever has a valid token.
  app.get('/me', protect(), (req, res) => {
    const { userId, subjectType, scopes } = req.auth
    res.json({ userId, subjectType, scopes })
  })

  // For those who may do that.
  app.get('/orders', protect({ requiredScope: 'read:orders' }), (req, res) => {
    res.json({ orders: [`1 of ${req.auth.userId}`] })
  })
  app.delete('/orders/:id', protect({ requiredScope: 'write:orders', subjectType: 'user' }), (req, res) => {
    res.json({ deleted: req.params.id })
  })

  // For members of the organization in the address: its token is one for that organization.
  const ofOrganization = protect({ requiredScope: 'read:invoices', organizationId: (req) => req.params.organization })
  app.get('/organizations/:organization/invoices', ofOrganization, (req, res) => {
    res.json({ invoices: [`1 of ${req.auth.organizationId}`] })
  })

  return app
}
