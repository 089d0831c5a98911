import { AsyncLocalStorage } from 'node:async_hooks'
import express from 'express'
import type { AuthenticatedContext } from 'logto-authkit'
import { logtoAuth } from 'logto-authkit/express'

const current = new AsyncLocalStorage<AuthenticatedContext>()

/** Returns the context of the current request. Every function that a handler calls can use it. */
function currentAuth(): AuthenticatedContext {
  const auth = current.getStore()
  if (auth === undefined) throw new Error('Called outside of a request')
  return auth
}

async function listOrders() {
  return { owner: currentAuth().userId }
}

const app = express()
app.use(
  logtoAuth(), // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
  (req, _res, next) => current.run(req.auth, next),
)
app.get('/orders', async (_req, res) => res.json(await listOrders()))

app.listen(process.env.PORT ?? 3000)
