import express from 'express'
import { logtoAuth, protect } from 'logto-authkit/express'

const app = express()
app.use(logtoAuth()) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
app.get('/admin', protect({ requiredRole: 'admin' }), (req, res) => res.json({ admin: req.auth.userId }))

const port = process.env.PORT ?? 3000
app.listen(port).on('listening', () => console.log(`listening at http://localhost:${port}`))
