// The Hono middleware, as applications use it.

import { type Context, Hono } from 'hono'
import type { AuthContext, AuthError } from 'logto-authkit'
import { type AuthVariables, type LogtoAuthOptions, logtoAuth, protect } from 'logto-authkit/hono'
import type { Equal, Expect } from './equal'

const required = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }

// Chained: the variable is there, and what it is looked at narrows it.
new Hono().use(logtoAuth({ ...required, allowGuest: true })).get('/me', (c) => {
  const auth = c.get('auth')
  type _ = [Expect<Equal<typeof auth, AuthContext>>, Expect<Equal<typeof c.var.auth, AuthContext>>]
  // @ts-expect-error: `null` for a guest
  auth.userId.length
  return auth.isGuest ? c.text(auth.guestId) : c.text(auth.payload.sub.toUpperCase())
})

// Named, beside others; a route keeps its parameters with a guard.
const app = new Hono<{ Variables: AuthVariables & { theme: string } }>()
app.use('/api/*', logtoAuth({ ...required, allowGuest: true }))
app.get('/api/orgs/:org', protect({ organizationId: (c: Context) => c.req.param('org') ?? null }), (c) => {
  const org = c.req.param('org')
  type _ = [Expect<Equal<typeof org, string>>]
  return c.json({ org, theme: c.get('theme'), user: c.get('auth').userId })
})

const everything: LogtoAuthOptions = {
  ...required,
  getToken: (c) => c.req.query('token'),
  onError: (error, c) => {
    type _ = [Expect<Equal<typeof error, AuthError>>]
    return c.json({ message: error.message }, error.status, error.headers)
  },
}
logtoAuth(everything)

// @ts-expect-error: there is no such variable
new Hono().use(logtoAuth(required)).get('/', (c) => c.json(c.get('user')))
// LOGTO_URL and LOGTO_AUDIENCE may replace options.
logtoAuth()
logtoAuth({ logtoUrl: required.logtoUrl })
// @ts-expect-error: no such option
logtoAuth({ ...required, scopes: 'read' })
// @ts-expect-error: it has to make a response
logtoAuth({ ...required, onError: () => undefined })
// @ts-expect-error: no such requirement
protect({ scope: 'read' })
