import express, { type RequestHandler } from 'express'
import { logtoAuth, requireAuth } from 'logto-authkit/express'

interface User {
  id: number
  logtoId: string
}
declare global {
  namespace Express {
    interface Request {
      user: User
    }
  }
}

/** In a real application, this would be a database table with a unique index on `logto_id`. */
const users = new Map<string, User>()

/** In SQL: INSERT INTO users (logto_id) VALUES ($1) ON CONFLICT (logto_id) DO UPDATE SET seen_at = now() RETURNING * */
async function upsert(logtoId: string): Promise<User> {
  const user = users.get(logtoId) ?? { id: users.size + 1, logtoId }
  users.set(logtoId, user)
  return user
}

const localUser: RequestHandler = async (req, _res, next) => {
  req.user = await upsert(requireAuth(req).userId)
  next()
}

const app = express()
app.use(
  logtoAuth(), // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
  localUser,
)
app.get('/me', (req, res) => res.json(req.user))

app.listen(process.env.PORT ?? 3000)
