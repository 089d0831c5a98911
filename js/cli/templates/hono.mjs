import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { logtoAuth, protect } from 'logto-authkit/hono'

const app = new Hono()
  .use(logtoAuth()) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
  .get('/me', (c) => c.json({ userId: c.get('auth').userId, scopes: c.get('auth').scopes }))
  .get('/orders', protect({ requiredScope: 'read:orders' }), (c) => c.json({ owner: c.get('auth').userId }))

const port = Number(process.env.PORT ?? 3000)
serve({ fetch: app.fetch, port }, () => console.log(`listening at http://localhost:${port}`))
