/** A gateway in front of services that trust it: it accepts tokens and API keys, and passes the caller's identity to the services. */

import { createHash } from 'node:crypto'
import Fastify, { type FastifyRequest } from 'fastify'
import { logtoAuth, protect } from 'logto-authkit/fastify'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** In a real application, this would be a database table. */
const apiKeys = new Map([
  [sha256('key_importer'), { userId: 'importer', scopes: ['write:orders'], organizationId: 'org_acme' }],
  [sha256('key_reader'), { userId: 'reader', scopes: ['read:orders'] }],
])

const app = Fastify()

await app.register(async (api) => {
  // Reads LOGTO_URL and LOGTO_AUDIENCE from the environment.
  await api.register(logtoAuth, {
    fallback: ({ headers }: FastifyRequest) => apiKeys.get(sha256(String(headers['x-api-key']))),
  })
  api.get('/orders', { onRequest: protect({ requiredScope: 'read:orders' }) }, forward)
  api.post('/orders', { onRequest: protect({ requiredScope: 'write:orders' }) }, forward)
})
app.get('/health', () => 'ok')

/** Replaces the client's credentials with its identity. */
async function forward({ auth, body, method, url }: FastifyRequest) {
  const headers = new Headers({ 'x-user-id': auth.userId, 'x-subject-type': auth.subjectType })
  if (auth.organizationId !== null) headers.set('x-organization-id', auth.organizationId)
  if (body === undefined) return fetch(`${process.env.UPSTREAM_URL}${url}`, { method, headers })
  headers.set('content-type', 'application/json')
  return fetch(`${process.env.UPSTREAM_URL}${url}`, { method, headers, body: JSON.stringify(body) })
}

await app.listen({ port: Number(process.env.PORT ?? 3000) })
