import express from 'express'
import { logtoAuth, protect } from 'logto-authkit/express'

const logtoUrl = process.env.LOGTO_URL // https://<tenant>.logto.app, or the URL of your self-hosted Logto
const audience = 'https://api.example.com' // the identifier of the API resource, as registered in Logto

// Global API resource: rejects organization tokens.
const globalAuth = logtoAuth({ logtoUrl, audience, organizationId: null })

// Organization token: the organization is the audience. Equal options are parsed only once.
const organizationAuth = (req, res, next) =>
  logtoAuth({ logtoUrl, audience: `urn:logto:organization:${req.params.organization}` })(req, res, next)

// API resource within an organization: the audience is the API, and organizationId must match.
const organizationApiAuth = logtoAuth({ logtoUrl, audience, organizationId: (req) => req.params.organization })

const app = express()
app.get('/orders', globalAuth, protect({ requiredScope: 'read:orders' }), (req, res) => {
  res.json({ ordersOf: req.auth.userId })
})
app.get('/:organization/members', organizationAuth, protect({ requiredScope: 'read:members' }), (req, res) => {
  res.json({ membersOf: req.auth.organizationId })
})
app.get('/:organization/orders', organizationApiAuth, protect({ requiredScope: 'read:orders' }), (req, res) => {
  res.json({ ordersOf: req.auth.organizationId })
})

const port = process.env.PORT ?? 3000
app.listen(port).on('listening', () => console.log(`listening at http://localhost:${port}`))
