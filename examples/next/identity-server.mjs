/**
 * A real OpenID Connect server in this process: `oidc-provider`, the library that Logto is built on, configured like Logto
 * (mounted at `/oidc`, API resources, JWT access tokens, ES384), with its own sign-in page and two accounts.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'

// `oidc-provider` 9 targets Node 22. On Node 20, the only missing API is `URL.parse`.
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null)
const { Provider, errors } = await import('oidc-provider')

const PASSWORDS = new Map([
  ['alice', 'wonderland'],
  ['bob', 'builder'],
])

/**
 * @param {object} options
 * @param {number} options.port
 * @param {string} options.appUrl - The origin of the application.
 * @param {string} options.appId
 * @param {string} [options.appSecret] - Omit it for a public client, which relies on PKCE.
 * @param {string} options.audience - The API resource.
 * @param {() => number} [options.tokenLifetime] - Lifetime of the next access token, in seconds.
 */
export async function startIdentityServer({ port, appUrl, appId, appSecret, audience, tokenLifetime = () => 3600 }) {
  const url = `http://localhost:${port}`
  const provider = new Provider(`${url}/oidc`, {
    jwks: { keys: [generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ format: 'jwk' })] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    clients: [
      {
        client_id: appId,
        ...(appSecret ? { client_secret: appSecret } : { token_endpoint_auth_method: 'none' }),
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: [`${appUrl}/callback`],
        post_logout_redirect_uris: [`${appUrl}/`],
        id_token_signed_response_alg: 'ES384',
      },
    ],
    enabledJWA: { idTokenSigningAlgValues: ['ES384'] },
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    pkce: { required: () => true },
    // Browser applications request tokens themselves.
    clientBasedCORS: (_context, origin) => origin === appUrl,
    interactions: { url: (_context, { uid }) => `/sign-in/${uid}` },
    loadExistingGrant: ({ oidc }) => grant(provider, oidc, audience),
    ttl: { AccessToken: tokenLifetime, IdToken: 3600, Interaction: 3600, Session: 86400, Grant: 86400 },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource(context, form) {
          const button = '<button autofocus form="op.logoutForm" name="logout" value="yes">Sign out</button>'
          context.body = page('Sign out of everything?', form + button)
        },
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(_context, resource) {
          if (resource !== audience) throw new errors.InvalidTarget()
          return { scope: 'read:orders', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES384' } } }
        },
      },
    },
  })
  const mounted = provider.callback()

  const server = createServer(async (request, response) => {
    const path = request.url
    if (path.startsWith('/oidc/')) {
      // A mounted provider expects Express's convention: `url` relative to the mount point, `originalUrl` as requested.
      return mounted(Object.assign(request, { originalUrl: path, url: path.slice('/oidc'.length) }), response)
    }
    if (!path.startsWith('/sign-in/')) return response.writeHead(404).end()
    try {
      await signIn(provider, request, response)
    } catch (error) {
      response.writeHead(400, HTML).end(page('Sign in', `<p>${error.message}: please start again.</p>`))
    }
  })
  server.listen(port, 'localhost')
  await once(server, 'listening')

  return {
    url,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** Serves the sign-in page and handles its form. */
async function signIn(provider, request, response) {
  // Throws if this browser did not start the sign-in.
  const { prompt } = await provider.interactionDetails(request, response)
  // Logto's SDKs request consent to get a refresh token. A first-party application already has it.
  if (prompt.name === 'consent') return provider.interactionFinished(request, response, { consent: {} })
  if (request.method !== 'POST') return response.writeHead(200, HTML).end(signInPage())
  const form = new URLSearchParams(await text(request))
  const [accountId, password] = [form.get('name'), form.get('password')]
  if (PASSWORDS.get(accountId) !== password)
    return response.writeHead(401, HTML).end(signInPage('Wrong name or password'))
  await provider.interactionFinished(request, response, { login: { accountId } })
}

/** Grants all requested scopes without a consent page, because the application is first-party. */
async function grant(provider, { client, session }, audience) {
  const granted = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
  granted.addOIDCScope('openid offline_access')
  granted.addResourceScope(audience, 'read:orders')
  await granted.save()
  return granted
}

async function text(request) {
  let body = ''
  for await (const part of request.setEncoding('utf8')) body += part
  return body
}

const signInPage = (failure = '') =>
  page(
    'Sign in',
    `<form method="post">
      <p role="alert">${failure}</p>
      <label>Name <input name="name" autocomplete="username" required autofocus></label>
      <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
      <button>Sign in</button>
    </form>
    <p>Accounts: ${[...PASSWORDS].map((account) => account.join(' / ')).join(', ')}</p>`,
  )

const page = (title, content) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title} - Identity server</title>
<style>
  :root { font-family: system-ui, sans-serif; color: #1d2733; background: #e9eef4 }
  main { max-width: 20rem; margin: 4rem auto; padding: 1.5rem 2rem; border-radius: .6rem; background: #fff }
  form, label { display: grid; gap: .3rem } form { gap: 1rem }
  input, button { font: inherit; padding: .5rem .6rem; border: 1px solid #b4c0cd; border-radius: .4rem }
  button { width: 100%; border: 0; color: #fff; background: #2457a6 }
  p { margin: 0 } form + p { margin-top: 1rem; color: #5a6878; font-size: .85rem } [role=alert] { color: #b3261e }
</style>
<main><h1>${title}</h1>${content}</main>
</html>`

const HTML = { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' }
