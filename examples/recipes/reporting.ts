import * as Sentry from '@sentry/node'
import express, { type ErrorRequestHandler } from 'express'
import { AuthError } from 'logto-authkit'
import { authErrorHandler, logtoAuth } from 'logto-authkit/express'
import pino from 'pino'

Sentry.init({
  dsn: process.env.SENTRY_DSN ?? '',
  beforeSend(event) {
    // Headers and cookies contain the token. Up to version 10, Sentry's SDK sends both unfiltered.
    delete event.request?.headers
    delete event.request?.cookies
    return event
  },
})
const logger = pino()

const app = express()
// logtoAuth reads LOGTO_URL and LOGTO_AUDIENCE from the environment.
app.use(
  logtoAuth({
    // The code and details of a rejection contain no token. They are for operators only.
    onRefused: ({ code, details, cause }) => logger.info({ code, details, err: cause }, 'request refused'),
  }),
  (req, _res, next) => {
    Sentry.setUser({ id: req.auth.userId })
    next()
  },
)
app.get('/me', (req, res) => res.json({ userId: req.auth.userId }))
app.get('/fault', () => {
  throw new Error('a fault')
})

/** Rejections are not faults: without the condition, every expired session would be reported. */
const reportFault: ErrorRequestHandler = (error, _req, res, next) => {
  if (!(error instanceof AuthError)) {
    Sentry.captureException(error)
    logger.error(error)
  }
  if (res.headersSent) return next(error)
  res.sendStatus(500)
}
app.use(authErrorHandler(), reportFault)

app.listen(process.env.PORT ?? 3000)
