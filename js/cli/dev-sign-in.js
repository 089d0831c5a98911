/**
 * The sign-in of `logto-authkit dev`: the authorization code flow with PKCE (RFC 6749 section 4.1, RFC 7636) for
 * applications on this machine. Users choose their id and permissions. Client secrets are not checked.
 */

const { createHash, randomBytes } = require('node:crypto')
const { createToken } = require('./dev-tokens')
const { signInPage } = require('./dev-sign-in-page')

/**
 * @typedef {import('../testing/index').TestIssuer} TestIssuer
 * @typedef {{ sub: string, clientId: string, scopes: string[], resources?: string[] }} Session - Without `resources`, a
 *   machine-to-machine application may request tokens for every API resource.
 * @typedef {Session & { redirectUri: string, challenge: string, nonce: string | null }} Grant
 * @typedef {import('node:http').IncomingHttpHeaders} Headers
 * @typedef {{ status: number, headers: Record<string, string>, body: string }} SignInResponse
 */

const LOOPBACK_HOSTNAME_PATTERN = /^(127\.0\.0\.1|\[::1\]|([\w-]+\.)*localhost)$/

/** Scopes about the user rather than permissions of an API resource. */
const RESERVED_SCOPE_PATTERN =
  /^(openid|offline_access|profile|email|phone|address|custom_data|identities|roles|urn:logto:.*)$/

const SESSION_COOKIE = 'logto_authkit_dev_session'

const TOKEN_LIFETIME_SECONDS = 3600

/** Sign-ins that are never completed, and sessions that never end, must not fill the memory. */
const MAX_RECORDS = 1000

class OAuthError extends Error {
  /**
   * @param {string} code - An error code of RFC 6749 section 5.2.
   * @param {string} description
   */
  constructor(code, description) {
    super(description)
    this.code = code
  }
}

class SignIn {
  /**
   * The users who have signed in, by the id in the browser's cookie, with the permissions that they have denied. Like at
   * Logto, further sign-ins in the same browser need no interaction until the user signs out.
   *
   * @type {Map<string, { sub: string, denied: string[] }>}
   */
  #browserSessions = new Map()
  /** The grants by authorization code. @type {Map<string, Grant>} */
  #grants = new Map()
  /** The sessions by refresh token. @type {Map<string, Session>} */
  #sessions = new Map()
  /** The sessions by opaque access token, which only the userinfo endpoint accepts. @type {Map<string, Session>} */
  #sessionsByAccessToken = new Map()

  /** @param {URLSearchParams} parameters @param {Headers} headers @param {TestIssuer} issuer */
  authorize(parameters, { cookie }, { issuer }) {
    const redirectUri = parameters.get('redirect_uri') ?? ''
    const clientId = parameters.get('client_id')
    const challenge = parameters.get('code_challenge')
    if (!clientId) return text(400, 'The parameter client_id is missing.')
    if (!isLoopbackUrl(redirectUri))
      return text(400, 'The local issuer only redirects to URLs on this machine: use http://localhost in redirect_uri.')
    const redirect = (/** @type {Record<string, string>} */ result, headers = {}) => {
      const url = new URL(redirectUri)
      const state = parameters.get('state')
      for (const [name, value] of Object.entries({ ...result, ...(state === null ? {} : { state }), iss: issuer }))
        url.searchParams.append(name, value)
      return { status: 303, headers: { ...headers, Location: url.href }, body: '' }
    }
    const fail = (/** @type {string} */ error, /** @type {string} */ description) =>
      redirect({ error, error_description: description })
    if (parameters.get('response_type') !== 'code')
      return fail('unsupported_response_type', 'The local issuer supports only response_type=code')
    if (!challenge || parameters.get('code_challenge_method') !== 'S256')
      return fail('invalid_request', 'Send code_challenge, and code_challenge_method=S256')
    if (parameters.has('cancel')) return fail('access_denied', 'End-User aborted interaction')
    const requestedScopes = splitWords(parameters.get('scope'))
    const permissions = requestedScopes.filter(isPermission)
    const prompt = splitWords(parameters.get('prompt'))
    const user = parameters.get('user')?.trim()
    const signedIn = user
      ? { sub: user, denied: permissions.filter((scope) => !parameters.getAll('grant').includes(scope)) }
      : this.#browserSessions.get(sessionIdFrom(cookie))
    if (signedIn === undefined || (!user && prompt.includes('login'))) {
      if (prompt.includes('none')) return fail('login_required', 'End-User authentication is required')
      return { status: 200, ...signInPage(parameters, permissions) }
    }
    const { sub, denied } = signedIn
    const scopes = requestedScopes.filter((scope) => !denied.includes(scope))
    const session = { sub, clientId, scopes, resources: parameters.getAll('resource') }
    const nonce = parameters.get('nonce')
    const code = storeRecord(this.#grants, { ...session, redirectUri, challenge, nonce })
    return redirect({ code }, user ? sessionCookie(storeRecord(this.#browserSessions, signedIn)) : {})
  }

  /** @param {URLSearchParams} parameters @param {Headers} headers @param {TestIssuer} issuer */
  token(parameters, { authorization }, issuer) {
    const clientId = clientIdOf(parameters, authorization)
    const grantType = parameters.get('grant_type')
    if (grantType === 'authorization_code') {
      const grant = this.#redeemCode(parameters, clientId)
      const idToken = createToken(
        { kind: 'id', ...userAndClientOf(grant), claims: { nonce: grant.nonce ?? undefined } },
        issuer,
      )
      const isOffline = grant.scopes.includes('offline_access')
      return json(200, {
        ...this.#accessToken(grant, parameters, issuer),
        id_token: idToken.token,
        refresh_token: isOffline ? storeRecord(this.#sessions, grant) : undefined,
      })
    }
    if (grantType === 'refresh_token') {
      const refreshToken = parameters.get('refresh_token') ?? ''
      const session = this.#sessions.get(refreshToken)
      if (session === undefined) throw new OAuthError('invalid_grant', 'refresh token not found')
      return json(200, { ...this.#accessToken(session, parameters, issuer), refresh_token: refreshToken })
    }
    if (grantType === 'client_credentials') {
      if (!clientId) throw new OAuthError('invalid_client', 'client_id is missing')
      if (!parameters.get('resource') && !parameters.get('organization_id'))
        throw new OAuthError('invalid_target', 'both `resource` and `organization_id` are not provided')
      const session = { sub: clientId, clientId, scopes: splitWords(parameters.get('scope')) }
      return json(200, this.#accessToken(session, parameters, issuer))
    }
    throw new OAuthError('unsupported_grant_type', `unsupported grant_type requested (${grantType})`)
  }

  /**
   * Logto issues JWTs only for API resources and organizations. All other access tokens are opaque.
   *
   * @param {Session} session
   * @param {URLSearchParams} parameters
   * @param {TestIssuer} issuer
   */
  #accessToken(session, parameters, issuer) {
    const audience = parameters.get('resource') ?? undefined
    const organizationId = parameters.get('organization_id') ?? undefined
    const response = { token_type: 'Bearer', expires_in: TOKEN_LIFETIME_SECONDS }
    if (audience === undefined && organizationId === undefined) {
      const scope = session.scopes.join(' ')
      return { ...response, scope, access_token: storeRecord(this.#sessionsByAccessToken, session) }
    }
    if (audience !== undefined && session.resources?.includes(audience) === false)
      throw new OAuthError('invalid_target', 'resource indicator is missing, or unknown')
    const requested = parameters.has('scope') ? splitWords(parameters.get('scope')) : session.scopes
    const granted = session.scopes.filter((scope) => isPermission(scope) && requested.includes(scope))
    const isMachine = session.sub === session.clientId
    const scope = granted.length === 0 && isMachine ? undefined : granted.join(' ')
    const kind = audience === undefined ? 'organization' : organizationId === undefined ? 'access' : 'resource'
    const options = { kind, ...userAndClientOf(session), audience, organizationId, scope }
    return { ...response, scope, access_token: createToken(options, issuer).token }
  }

  /** Returns the grant of an authorization code, which can be used once. @param {URLSearchParams} parameters @param {string | null} clientId */
  #redeemCode(parameters, clientId) {
    const code = parameters.get('code') ?? ''
    const grant = this.#grants.get(code)
    this.#grants.delete(code)
    if (grant === undefined) throw new OAuthError('invalid_grant', 'authorization code not found')
    if (grant.clientId !== clientId) throw new OAuthError('invalid_grant', 'authorization code client mismatch')
    if (grant.redirectUri !== parameters.get('redirect_uri'))
      throw new OAuthError('invalid_grant', 'authorization code redirect_uri mismatch')
    const verifier = parameters.get('code_verifier') ?? ''
    if (createHash('sha256').update(verifier).digest('base64url') !== grant.challenge)
      throw new OAuthError('invalid_grant', 'PKCE verification failed')
    return grant
  }

  /** @param {unknown} _ @param {Headers} headers */
  userInfo(_, { authorization }) {
    const session = this.#sessionsByAccessToken.get(authorization?.replace(/^Bearer /i, '') ?? '')
    return session === undefined
      ? json(401, { error: 'invalid_token', error_description: 'invalid token provided' })
      : json(200, { sub: session.sub, username: session.sub })
  }

  /** @param {URLSearchParams} parameters */
  revoke(parameters) {
    const token = parameters.get('token') ?? ''
    for (const sessions of [this.#sessions, this.#sessionsByAccessToken]) sessions.delete(token)
    return json(200, {})
  }

  /** @param {URLSearchParams} parameters @param {Headers} headers */
  signOut(parameters, { cookie }) {
    this.#browserSessions.delete(sessionIdFrom(cookie))
    const uri = parameters.get('post_logout_redirect_uri')
    if (uri === null) return text(200, 'You are signed out.')
    if (!isLoopbackUrl(uri))
      return text(400, 'The local issuer only redirects to URLs on this machine: use http://localhost.')
    const url = new URL(uri)
    const state = parameters.get('state')
    if (state !== null) url.searchParams.append('state', state)
    return { status: 303, headers: { Location: url.href }, body: '' }
  }
}

/** Whether a URL is that of an application on this machine. Codes and tokens must not leave the machine. @param {string} uri */
function isLoopbackUrl(uri) {
  if (!URL.canParse(uri)) return false
  const { protocol, hostname } = new URL(uri)
  return /^https?:$/.test(protocol) && LOOPBACK_HOSTNAME_PATTERN.test(hostname)
}

/** @param {string | undefined} cookieHeader */
const sessionIdFrom = (cookieHeader) => new RegExp(`\\b${SESSION_COOKIE}=([\\w-]+)`).exec(cookieHeader ?? '')?.[1] ?? ''

/** @param {string} id */
const sessionCookie = (id) => ({ 'Set-Cookie': `${SESSION_COOKIE}=${id}; Path=/oidc; HttpOnly; SameSite=Lax` })

/** @param {string} scope */
const isPermission = (scope) => !RESERVED_SCOPE_PATTERN.test(scope)

/** @type {(text: string | null) => string[]} */
const splitWords = (text) => text?.match(/\S+/g) ?? []

/** @param {Session} session */
const userAndClientOf = ({ sub, clientId }) => ({ sub, clientId })

/**
 * Returns the client id from the `Authorization` header, which SDKs with a client secret send, or from the body.
 *
 * @param {URLSearchParams} parameters
 * @param {string | undefined} authorization
 */
function clientIdOf(parameters, authorization) {
  const [, credentials] = /^Basic (.+)$/i.exec(authorization ?? '') ?? []
  if (credentials === undefined) return parameters.get('client_id')
  const [clientId] = Buffer.from(credentials, 'base64').toString().split(':')
  return decodeURIComponent(clientId)
}

/**
 * Stores a record under a new random key, and returns the key.
 *
 * @template T
 * @param {Map<string, T>} records
 * @param {T} record
 */
function storeRecord(records, record) {
  const key = randomBytes(32).toString('base64url')
  records.set(key, record)
  if (records.size > MAX_RECORDS) records.delete(String(records.keys().next().value))
  return key
}

const NO_STORE = { 'Cache-Control': 'no-store' }

/** @param {number} status @param {object} value */
const json = (status, value) => ({
  status,
  headers: { ...NO_STORE, 'Content-Type': 'application/json; charset=utf-8' },
  body: JSON.stringify(value),
})

/** @param {OAuthError} error */
const oauthErrorResponse = ({ code, message }) =>
  json(400, { code: `oidc.${code}`, message, error: code, error_description: message })

/** @param {number} status @param {string} body */
const text = (status, body) => ({
  status,
  headers: { ...NO_STORE, 'Content-Type': 'text/plain; charset=utf-8' },
  body: `${body}\n`,
})

module.exports = { OAuthError, SignIn, isLoopbackUrl, oauthErrorResponse }
