/**
 * The sign-in of `logto-authkit dev`: the authorization code flow with PKCE (RFC 6749 section 4.1, RFC 7636) for
 * applications on this machine. Users choose their id and permissions. Client secrets are not checked.
 */

const { createHash, randomBytes } = require('node:crypto')
const {
  INVALID_TOKEN_CHALLENGE,
  OAuthError,
  SECURITY_HEADERS,
  clientIdOf,
  isLoopbackUrl,
  json,
  splitScopes,
  text,
} = require('./dev-oauth')
const { isOwnRequest } = require('./dev-request')
const { createToken } = require('./dev-tokens')
const { signInPage } = require('./dev-sign-in-page')

/**
 * @typedef {import('../testing/index').TestIssuer} TestIssuer
 * @typedef {{ sub: string, clientId: string, scopes: string[], resources?: string[] }} Session - Without `resources`, a
 *   machine-to-machine application may request tokens for every API resource.
 * @typedef {Session & { redirectUri: string, challenge: string, idTokenClaims: object }} Grant
 * @typedef {import('node:http').IncomingHttpHeaders} Headers
 * @typedef {{ status: number, headers: Record<string, string>, body: string }} SignInResponse
 */

/** Scopes that OpenID Connect or Logto defines, as opposed to the permissions of an API resource. */
const RESERVED_SCOPE_PATTERN =
  /^(openid|offline_access|profile|email|phone|address|custom_data|identities|roles|urn:logto:.*)$/

const SESSION_COOKIE = 'logto_authkit_dev_session'

/** Prevents sign-ins that are never completed, and sessions that never end, from filling the memory. */
const MAX_RECORDS = 1000

class SignIn {
  /**
   * The signed-in users, keyed by the session id in the browser's cookie, each with the permissions that the user has
   * denied. As with Logto, further sign-ins in the same browser need no interaction until the user signs out.
   *
   * @type {Map<string, { sub: string, at: number, denied: Set<string> }>}
   */
  #browserSessions = new Map()
  /** The grants that can still be redeemed, keyed by authorization code. @type {Map<string, Grant>} */
  #grants = new Map()
  /** The sessions, keyed by refresh token. @type {Map<string, Session>} */
  #sessions = new Map()
  /**
   * The sessions, keyed by opaque access token. Only the userinfo endpoint accepts these tokens.
   *
   * @type {Map<string, Session>}
   */
  #sessionsByAccessToken = new Map()
  #tokenLifetime

  /** @param {number} tokenLifetime - Lifetime of the access tokens, in seconds. */
  constructor(tokenLifetime) {
    this.#tokenLifetime = tokenLifetime
  }

  /** @param {URLSearchParams} parameters @param {Headers} headers @param {TestIssuer} issuer */
  authorize(parameters, headers, { issuer }) {
    const redirectUri = parameters.get('redirect_uri') ?? ''
    const clientId = parameters.get('client_id')
    const challenge = parameters.get('code_challenge')
    if (!clientId) return text(400, 'The parameter client_id is missing.')
    if (!isLoopbackUrl(redirectUri))
      return text(400, 'The local issuer only redirects to URLs on this machine: use http://localhost in redirect_uri.')
    const redirect = (/** @type {Record<string, string>} */ result, cookie = {}) => {
      const url = new URL(redirectUri)
      const state = parameters.get('state')
      for (const [name, value] of Object.entries({ ...result, ...(state === null ? {} : { state }), iss: issuer }))
        url.searchParams.append(name, value)
      return { status: 303, headers: { ...SECURITY_HEADERS, ...cookie, Location: url.href }, body: '' }
    }
    const fail = (/** @type {string} */ error, /** @type {string} */ description) =>
      redirect({ error, error_description: description })
    if (parameters.get('response_type') !== 'code')
      return fail('unsupported_response_type', 'The local issuer supports only response_type=code')
    if ((parameters.get('response_mode') ?? 'query') !== 'query')
      return fail('unsupported_response_mode', 'The local issuer supports only response_mode=query')
    if (!challenge || parameters.get('code_challenge_method') !== 'S256')
      return fail('invalid_request', 'Send code_challenge, and code_challenge_method=S256')

    const prompt = splitScopes(parameters.get('prompt'))
    const requestedScopes = splitScopes(parameters.get('scope'))
    const permissions = requestedScopes.filter(isPermission)
    // The fields of the sign-in form count only if the request comes from that form. Otherwise, another site could send
    // a request that signs in a user of its choice.
    const isFromForm = isOwnRequest({ headers })
    if (isFromForm && parameters.has('cancel')) return fail('access_denied', 'End-User aborted interaction')
    const user = isFromForm ? parameters.get('user')?.trim() : undefined
    const granted = new Set(parameters.getAll('grant'))
    const signedIn = user
      ? { sub: user, at: unixTime(), denied: new Set(permissions.filter((scope) => !granted.has(scope))) }
      : this.#browserSessions.get(sessionIdFrom(headers.cookie))
    const maxAge = parameters.get('max_age')
    const isTooOld = maxAge !== null && signedIn !== undefined && unixTime() - signedIn.at > Number(maxAge)
    if (signedIn === undefined || (!user && (prompt.includes('login') || isTooOld))) {
      if (prompt.includes('none')) return fail('login_required', 'End-User authentication is required')
      return { status: 200, ...signInPage(parameters, permissions) }
    }
    const code = storeRecord(this.#grants, {
      sub: signedIn.sub,
      clientId,
      // Logto issues refresh tokens only after the prompt for consent, which its SDKs request by default.
      scopes: requestedScopes.filter(
        (scope) => !signedIn.denied.has(scope) && (scope !== 'offline_access' || prompt.includes('consent')),
      ),
      resources: parameters.getAll('resource'),
      redirectUri,
      challenge,
      idTokenClaims: {
        nonce: parameters.get('nonce') ?? undefined,
        auth_time: maxAge === null ? undefined : signedIn.at,
      },
    })
    return redirect({ code }, user ? sessionCookie(storeRecord(this.#browserSessions, signedIn)) : {})
  }

  /** @param {URLSearchParams} parameters @param {Headers} headers @param {TestIssuer} issuer */
  token(parameters, { authorization }, issuer) {
    const clientId = clientIdOf(parameters, authorization)
    const grantType = parameters.get('grant_type')
    if (grantType === 'authorization_code') {
      const { idTokenClaims, ...session } = this.#redeemCode(parameters, clientId)
      const isOffline = session.scopes.includes('offline_access')
      return json(200, {
        ...this.#issueTokens(session, parameters, issuer, idTokenClaims),
        refresh_token: isOffline ? storeRecord(this.#sessions, session) : undefined,
      })
    }
    if (grantType === 'refresh_token') {
      const refreshToken = parameters.get('refresh_token') ?? ''
      const session = this.#sessions.get(refreshToken)
      if (session === undefined) throw new OAuthError('invalid_grant', 'refresh token not found')
      if (session.clientId !== clientId) throw new OAuthError('invalid_grant', 'client mismatch')
      return json(200, { ...this.#issueTokens(session, parameters, issuer), refresh_token: refreshToken })
    }
    if (grantType === 'client_credentials') {
      if (!clientId) throw new OAuthError('invalid_client', 'client_id is missing')
      if (!parameters.get('resource') && !parameters.get('organization_id'))
        throw new OAuthError('invalid_target', 'both `resource` and `organization_id` are not provided')
      const session = { sub: clientId, clientId, scopes: splitScopes(parameters.get('scope')) }
      return json(200, this.#accessToken(session, parameters, issuer))
    }
    throw new OAuthError('unsupported_grant_type', `unsupported grant_type requested (${grantType})`)
  }

  /**
   * Issues an access token and, for the scope `openid`, an ID token.
   *
   * @param {Session} session
   * @param {URLSearchParams} parameters
   * @param {TestIssuer} issuer
   * @param {object} [claims]
   */
  #issueTokens(session, parameters, issuer, claims = {}) {
    const { sub, clientId, scopes } = session
    const idToken = scopes.includes('openid') ? createToken({ kind: 'id', sub, clientId, claims }, issuer) : undefined
    return { ...this.#accessToken(session, parameters, issuer), id_token: idToken?.token }
  }

  /**
   * Logto issues JWTs only for API resources and organizations. All other access tokens are opaque.
   *
   * @param {Session} session
   * @param {URLSearchParams} parameters
   * @param {TestIssuer} issuer
   */
  #accessToken(session, parameters, issuer) {
    const [audience, ...otherAudiences] = parameters.getAll('resource')
    if (otherAudiences.length > 0)
      throw new OAuthError('invalid_target', 'only a single resource indicator value is supported for this grant type')
    const organizationId = parameters.get('organization_id') || undefined
    const expiresIn = this.#tokenLifetime
    const response = { token_type: 'Bearer', expires_in: expiresIn }
    if (audience === undefined && organizationId === undefined) {
      const scope = session.scopes.join(' ')
      return { ...response, scope, access_token: storeRecord(this.#sessionsByAccessToken, session) }
    }
    if (audience !== undefined && session.resources?.includes(audience) === false)
      throw new OAuthError('invalid_target', 'resource indicator is missing, or unknown')
    const requestedScopes = new Set(parameters.has('scope') ? splitScopes(parameters.get('scope')) : session.scopes)
    const granted = session.scopes.filter((scope) => isPermission(scope) && requestedScopes.has(scope))
    const isMachine = session.sub === session.clientId
    const scope = granted.length === 0 && isMachine ? undefined : granted.join(' ')
    const kind = audience === undefined ? 'organization' : organizationId === undefined ? 'access' : 'resource'
    const { sub, clientId } = session
    const options = { kind, sub, clientId, audience, organizationId, scope, expiresIn }
    return { ...response, scope, access_token: createToken(options, issuer).token }
  }

  /**
   * Returns the grant for an authorization code, and invalidates the code, because each code can be used only once.
   *
   * @param {URLSearchParams} parameters
   * @param {string | null} clientId
   */
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
      ? json(401, { error: 'invalid_token', error_description: 'invalid token provided' }, INVALID_TOKEN_CHALLENGE)
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

/** @param {string | undefined} cookieHeader */
const sessionIdFrom = (cookieHeader) =>
  new RegExp(`(?:^|; *)${SESSION_COOKIE}=([\\w-]+)`).exec(cookieHeader ?? '')?.[1] ?? ''

const unixTime = () => Math.floor(Date.now() / 1000)

/** @param {string} id */
const sessionCookie = (id) => ({ 'Set-Cookie': `${SESSION_COOKIE}=${id}; Path=/oidc; HttpOnly; SameSite=Lax` })

/** @param {string} scope */
const isPermission = (scope) => !RESERVED_SCOPE_PATTERN.test(scope)

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

module.exports = { SignIn }
