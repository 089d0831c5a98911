import express from 'express'
import { logtoAuth, protect } from 'logto-authkit/express'

const app = express()

app.get('/', (_req, res) => res.send('For everybody: above logtoAuth nothing is verified\n'))
app.use(
  logtoAuth({
    logtoUrl: process.env.LOGTO_URL ?? '', // https://<tenant>.logto.app, or your own server's address
    audience: 'https://api.example.com', // the API resource's identifier, as registered in Logto
  }),
)
app.get('/me', (req, res) => res.json({ userId: req.auth.userId, scopes: req.auth.scopes }))
app.get('/orders', protect({ requiredScope: 'read:orders' }), (req, res) => res.json({ of: req.auth.userId }))

app.listen(process.env.PORT ?? 3000)
