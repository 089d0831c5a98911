// Starts the API in app.mjs. If LOGTO_URL is set, the API accepts tokens from your Logto instance. Otherwise, this
// program starts a test issuer and prints curl commands with its tokens.
import { createTestIssuer } from 'logto-authkit/testing'
import { createApp } from './app.mjs'

const { LOGTO_URL, LOGTO_AUDIENCE = 'https://api.example.com', PORT = 3000 } = process.env
const issuer = LOGTO_URL ? undefined : await createTestIssuer()
const app = createApp({ logtoUrl: issuer?.logtoUrl ?? LOGTO_URL, audience: LOGTO_AUDIENCE })

const server = app.listen(PORT, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`
  console.log(`API listening on ${url}`)
  if (issuer === undefined) return

  const token = (claims) => `"Authorization: Bearer ${issuer.mint({ audience: LOGTO_AUDIENCE, ...claims })}"`
  console.log(`
# public route, and a route for guests
curl -iw '\\n' ${url}
curl -iw '\\n' ${url}/cart

# alice has the scope read:orders
curl -iw '\\n' ${url}/me -H ${token({ sub: 'alice', scope: 'read:orders' })}
curl -iw '\\n' ${url}/orders -H ${token({ sub: 'alice', scope: 'read:orders' })}

# bob does not: 403
curl -iw '\\n' ${url}/orders -H ${token({ sub: 'bob' })}

# alice with a token for the organization acme, and with one for another organization: 403
curl -iw '\\n' ${url}/organizations/acme/invoices -H ${token({ sub: 'alice', scope: 'read:invoices', organizationId: 'acme' })}
curl -iw '\\n' ${url}/organizations/acme/invoices -H ${token({ sub: 'alice', scope: 'read:invoices', organizationId: 'other' })}
`)
})
