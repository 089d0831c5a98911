import express from 'express'
import { logtoAuth, protect } from 'logto-authkit/express'

const app = express()

// Public route: registered before logtoAuth(), so no token is checked.
app.get('/', (_req, res) => res.send('Hello\n'))
app.use(
  logtoAuth({
    logtoUrl: process.env.LOGTO_URL, // https://<tenant>.logto.app, or the URL of your self-hosted Logto
    audience: 'https://api.example.com', // the identifier of the API resource, as registered in Logto
  }),
)
app.get('/me', (req, res) => res.json({ userId: req.auth.userId, scopes: req.auth.scopes }))
app.get('/orders', protect({ requiredScope: 'read:orders' }), (req, res) => res.json({ owner: req.auth.userId }))

const port = process.env.PORT ?? 3000
app.listen(port).on('listening', () => console.log(`listening at http://localhost:${port}`))
