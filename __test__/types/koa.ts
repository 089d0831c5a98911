// The Koa middleware, as applications use it.

import Koa, { type Context } from 'koa'
import type { AuthContext, AuthError } from 'logto-authkit'
import { type AuthState, type LogtoAuthOptions, logtoAuth, protect } from 'logto-authkit/koa'
import type { Equal, Expect } from './equal'

const required = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }

// Chained, and with the state named.
new Koa<AuthState>()
  .use(logtoAuth(required))
  .use((ctx) => {
    type _ = [Expect<Equal<typeof ctx.state.auth, AuthContext>>]
    // @ts-expect-error: `null` for a guest
    ctx.state.auth.userId.length
    if (ctx.state.auth.isGuest) ctx.body = ctx.state.auth.guestId
    else ctx.body = ctx.state.auth.payload.sub.toUpperCase()
  })
  // Nobody without a user gets past `protect`.
  .use(protect({ requiredScope: 'read' }))
  .use((ctx) => {
    ctx.body = ctx.state.auth.userId.toUpperCase()
  })
new Koa<{ theme: string }>().use(logtoAuth(required)).use((ctx) => {
  ctx.body = ctx.state.theme + ctx.state.auth.subjectType
})
new Koa().use(logtoAuth(required)).use(protect())

const everything: LogtoAuthOptions = {
  ...required,
  organizationId: (ctx: Context) => ctx.get('x-organization') || null,
  getToken: (ctx) => ctx.get('x-token'),
  onError: (error, ctx) => {
    type _ = [Expect<Equal<typeof error, AuthError>>]
    ctx.status = error.status
    ctx.set(error.headers)
    ctx.body = error.message
  },
}
logtoAuth(everything)
protect({ organizationId: (ctx: Context) => ctx.params.org })

// LOGTO_URL and LOGTO_AUDIENCE may replace options.
logtoAuth()
logtoAuth({ logtoUrl: required.logtoUrl })
// @ts-expect-error: no such option
logtoAuth({ ...required, scopes: 'read' })
// @ts-expect-error: a function
logtoAuth({ ...required, onError: 'redirect' })
// @ts-expect-error: no such requirement
protect({ scope: 'read' })
// @ts-expect-error: no such kind
protect({ subjectType: 'guest' })
