import express from 'express'
import { createCsrfMiddleware } from 'logto-authkit/csrf'
import { logtoAuth } from 'logto-authkit/express'

const app = express()

app.use(createCsrfMiddleware()) // before logtoAuth(), so that forged requests are rejected first
app.use(logtoAuth()) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
app.get('/orders', (req, res) => res.json({ owner: req.auth.userId })) // also sets the CSRF cookie
app.post('/orders', (req, res) => res.status(201).json({ owner: req.auth.userId })) // requires the header

app.listen(process.env.PORT ?? 3000)
