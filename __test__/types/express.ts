// The Express middleware, as applications of Express, Connect and plain `http` use it.

import { createServer, type IncomingMessage } from 'node:http'
import connect from 'connect'
import express, { type NextFunction, type Request, type Response, Router } from 'express'
import type { AuthContext, AuthError, AuthErrorCode } from 'logto-authkit'
import { requireScopes } from 'logto-authkit'
import type { LogtoAuthOptions, Middleware, Requirements } from 'logto-authkit/express'
import { logtoAuth, protect } from 'logto-authkit/express'
import type { Equal, Expect } from './equal'

const required = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }
const app = express()

// Handlers have `req.auth` without a cast, and checking a discriminant narrows its type.
app.use(logtoAuth(required))
app.get('/me', (req, res) => {
  type _ = [Expect<Equal<typeof req.auth, AuthContext>>]
  // @ts-expect-error: `userId` is `null` for a guest
  req.auth.userId.length
  // @ts-expect-error: only a guest has `guestId`
  req.auth.guestId
  if (req.auth.isAuthenticated) {
    type _ = [Expect<Equal<typeof req.auth.userId, string>>]
    requireScopes(req.auth, 'read')
    res.json({ user: req.auth.userId.toUpperCase(), claims: req.auth.payload.sub })
  } else {
    type _ = [Expect<Equal<typeof req.auth.guestReason, AuthErrorCode>>]
    res.json({ guest: req.auth.guestId })
  }
  if (!req.auth.isGuest) req.auth.payload.sub.length
  // @ts-expect-error: a context has no such member
  req.auth.user
})

// A route's parameters are still inferred, with any number of guards before the handler.
app.get('/orgs/:org', protect({ organizationId: (req) => req.params.org }), protect(), (req, res) => {
  type _ = [Expect<Equal<typeof req.params.org, string>>]
  res.send(req.params.org)
})
app.delete('/orders/:id', logtoAuth(required), async (req, res) => void res.send(req.auth.userId))

// Routers, sub-apps, Connect and plain http.
app.use('/admin', protect({ requiredScope: 'admin' }), Router().use(protect({ requiredRole: ['a', 'b'] })))
app.use('/sub', express().use(logtoAuth({ ...required, allowGuest: true })))
connect().use(logtoAuth(required)).use(protect())
const auth: Middleware = logtoAuth(required)
createServer((req: IncomingMessage & { auth?: AuthContext }, res) => {
  auth(req, res, (error) => {
    if (error) res.writeHead(500).end()
    else res.end(req.auth?.userId)
  })
})

// Functions of the request may declare its type, but need not.
const everything: LogtoAuthOptions = {
  ...required,
  audience: null,
  requiredScope: ['a', 'b'],
  scopeMode: 'any',
  isRevoked: async ({ userId }) => userId === 'mallory',
  organizationId: (req: Request) => req.get('x-organization') ?? null,
  onError: (error, _req, res) => {
    type _ = [Expect<Equal<typeof error, AuthError>>]
    res.status(error.status).set(error.headers).send(error.code)
  },
}
logtoAuth(everything)
logtoAuth({ ...required, organizationId: null })
logtoAuth({ ...required, organizationId: 'org' })
logtoAuth({ ...required, organizationId: () => undefined, allowPreflight: true })
logtoAuth({ ...required, organizationId: async () => 'org', property: 'user' })
protect({ organizationId: (req: Request) => req.get('x-organization') })
logtoAuth({
  ...required,
  onError: async (error: AuthError, req: Request, res: Response, next: NextFunction) => {
    if (req.accepts('html')) res.redirect('/sign-in')
    else next(error)
  },
})
const requirements: Requirements = {
  requiredScope: 'a b',
  scopeMode: 'all',
  requiredRole: 'admin',
  roleClaims: ['groups'],
  organizationId: (req: Request<{ org: string }>) => req.params.org,
  subjectType: 'machine',
}
protect(requirements)
protect({})
protect()

// LOGTO_URL and LOGTO_AUDIENCE may replace options.
logtoAuth()
logtoAuth({ logtoUrl: required.logtoUrl })
logtoAuth({ audience: null })
// @ts-expect-error: unknown option
logtoAuth({ ...required, scopes: 'read' })
// @ts-expect-error: `subjectType` is a requirement of routes, not an option
logtoAuth({ ...required, subjectType: 'user' })
// @ts-expect-error: an organization must be a string
logtoAuth({ ...required, organizationId: 5 })
// @ts-expect-error: `organizationId` must return a string
logtoAuth({ ...required, organizationId: async () => 5 })
// @ts-expect-error: `onError` must be a function
logtoAuth({ ...required, onError: 'redirect' })
// @ts-expect-error: unknown requirement
protect({ scope: 'read' })
// @ts-expect-error: unknown requirement: routes without `protect` accept guests
protect({ allowGuest: true })
// @ts-expect-error: unknown subject type
protect({ subjectType: 'guest' })
// @ts-expect-error: unknown scope mode
protect({ requiredScope: 'read', scopeMode: 'some' })
// @ts-expect-error: requirements must be an object
protect('read')
