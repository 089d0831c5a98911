import Fastify from 'fastify'
import { logtoAuth, protect } from 'logto-authkit/fastify'

const app = Fastify()

app.register(logtoAuth) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
app.register(async (api) => {
  api.get('/me', async (request) => ({ userId: request.auth.userId, scopes: request.auth.scopes }))
  api.get('/orders', { onRequest: protect({ requiredScope: 'read:orders' }) }, async (request) => ({
    owner: request.auth.userId,
  }))
})

const port = Number(process.env.PORT ?? 3000)
app.listen({ port }).then(() => console.log(`listening at http://localhost:${port}`))
