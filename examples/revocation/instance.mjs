// One instance of the API: a process with its own copy of the revocations, which it shares through Redis.
import { createRevocations, redisStore } from 'logto-authkit/revocation'
import { createClient } from 'redis'
import { createApp } from './app.mjs'

const { LOGTO_URL, LOGTO_AUDIENCE, LOGTO_APP_ID, LOGTO_WEBHOOK_KEY, REDIS_URL, PORT } = process.env

const client = await createClient({ url: REDIS_URL }).on('error', console.error).connect()
const revocations = createRevocations({ store: redisStore(client) })

const app = createApp({
  logtoUrl: LOGTO_URL,
  audience: LOGTO_AUDIENCE,
  clientId: LOGTO_APP_ID,
  signingKey: LOGTO_WEBHOOK_KEY,
  revocations,
})

// Loads all revocations before the first request, so that the request is checked against them.
await revocations.ready()
const server = app.listen(PORT, '127.0.0.1', () => process.send?.(server.address().port))
