import { createHash, randomBytes } from 'node:crypto'
import { APP_ID, AUDIENCE, CALLBACK } from './identity-server.mjs'

/** A user's browser, which has a session with the identity server. */
export class Browser {
  #cookies = new Map()
  #issuer

  constructor(logtoUrl) {
    this.#issuer = `${logtoUrl}/oidc`
  }

  /** Signs in with the authorization code flow and PKCE. Returns the access token. */
  async signIn(userId) {
    const verifier = randomBytes(32).toString('base64url')
    const query = new URLSearchParams({
      client_id: APP_ID,
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid',
      resource: AUDIENCE,
      // Forces a new login. Unlike Logto, this server keeps the session of a suspended user, who could sign in again.
      prompt: 'login',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      login_hint: userId,
    })
    const { url } = await this.#open(`${this.#issuer}/auth?${query}`)
    const code = url.searchParams.get('code')
    if (code === null) throw new Error(`${userId} cannot sign in: ${url.searchParams.get('error') ?? url}`)
    const response = await fetch(`${this.#issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: APP_ID,
        redirect_uri: CALLBACK,
        resource: AUDIENCE,
        code,
        code_verifier: verifier,
      }),
    })
    const { access_token: token } = await response.json()
    return token
  }

  /** Signs out. Meanwhile, the identity server sends a logout token to the API. */
  async signOut() {
    const { text } = await this.#open(`${this.#issuer}/session/end?client_id=${APP_ID}`)
    const [, xsrf] = /name="xsrf" value="(\w+)"/.exec(text)
    const body = new URLSearchParams({ xsrf, logout: 'yes' })
    await this.#open(`${this.#issuer}/session/end/confirm`, { method: 'POST', body })
  }

  /** Opens a page, following redirects until the application's page. */
  async #open(target, init) {
    const headers = { cookie: [...this.#cookies].map((pair) => pair.join('=')).join('; ') }
    const response = await fetch(target, { ...init, headers, redirect: 'manual' })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)
      this.#cookies.set(name, value)
    }
    const location = response.headers.get('location')
    if (location === null) return { url: new URL(target), text: await response.text() }
    const url = new URL(location, target)
    return location.startsWith(CALLBACK) ? { url, text: '' } : this.#open(url)
  }
}
