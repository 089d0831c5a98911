/** An API for many organizations. Requests name the organization by slug in the path, or by id in a header. */

import express, { type Request } from 'express'
import { authErrorHandler, logtoAuth, protect } from 'logto-authkit/express'

/** In a real application, this would be a database table. */
const organizations = new Map([
  ['acme', 'org_acme'],
  ['globex', 'org_globex'],
])
const idOf = async (slug: string) => organizations.get(slug)

const app = express()
app.use(logtoAuth()) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
app.get('/me', (req, res) => res.json({ userId: req.auth.userId, organizationId: req.auth.organizationId }))

const inPath = express.Router({ mergeParams: true })
app.use('/orgs/:slug', protect({ organizationId: (req: Request<{ slug: string }>) => idOf(req.params.slug) }), inPath)
inPath.get('/invoices', protect({ requiredScope: 'read:invoices' }), (req, res) =>
  res.json({ of: req.auth.organizationId }),
)
inPath.delete('/invoices', protect({ requiredRole: 'accountant' }), (_req, res) => res.sendStatus(204))

app.post(
  '/invoices',
  protect({ organizationId: (req: Request) => req.get('x-organization-id'), requiredScope: 'write:invoices' }),
  (req, res) => res.status(201).json({ of: req.auth.organizationId }),
)
// Only for tokens that belong to no organization, such as the back office's tokens.
app.get('/reports', protect({ organizationId: null, subjectType: 'machine' }), (_req, res) => res.json({ all: true }))
app.use(authErrorHandler())

app.listen(process.env.PORT ?? 3000)
