import express from 'express'
import { AuthError } from 'logto-authkit'
import { authErrorHandler, type LogtoAuthOptions, logtoAuth } from 'logto-authkit/express'

/** What this file needs of pino, winston or console. */
interface Logger {
  info(message: object): void
  error(message: object): void
}

/** What this file needs of `@sentry/node`. */
interface Sentry {
  setUser(user: { id: string }): void
  captureException(error: unknown): void
}

export function createApp(options: LogtoAuthOptions, logger: Logger, sentry: Sentry) {
  const app = express()
  app.use(
    logtoAuth({
      ...options,
      // The code and details of a rejection contain no token. They are for operators only.
      onRefused: ({ code, details, cause }) => logger.info({ event: 'request refused', code, details, cause }),
    }),
    (req, _res, next) => {
      sentry.setUser({ id: req.auth.userId })
      next()
    },
  )
  app.get('/me', (req, res) => res.json({ userId: req.auth.userId }))
  app.get('/fault', () => {
    throw new Error('a fault')
  })
  app.use(authErrorHandler())
  app.use(((error, _req, res, next) => {
    // Rejections are not faults: without this condition, every expired session would be reported.
    if (!(error instanceof AuthError)) sentry.captureException(error)
    if (res.headersSent) return next(error)
    res.sendStatus(500)
  }) satisfies express.ErrorRequestHandler)
  return app
}
