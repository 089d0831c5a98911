import express, { type ErrorRequestHandler, type Request, type Response } from 'express'
import { AuthError, forbidden, hasScopes } from 'logto-authkit'
import { logtoAuth, protect } from 'logto-authkit/express'

function sendProblem({ code, status, headers, message }: AuthError, req: Request, res: Response) {
  res.status(status).set(headers).type('application/problem+json')
  res.send(
    JSON.stringify({ type: `https://api.example.com/problems/${code}`, title: message, status, instance: req.path }),
  )
}

/** For an AuthError that a handler throws. */
const problemHandler: ErrorRequestHandler = (error, req, res, next) =>
  error instanceof AuthError && !res.headersSent ? sendProblem(error, req, res) : next(error)

const app = express()
// logtoAuth reads LOGTO_URL and LOGTO_AUDIENCE from the environment.
app.use(
  logtoAuth({
    onError: sendProblem, // for requests that logtoAuth or protect rejects
  }),
)
app.get('/me', (req, res) => res.json({ userId: req.auth.userId }))
app.get('/orders', protect({ requiredScope: 'read:orders' }), (req, res) => res.json({ owner: req.auth.userId }))
app.get('/reports', (req, res) => {
  if (!hasScopes(req.auth, 'read:reports')) throw forbidden('You may not read reports')
  res.json({ owner: req.auth.userId })
})
app.use(problemHandler)

app.listen(process.env.PORT ?? 3000)
