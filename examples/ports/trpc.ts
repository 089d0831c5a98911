/** A tRPC router with procedures for everyone, for users, for members of an organization, and for administrators. */

import type { IncomingMessage } from 'node:http'
import { initTRPC, TRPCError } from '@trpc/server'
import { createHTTPServer } from '@trpc/server/adapters/standalone'
import { AuthError, createVerifier, forbidden, requireRole, requireScopes } from 'logto-authkit'
import { z } from 'zod'

const verifier = createVerifier() // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

const CODES = { 400: 'BAD_REQUEST', 401: 'UNAUTHORIZED', 403: 'FORBIDDEN', 503: 'SERVICE_UNAVAILABLE' } as const

function reject(error: unknown): never {
  if (!(error instanceof AuthError)) throw error
  throw new TRPCError({ code: CODES[error.status], message: error.message, cause: error })
}

const t = initTRPC.context<{ req: IncomingMessage }>().create()

const userProcedure = t.procedure.use(async ({ ctx, next }) => {
  const auth = await verifier.verify(ctx.req).catch(reject)
  const result = await next({ ctx: { auth } })
  if (!result.ok && result.error.cause instanceof AuthError) reject(result.error.cause)
  return result
})
const adminProcedure = userProcedure.use(({ ctx, next }) => {
  requireRole(ctx.auth, 'admin')
  return next()
})
const memberProcedure = userProcedure.input(z.object({ organization: z.string() })).use(({ ctx, input, next }) => {
  if (ctx.auth.organizationId !== input.organization) throw forbidden('You are not a member of this organization')
  return next()
})

const router = t.router({
  health: t.procedure.query(() => 'ok'),
  me: userProcedure.query(({ ctx }) => ctx.auth.userId),
  users: adminProcedure.query(() => ['alice']),
  invoices: memberProcedure.query(({ ctx, input }) => {
    requireScopes(ctx.auth, 'read:invoices')
    return { of: input.organization, for: ctx.auth.userId }
  }),
})
export type Router = typeof router

createHTTPServer({
  router,
  createContext: ({ req }) => ({ req }),
  responseMeta: ({ errors: [error] }) => (error?.cause instanceof AuthError ? { headers: error.cause.headers } : {}),
}).listen(Number(process.env.PORT ?? 3000))
