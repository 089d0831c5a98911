import express from 'express'
import { createVerifier } from 'logto-authkit'
import { logtoAuth } from 'logto-authkit/express'

const options = {
  logtoUrl: process.env.LOGTO_URL ?? '', // https://<tenant>.logto.app, or your own server's address
  audience: 'https://api.example.com', // the API resource's identifier, as registered in Logto
}
const verifier = createVerifier(options) // has its keys in common with logtoAuth below

const app = express()

// 200 while there are keys that serve; asks for them if there are none, once a cool-down.
app.get('/ready', async (_req, res) => {
  res.sendStatus(
    await verifier.prefetch().then(
      () => 200,
      () => 503,
    ),
  )
})
app.get('/stats', (_req, res) => res.json(verifier.stats())) // for your monitoring, not for the world

app.use(logtoAuth({ ...options, onError: logAndAnswer }))
app.get('/me', (req, res) => res.json({ userId: req.auth.userId }))

function logAndAnswer(error, req, res) {
  const { code, status, message, headers, details, cause } = error
  console.warn(JSON.stringify({ code, path: req.path, details, cause: cause?.message }))
  res.status(status).set(headers).json({ code, message })
}

app.listen(process.env.PORT ?? 3000)
