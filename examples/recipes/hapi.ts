import Hapi from '@hapi/hapi'
import { AuthError, type AuthenticatedContext, createVerifier, errorResponse } from 'logto-authkit'

declare module '@hapi/hapi' {
  interface UserCredentials extends AuthenticatedContext {}
}

const verifier = createVerifier() // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

const server = Hapi.server({ port: process.env.PORT ?? 3000 })
server.auth.scheme('logto', () => ({
  async authenticate(request, h) {
    try {
      const auth = await verifier.verify(request.raw.req)
      return h.authenticated({ credentials: { user: auth, scope: auth.scopes } })
    } catch (error) {
      if (!(error instanceof AuthError)) throw error
      const { status, headers, body } = errorResponse(error)
      const response = h.response(body).code(status)
      for (const [name, value] of Object.entries(headers)) response.header(name, value)
      return response.takeover()
    }
  },
}))
server.auth.strategy('logto', 'logto')
server.auth.default('logto') // public routes: options: { auth: false }

server.route([
  { method: 'GET', path: '/me', handler: ({ auth: { credentials } }) => ({ userId: credentials.user?.userId }) },
  {
    method: 'GET',
    path: '/orders',
    options: { auth: { access: { scope: 'read:orders' } } }, // Hapi checks scopes itself
    handler: ({ auth: { credentials } }) => ({ owner: credentials.user?.userId }),
  },
])
await server.start()
