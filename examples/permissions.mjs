import express from 'express'
import { logtoAuth, protect } from 'logto-authkit/express'

const logtoUrl = process.env.LOGTO_URL ?? '' // https://<tenant>.logto.app, or your own server's address
const audience = 'https://api.example.com' // the API resource's identifier, as registered in Logto

// A global API resource: the token must be of no organization.
const anywhere = logtoAuth({ logtoUrl, audience, organizationId: null })

// An organization: it is the token's audience. Equal options are parsed once, however often they come.
const ofOrganization = (req, res, next) =>
  logtoAuth({ logtoUrl, audience: `urn:logto:organization:${req.params.organization}` })(req, res, next)

// An API resource within an organization: the API's audience, and the organization beside it.
const inOrganization = logtoAuth({ logtoUrl, audience, organizationId: (req) => req.params.organization })

const app = express()
app.get('/orders', anywhere, protect({ requiredScope: 'read:orders' }), (req, res) => {
  res.json({ ordersOf: req.auth.userId })
})
app.get('/:organization/members', ofOrganization, protect({ requiredScope: 'read:members' }), (req, res) => {
  res.json({ membersOf: req.auth.organizationId })
})
app.get('/:organization/orders', inOrganization, protect({ requiredScope: 'read:orders' }), (req, res) => {
  res.json({ ordersOf: req.auth.organizationId })
})

app.listen(process.env.PORT ?? 3000)
