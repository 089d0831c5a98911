import Fastify from 'fastify'
import { logtoAuth, protect } from 'logto-authkit/fastify'

const app = Fastify()

await app.register(logtoAuth, {
  logtoUrl: process.env.LOGTO_URL ?? '', // https://<tenant>.logto.app, or the URL of your self-hosted Logto
  audience: 'https://api.example.com', // the identifier of the API resource, as registered in Logto
})
app.get('/me', async (request) => ({ userId: request.auth.userId, scopes: request.auth.scopes }))
app.get('/orders', { onRequest: protect({ requiredScope: 'read:orders' }) }, async (request) => ({
  owner: request.auth.userId,
}))

await app.listen({ port: Number(process.env.PORT ?? 3000) })
