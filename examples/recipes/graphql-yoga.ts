import { createServer } from 'node:http'
import { GraphQLError } from 'graphql'
import { createSchema, createYoga } from 'graphql-yoga'
import { AuthError, type AuthenticatedContext, createVerifier, forbidden, hasScopes } from 'logto-authkit'

const verifier = createVerifier() // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

/** Converts a rejection to an error that GraphQL Yoga shows to clients, with status and headers. */
function reject(error: unknown): never {
  if (!(error instanceof AuthError)) throw error
  const { code, status, headers, message } = error
  throw new GraphQLError(message, { extensions: { code, http: { status, headers } } })
}

const yoga = createYoga({
  schema: createSchema<{ auth: AuthenticatedContext }>({
    typeDefs: 'type Query { me: String! orders: String! }',
    resolvers: {
      Query: {
        me: (_parent, _args, { auth }) => auth.userId,
        orders: (_parent, _args, { auth }) =>
          hasScopes(auth, 'read:orders') ? `of ${auth.userId}` : reject(forbidden('You may not read orders')),
      },
    },
  }),
  context: async ({ request }) => ({ auth: await verifier.verify(request).catch(reject) }),
})

createServer(yoga).listen(process.env.PORT ?? 3000)
