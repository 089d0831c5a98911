import { H3, serve } from 'h3'
import { AuthError, type AuthenticatedContext, createVerifier, errorResponse, requireScopes } from 'logto-authkit'

declare module 'h3' {
  interface H3EventContext {
    auth: AuthenticatedContext
  }
}

const verifier = createVerifier() // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

const app = new H3()
app.use(async (event, next) => {
  try {
    event.context.auth = await verifier.verify(event.req)
    return await next()
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    const { body, ...init } = errorResponse(error)
    return new Response(body, init)
  }
})
app.get('/me', ({ context: { auth } }) => ({ userId: auth.userId, scopes: auth.scopes }))
app.get('/orders', ({ context: { auth } }) => {
  requireScopes(auth, 'read:orders')
  return { owner: auth.userId }
})

serve(app, { port: process.env.PORT ?? 3000 })
