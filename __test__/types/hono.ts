// The Hono middleware, as applications use it.

import { type Context, Hono } from 'hono'
import type { AuthContext, AuthError } from 'logto-authkit'
import { type AuthVariables, type LogtoAuthOptions, logtoAuth, protect } from 'logto-authkit/hono'
import type { Equal, Expect } from './equal'

const required = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }

// In chained calls, the variable is declared, and checking a discriminant narrows its type.
new Hono().use(logtoAuth({ ...required, allowGuest: true })).get('/me', (c) => {
  const auth = c.get('auth')
  type _ = [Expect<Equal<typeof auth, AuthContext>>, Expect<Equal<typeof c.var.auth, AuthContext>>]
  // @ts-expect-error: `userId` is `null` for a guest
  auth.userId.length
  return auth.isGuest ? c.text(auth.guestId) : c.text(auth.payload.sub.toUpperCase())
})

// Variables can also be declared by name, next to others. A protected route keeps its parameters.
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

// @ts-expect-error: unknown variable
new Hono().use(logtoAuth(required)).get('/', (c) => c.json(c.get('user')))
// LOGTO_URL and LOGTO_AUDIENCE may replace options.
logtoAuth()
logtoAuth({ logtoUrl: required.logtoUrl })
// @ts-expect-error: unknown option
logtoAuth({ ...required, scopes: 'read' })
// @ts-expect-error: `onError` must return a response
logtoAuth({ ...required, onError: () => undefined })
// @ts-expect-error: unknown requirement
protect({ scope: 'read' })
