import { createHash } from 'node:crypto'
import express, { type Request } from 'express'
import { logtoAuth, protect } from 'logto-authkit/express'

/**
 * In a real application, this would be a database table. Only hashes are stored, so that a copy of the table contains
 * no usable key.
 */
const apiKeys = new Map([[sha256('key_of_the_importer'), { owner: 'importer', scopes: ['write:orders'] }]])

function sha256(text: string) {
  return createHash('sha256').update(text).digest('hex')
}

const app = express()
// logtoAuth reads LOGTO_URL and LOGTO_AUDIENCE from the environment.
app.use(
  logtoAuth({
    // Called only if there is no valid token.
    fallback: (req: Request) => {
      const sent = req.get('x-api-key') ?? req.get('authorization')?.replace(/^Bearer +/i, '')
      const key = apiKeys.get(sha256(sent ?? ''))
      return key && { userId: key.owner, scopes: key.scopes }
    },
  }),
)
app.get('/me', (req, res) => res.json({ userId: req.auth.userId, subjectType: req.auth.subjectType }))
app.post('/orders', protect({ requiredScope: 'write:orders' }), (_req, res) => res.sendStatus(201))

app.listen(process.env.PORT ?? 3000)
