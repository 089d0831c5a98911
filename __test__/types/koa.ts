// The Koa middleware, as applications use it.

import Koa, { type Context } from 'koa'
import type { AuthContext, AuthError } from 'logto-authkit'
import { type AuthState, type LogtoAuthOptions, logtoAuth, protect } from 'logto-authkit/koa'
import type { Equal, Expect } from './equal'

const required = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }

// Chained calls, and an application that declares its state.
new Koa<AuthState>()
  .use(logtoAuth(required))
  .use((ctx) => {
    type _ = [Expect<Equal<typeof ctx.state.auth, AuthContext>>]
    // @ts-expect-error: `userId` is `null` for a guest
    ctx.state.auth.userId.length
    if (ctx.state.auth.isGuest) ctx.body = ctx.state.auth.guestId
    else ctx.body = ctx.state.auth.payload.sub.toUpperCase()
  })
  // Behind `protect`, every context has a user.
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
// @ts-expect-error: unknown option
logtoAuth({ ...required, scopes: 'read' })
// @ts-expect-error: `onError` must be a function
logtoAuth({ ...required, onError: 'redirect' })
// @ts-expect-error: unknown requirement
protect({ scope: 'read' })
// @ts-expect-error: unknown subject type
protect({ subjectType: 'guest' })
