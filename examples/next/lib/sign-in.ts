/** The authorization code flow of OpenID Connect with PKCE (RFC 7636), state and nonce. */

import { createHash, randomBytes } from 'node:crypto'
import { verifyLogtoToken } from 'logto-authkit'
import { audience, logtoUrl } from './auth'
import { appId, appSecret, scope } from './settings'

/** Kept in a cookie between the start of a sign-in and the callback. */
export interface SignIn {
  state: string
  nonce: string
  verifier: string
  redirectTo: string
}

const ISSUER = `${logtoUrl}/oidc`

/** Starts a sign-in that ends on the page `redirectTo`, and returns the URL to redirect the browser to. */
export function startSignIn(redirectTo: string, redirectUri: string): { signIn: SignIn; url: URL } {
  const random = () => randomBytes(32).toString('base64url')
  const signIn = { state: random(), nonce: random(), verifier: random(), redirectTo }
  const url = new URL(`${ISSUER}/auth`)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: appId,
    redirect_uri: redirectUri,
    scope: `openid ${scope}`,
    // Without a resource, Logto issues an opaque access token.
    resource: audience,
    state: signIn.state,
    nonce: signIn.nonce,
    code_challenge: createHash('sha256').update(signIn.verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString()
  return { signIn, url }
}

/**
 * Exchanges the authorization code for an access token.
 *
 * @throws if the callback does not belong to this sign-in.
 */
export async function finishSignIn(signIn: SignIn, callback: URLSearchParams, redirectUri: string): Promise<string> {
  const code = callback.get('code')
  if (callback.get('state') !== signIn.state) throw new Error('The state belongs to another sign-in')
  if (code === null) throw new Error(`The identity server returned ${callback.get('error')}`)
  const tokens = await requestTokens({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: signIn.verifier,
    resource: audience,
  })
  // The audience of an ID token is the application, not the API, and its type is not at+jwt.
  const options = { logtoUrl, audience: appId, tokenType: null }
  const { payload } = await verifyLogtoToken(tokens.id_token, options)
  if (payload?.nonce !== signIn.nonce) throw new Error('The ID token belongs to another sign-in')
  return tokens.access_token
}

/** The URL that ends the session at the identity server and then redirects to `redirectUri`. */
export function signOutUrl(redirectUri: string): string {
  const parameters = { client_id: appId, post_logout_redirect_uri: redirectUri }
  return `${ISSUER}/session/end?${new URLSearchParams(parameters)}`
}

async function requestTokens(grant: Record<string, string>): Promise<{ access_token: string; id_token: string }> {
  const credentials = Buffer.from(`${appId}:${appSecret}`).toString('base64')
  const response = await fetch(`${ISSUER}/token`, {
    method: 'POST',
    headers: appSecret ? { authorization: `Basic ${credentials}` } : {},
    body: new URLSearchParams(appSecret ? grant : { ...grant, client_id: appId }),
    cache: 'no-store',
  })
  if (!response.ok) throw new Error(`The token endpoint responded with ${response.status}: ${await response.text()}`)
  return response.json()
}
