import express from 'express'
import { logtoAuth, protect } from 'logto-authkit/express'

/** An API with one route for each kind of access. Without options, it reads LOGTO_URL and LOGTO_AUDIENCE from the environment. */
export function createApp(options) {
  const app = express()

  // Public route: registered before logtoAuth(), so no token is checked.
  app.get('/', (_req, res) => res.json({ shop: 'open' }))

  // Sets req.auth for every route below. Requests without a valid token become guests, and new guests get an id in a cookie.
  app.use(logtoAuth({ ...options, allowGuest: true }))

  // Guests and users.
  app.get('/cart', (req, res) => {
    const { auth } = req
    if (auth.isAuthenticated) res.json({ cart: `cart of user ${auth.userId}` })
    else res.json({ cart: `cart of guest ${auth.guestId}`, signedOut: auth.guestReason === 'token_expired' })
  })

  // Any valid token.
  app.get('/me', protect(), (req, res) => {
    const { userId, subjectType, scopes } = req.auth
    res.json({ userId, subjectType, scopes })
  })

  // Tokens with a particular scope; the second route also rejects machine-to-machine tokens.
  app.get('/orders', protect({ requiredScope: 'read:orders' }), (req, res) => {
    res.json({ orders: [`Order 1 of ${req.auth.userId}`] })
  })
  app.delete('/orders/:id', protect({ requiredScope: 'write:orders', subjectType: 'user' }), (req, res) => {
    res.json({ deleted: req.params.id })
  })

  // Members of the organization in the URL: the token must have been issued for that organization.
  const protectInvoices = protect({ requiredScope: 'read:invoices', organizationId: (req) => req.params.organization })
  app.get('/organizations/:organization/invoices', protectInvoices, (req, res) => {
    res.json({ invoices: [`Invoice 1 of ${req.auth.organizationId}`] })
  })

  return app
}
