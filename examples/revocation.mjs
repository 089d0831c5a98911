import express from 'express'
import { authErrorHandler, logtoAuth, protect } from 'logto-authkit/express'
import { createRevocations, memoryStore, redisStore } from 'logto-authkit/revocation'
import { createClient } from 'redis'

const logtoUrl = process.env.LOGTO_URL ?? ''
const revocations = createRevocations({ store: await createStore(process.env.REDIS_URL) })
const app = express()

// Before logtoAuth() and any body parser: Logto sends no access token, and signs the raw body of the webhook.
app.post('/logto/webhook', revocations.webhook({ signingKey: process.env.LOGTO_WEBHOOK_KEY ?? '' }))
app.post('/logto/logout', revocations.backchannelLogout({ logtoUrl, clientId: process.env.LOGTO_APP_ID ?? '' }))

app.use(logtoAuth({ revocations })) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
app.get('/me', (req, res) => res.json({ userId: req.auth.userId }))

// Your own code can revoke tokens too. From now on: 401 token_revoked, until a new sign-in.
app.post('/users/:id/revoke', protect({ requiredScope: 'manage:users' }), async (req, res) => {
  await revocations.revokeSubject(String(req.params.id))
  res.sendStatus(204)
})

app.use(authErrorHandler()) // sends 503 as JSON if the store does not acknowledge a revocation

/** With Redis, a revocation applies to all instances. Without Redis, it applies to this process only. */
async function createStore(url) {
  if (!url) return memoryStore()
  return redisStore(await createClient({ url }).on('error', console.error).connect())
}

await revocations.ready()
const port = process.env.PORT ?? 3000
app.listen(port).on('listening', () => console.log(`listening at http://localhost:${port}`))
