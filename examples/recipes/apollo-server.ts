import { ApolloServer, HeaderMap } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { GraphQLError } from 'graphql'
import { AuthError, type AuthenticatedContext, createVerifier, forbidden, hasScopes } from 'logto-authkit'

const verifier = createVerifier() // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

/** Converts a rejection to an error with the status and headers of the response. */
function reject(error: unknown): never {
  if (!(error instanceof AuthError)) throw error
  const http = { status: error.status, headers: new HeaderMap(Object.entries(error.headers)) }
  throw new GraphQLError(error.message, { extensions: { code: error.code, http } })
}

const server = new ApolloServer<{ auth: AuthenticatedContext }>({
  typeDefs: 'type Query { me: String! orders: String! }',
  resolvers: {
    Query: {
      me: (_parent, _args, { auth }) => auth.userId,
      orders: (_parent, _args, { auth }) =>
        hasScopes(auth, 'read:orders') ? `of ${auth.userId}` : reject(forbidden('You may not read orders')),
    },
  },
})

await startStandaloneServer(server, {
  context: async ({ req }) => ({ auth: await verifier.verify(req).catch(reject) }),
  listen: { port: Number(process.env.PORT ?? 3000) },
})
