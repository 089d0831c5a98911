import { AuthError, type AuthenticatedContext, createVerifier, errorResponse } from 'logto-authkit'
import { defineMiddleware } from 'nitro/h3'

declare module 'nitro/h3' {
  interface H3EventContext {
    auth: AuthenticatedContext
  }
}

const verifier = createVerifier() // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

export default defineMiddleware(async (event, next) => {
  try {
    event.context.auth = await verifier.verify(event.req)
    return await next()
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    const { body, ...init } = errorResponse(error)
    return new Response(body, init)
  }
})
