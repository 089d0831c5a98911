import express from 'express'
import { createCsrfMiddleware } from 'logto-authkit/csrf'
import { logtoAuth } from 'logto-authkit/express'

const app = express()

app.use(createCsrfMiddleware()) // before logtoAuth(), so that forged requests are rejected first
app.use(logtoAuth()) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
app.get('/orders', (req, res) => res.json({ owner: req.auth.userId })) // also sets the CSRF cookie
app.post('/orders', (req, res) => res.status(201).json({ owner: req.auth.userId })) // requires the header

const port = process.env.PORT ?? 3000
app.listen(port).on('listening', () => console.log(`listening at http://localhost:${port}`))
