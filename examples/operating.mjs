import express from 'express'
import { createVerifier } from 'logto-authkit'
import { logtoAuth } from 'logto-authkit/express'

// Reads LOGTO_URL and LOGTO_AUDIENCE from the environment, and shares its cached keys with logtoAuth() below.
const verifier = createVerifier()

const app = express()

// 200 while usable keys are cached; otherwise tries to fetch them, with growing pauses between attempts.
app.get('/ready', async (_req, res) => {
  res.sendStatus(
    await verifier.prefetch().then(
      () => 200,
      () => 503,
    ),
  )
})
app.get('/stats', (_req, res) => res.json(verifier.stats())) // for your monitoring only, not public

app.use(logtoAuth({ onRefused: logRejection }))
app.get('/me', (req, res) => res.json({ userId: req.auth.userId }))

function logRejection({ code, details, cause }, req) {
  console.warn(JSON.stringify({ code, path: req.path, details, cause: cause?.message }))
}

const port = process.env.PORT ?? 3000
app.listen(port).on('listening', () => console.log(`listening at http://localhost:${port}`))
