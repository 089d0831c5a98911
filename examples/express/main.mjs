// Starts the API of app.mjs. With LOGTO_URL and AUDIENCE it takes the tokens of your Logto, without them those of a test
// issuer, of which it prints a few.
import { createTestIssuer } from 'logto-authkit/testing'
import { createApp } from './app.mjs'

const { LOGTO_URL, AUDIENCE = 'https://api.example.com', PORT = 3000 } = process.env
const issuer = LOGTO_URL ? undefined : await createTestIssuer()
const app = createApp({ logtoUrl: issuer?.logtoUrl ?? LOGTO_URL, audience: AUDIENCE })

const server = app.listen(PORT, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`
  console.log(`The API listens on ${url}`)
  if (issuer === undefined) return

  const token = (claims) => `"Authorization: Bearer ${issuer.mint({ audience: AUDIENCE, ...claims })}"`
  console.log(`
# for everybody, and for a guest
curl -i ${url}
curl -i ${url}/cart

# for alice, who may read orders
curl -i ${url}/me -H ${token({ sub: 'alice', scope: 'read:orders' })}
curl -i ${url}/orders -H ${token({ sub: 'alice', scope: 'read:orders' })}

# not for bob, who may not
curl -i ${url}/orders -H ${token({ sub: 'bob' })}

# for alice as a member of acme, and not for her as one of another organization
curl -i ${url}/organizations/acme/invoices -H ${token({ sub: 'alice', scope: 'read:invoices', organizationId: 'acme' })}
curl -i ${url}/organizations/acme/invoices -H ${token({ sub: 'alice', scope: 'read:invoices', organizationId: 'other' })}
`)
})
