import type { IncomingMessage } from 'node:http'
import { initTRPC, TRPCError } from '@trpc/server'
import { createHTTPServer } from '@trpc/server/adapters/standalone'
import { AuthError, createVerifier, requireScopes } from 'logto-authkit'

const verifier = createVerifier() // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

const CODES = { 400: 'BAD_REQUEST', 401: 'UNAUTHORIZED', 403: 'FORBIDDEN', 503: 'SERVICE_UNAVAILABLE' } as const

function reject(error: unknown): never {
  if (!(error instanceof AuthError)) throw error
  throw new TRPCError({ code: CODES[error.status], message: error.message, cause: error })
}

const t = initTRPC.context<{ req: IncomingMessage }>().create()

const protectedProcedure = t.procedure.use(async ({ ctx, next }) => {
  const auth = await verifier.verify(ctx.req).catch(reject)
  const result = await next({ ctx: { auth } })
  if (!result.ok && result.error.cause instanceof AuthError) reject(result.error.cause)
  return result
})

const router = t.router({
  health: t.procedure.query(() => 'ok'),
  me: protectedProcedure.query(({ ctx }) => ctx.auth.userId),
  orders: protectedProcedure.query(({ ctx }) => {
    requireScopes(ctx.auth, 'read:orders')
    return `of ${ctx.auth.userId}`
  }),
})
export type Router = typeof router

createHTTPServer({
  router,
  createContext: ({ req }) => ({ req }),
  responseMeta({ errors: [error] }) {
    return error?.cause instanceof AuthError ? { headers: error.cause.headers } : {}
  },
}).listen(Number(process.env.PORT ?? 3000))
