import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { logtoAuth, protect } from 'logto-authkit/hono'

const app = new Hono()

app.use(
  logtoAuth({
    logtoUrl: process.env.LOGTO_URL ?? '', // https://<tenant>.logto.app, or the URL of your self-hosted Logto
    audience: 'https://api.example.com', // the identifier of the API resource, as registered in Logto
  }),
)
app.get('/me', (c) => c.json({ userId: c.get('auth').userId, scopes: c.get('auth').scopes }))
app.get('/orders', protect({ requiredScope: 'read:orders' }), (c) => c.json({ owner: c.get('auth').userId }))

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) })
