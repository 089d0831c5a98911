import express from 'express'
import { logtoAuth } from 'logto-authkit/express'

/** An API that rejects the tokens of suspended users, and of users who have signed out. */
export function createApp({ logtoUrl, audience, clientId, signingKey, revocations }) {
  const app = express()

  // Before logtoAuth() and any body parser: Logto sends no access token, and signs the raw body of the webhook.
  app.post('/logto/webhook', revocations.webhook({ signingKey }))
  app.post('/logto/logout', revocations.backchannelLogout({ logtoUrl, clientId }))

  app.use(logtoAuth({ logtoUrl, audience, revocations }))
  app.get('/me', (req, res) => res.json({ userId: req.auth.userId }))

  return app
}
