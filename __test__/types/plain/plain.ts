// An application that registers nothing: no adapter allows guests, so every context has a user.

import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import type { AuthContext, AuthenticatedContext, GuestContext, VerifyAuthOptions } from 'logto-authkit'
import { createVerifier, verifyAuth, verifyLogtoToken } from 'logto-authkit'
import { getAuth, logtoAuth, protect, requireAuth } from 'logto-authkit/express'
import * as forFastify from 'logto-authkit/fastify'
import * as forHono from 'logto-authkit/hono'
import * as forKoa from 'logto-authkit/koa'
import type { Equal, Expect } from '../equal'

const required = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }
declare const request: { headers: Record<string, string> }
declare const schema: {
  '~standard': { version: 1; vendor: 'test'; validate: (value: unknown) => { value: { email: string } } }
}

// C9: `userId` is a string behind `logtoAuth` and `protect`, and in `verifyAuth` without guests.
const app = express()
app.use(logtoAuth({ ...required, allowGuest: false, property: 'auth' }))
app.get('/me', protect({ check: ({ userId }, req) => userId === req.params.id }), (req, res) => {
  type _ = [
    Expect<Equal<typeof req.auth, AuthenticatedContext>>,
    Expect<Equal<ReturnType<typeof getAuth>, AuthenticatedContext>>,
    Expect<Equal<ReturnType<typeof requireAuth>, AuthenticatedContext>>,
  ]
  res.json([req.auth.userId.toUpperCase(), getAuth(req).payload.sub, requireAuth(req).userId.length])
})

fastify()
  .register(forFastify.logtoAuth, required)
  .get('/me', { onRequest: forFastify.protect() }, async (request) => request.auth.userId.length)

new Koa().use(forKoa.logtoAuth(required)).use((ctx) => {
  ctx.body = ctx.state.auth.userId.length
})

new Hono()
  .use(forHono.logtoAuth(required))
  .get('/me', forHono.protect(), (c) => c.text(c.get('auth').userId.toUpperCase()))

new Hono().use(forHono.logtoAuth({ ...required, property: 'caller', claims: schema })).get('/', (c) => {
  type _ = [Expect<Equal<(typeof c.var.caller)['claims'], { email: string }>>]
  return c.text(c.get('caller').userId)
})

new Hono()
  .use(forHono.logtoAuth({ ...required, allowGuest: true }))
  .get('/', (c) => c.text(c.var.auth.isGuest ? c.var.auth.guestId : c.var.auth.userId))
  .get('/me', forHono.protect(), (c) => c.text(c.get('auth').userId.toUpperCase()))

export async function contexts(options: VerifyAuthOptions) {
  const [plain, guest, either, several, token] = await Promise.all([
    verifyAuth(request, required),
    verifyAuth(request, { ...required, allowGuest: true }),
    verifyAuth(request, options),
    verifyAuth(request, [required, { ...required, allowGuest: false }]),
    verifyLogtoToken('token', { ...required, allowGuest: true }),
  ])
  const verifier = createVerifier(required)
  const visitor = createVerifier({ ...required, allowGuest: true })
  const kept = await verifyAuth(request, verifier)
  const stricter = await verifyLogtoToken('token', visitor)
  type _ = [
    Expect<Equal<typeof plain, AuthenticatedContext>>,
    Expect<Equal<typeof guest, AuthContext>>,
    Expect<Equal<typeof either, AuthContext>>,
    Expect<Equal<typeof several, AuthenticatedContext>>,
    Expect<Equal<typeof token, AuthenticatedContext>>,
    Expect<Equal<typeof kept, AuthenticatedContext>>,
    Expect<Equal<Awaited<ReturnType<typeof visitor.verify>>, AuthContext>>,
    Expect<Equal<typeof stricter, AuthenticatedContext>>,
    Expect<Equal<(typeof plain)['subjectType'], 'user' | 'machine' | 'external'>>,
  ]
}

// If a schema is given, its output is typed.
export async function claims() {
  const auth = await createVerifier({ ...required, claims: schema, check: (auth) => auth.claims.email !== '' }).verify(
    't',
  )
  auth.claims.email.length
  // @ts-expect-error: the schema has no such claim
  auth.claims.name
  const visitor = await verifyAuth(request, { ...required, claims: schema, allowGuest: true })
  type _ = [Expect<Equal<typeof visitor, (AuthenticatedContext & { claims: { email: string } }) | GuestContext>>]
  if (visitor.isAuthenticated) visitor.claims.email.length
}

// Allowing guests in an adapter with a global type is an error that says what to register.
// @ts-expect-error: guests are not registered
logtoAuth({ ...required, allowGuest: true })
// @ts-expect-error: guests are not registered
new Koa().use(forKoa.logtoAuth({ ...required, allowGuest: true }))
// @ts-expect-error: guests are not registered
fastify().register(forFastify.logtoAuth, { ...required, allowGuest: true })

// @ts-expect-error: unknown option
createVerifier({ ...required, scopes: 'read' })
// @ts-expect-error: unknown option in one of several entries
createVerifier([required, { ...required, scopes: 'read' }])
// @ts-expect-error: `claims` must be a schema
createVerifier({ ...required, claims: { email: 'string' } })
// @ts-expect-error: a principal must have an id
createVerifier({ ...required, fallback: () => ({ scopes: [] }) })
// @ts-expect-error: `check` must return a boolean
createVerifier({ ...required, check: () => 'yes' })
