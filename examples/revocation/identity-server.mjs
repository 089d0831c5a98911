/**
 * Stands in for Logto: `oidc-provider`, the library that Logto is built on, with back-channel logout and the webhook
 * that Logto sends when a user is suspended.
 */
import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'

// `oidc-provider` 9 targets Node 22 and warns on Node 20, where the only missing API is `URL.parse`.
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null)
const { Provider, errors } = await withoutWarnings(() => import('oidc-provider'))

export const APP_ID = 'shop'
export const AUDIENCE = 'https://api.example.com'
export const CALLBACK = 'https://shop.example.com/callback'

export async function startIdentityServer({ signingKey }) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}`
  const suspended = new Set()
  let apiUrl

  return {
    url,

    /** Registers the API that receives webhooks and logout tokens, and starts serving requests. */
    register(api) {
      apiUrl = api
      const provider = createProvider(`${url}/oidc`, `${apiUrl}/logto/logout`)
      const mounted = provider.callback()
      server.on('request', async (request, response) => {
        const { url: path } = request
        // A mounted provider expects Express's convention: `url` relative to the mount point, `originalUrl` as requested.
        if (path.startsWith('/oidc/'))
          return mounted(Object.assign(request, { originalUrl: path, url: path.slice('/oidc'.length) }), response)
        const { params } = await provider.interactionDetails(request, response)
        const accountId = params.login_hint
        const result = suspended.has(accountId) ? { error: 'access_denied' } : { login: { accountId } }
        await provider.interactionFinished(request, response, result)
      })
    },

    /** Suspends a user, or ends the suspension, and sends the webhook. */
    async setSuspended(userId, isSuspended) {
      if (isSuspended) suspended.add(userId)
      else suspended.delete(userId)
      const body = JSON.stringify({
        event: 'User.SuspensionStatus.Updated',
        createdAt: new Date().toISOString(),
        params: { userId },
        data: { id: userId, isSuspended },
        hookId: 'example',
      })
      const signature = createHmac('sha256', signingKey).update(body).digest('hex')
      const headers = { 'Content-Type': 'application/json', 'Logto-Signature-Sha-256': signature }
      const { status } = await fetch(`${apiUrl}/logto/webhook`, { method: 'POST', body, headers })
      if (status !== 200) throw new Error(`The webhook responded with ${status}`)
    },

    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function createProvider(issuer, logoutUrl) {
  const configuration = {
    jwks: { keys: [generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ format: 'jwk' })] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    clients: [
      {
        client_id: APP_ID,
        token_endpoint_auth_method: 'none',
        redirect_uris: [CALLBACK],
        id_token_signed_response_alg: 'ES384',
        backchannel_logout_uri: logoutUrl,
        backchannel_logout_session_required: true,
      },
    ],
    enabledJWA: { idTokenSigningAlgValues: ['ES384'] },
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    pkce: { required: () => true },
    interactions: { url: (_context, { uid }) => `/sign-in/${uid}` },
    async loadExistingGrant({ oidc: { client, session } }) {
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
      grant.addOIDCScope('openid')
      await grant.save()
      return grant
    },
    ttl: { AccessToken: 3600, IdToken: 3600, Interaction: 3600, Session: 86400, Grant: 86400 },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context, form) => {
          context.body = form
        },
        postLogoutSuccessSource: (context) => {
          context.body = 'Signed out'
        },
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(_context, resource) {
          if (resource !== AUDIENCE) throw new errors.InvalidTarget()
          return { scope: '', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES384' } } }
        },
      },
    },
    // By default, the provider sends no requests to private addresses, as in Logto.
    fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
  }
  // The warning says that the provider keeps its data in memory.
  const provider = withoutWarnings(() => new Provider(issuer, configuration))
  return provider
}

/** Calls a function without printing warnings. If it returns a promise, warnings are muted until that settles. */
function withoutWarnings(run) {
  const { warn } = console
  console.warn = () => {}
  const restore = () => {
    console.warn = warn
  }
  const result = run()
  if (typeof result.finally === 'function') return result.finally(restore)
  restore()
  return result
}
