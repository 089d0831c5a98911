// The Fastify plugin, as applications use it.

import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import type { AuthContext, AuthError } from 'logto-authkit'
import { requireScopes } from 'logto-authkit'
import { type LogtoAuthOptions, logtoAuth, protect, type Requirements } from 'logto-authkit/fastify'
import type { Equal, Expect } from './equal'

const required = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }
const app = Fastify()

app.register(logtoAuth, required)
app.register(logtoAuth, { ...required, allowGuest: true })
app.get('/me', async (request) => {
  type _ = [Expect<Equal<typeof request.auth, AuthContext>>]
  // @ts-expect-error: `userId` is `null` for a guest
  request.auth.userId.length
  if (request.auth.isGuest) return request.auth.guestId
  requireScopes(request.auth, 'read')
  return request.auth.payload.sub.toUpperCase()
})

// A protected route keeps its own types.
app.get<{ Params: { org: string } }>(
  '/orgs/:org',
  { onRequest: protect(), preHandler: [protect({})] },
  async (request) => {
    type _ = [Expect<Equal<typeof request.params.org, string>>]
    return request.auth.organizationId
  },
)
app.addHook('onRequest', protect({ organizationId: (request: FastifyRequest) => request.hostname }))
protect({ organizationId: () => undefined })
app.addHook('preHandler', protect({ requiredScope: 'read' }))

const everything: LogtoAuthOptions = {
  ...required,
  organizationId: (request: FastifyRequest) => request.hostname,
  getToken: (request) => request.headers['x-token']?.toString(),
  onError: (error, request, reply) => {
    type _ = [
      Expect<Equal<typeof error, AuthError>>,
      Expect<Equal<typeof request, FastifyRequest>>,
      Expect<Equal<typeof reply, FastifyReply>>,
    ]
    return reply.code(error.status).headers(error.headers).send(error.code)
  },
}
app.register(logtoAuth, everything)
const requirements: Requirements = { requiredRole: 'admin', subjectType: 'user' }
protect(requirements)

app.register(logtoAuth)
// LOGTO_AUDIENCE may replace the audience.
app.register(logtoAuth, { logtoUrl: required.logtoUrl })
// @ts-expect-error: unknown option
app.register(logtoAuth, { ...required, scopes: 'read' })
// @ts-expect-error: `onError` must be a function
app.register(logtoAuth, { ...required, onError: 'redirect' })
// @ts-expect-error: unknown requirement
protect({ scope: 'read' })
