/** A row or more per error code: a request that is rejected with it, and the response. */

const { createRevocations } = require('logto-authkit/revocation')

const row = (code, message, more) => ({ code, message, status: 401, ...more })

/** A token that `mint` makes with these options. */
const minted = (code, message, options) => row(code, message, { token: (issuer) => issuer.mint(options) })

const TWO_TOKENS = 'More than one token found (two Authorization values, two different cookies of that name)'
const FORBIDDEN = 'Bearer error="insufficient_scope",'

const revoking = createRevocations()
revoking.revokeSubject('revoked-user', { before: new Date(Date.now() + 60_000) })

/** A store that never responds. */
const store = { append: async () => {}, read: () => new Promise(() => {}) }
const unavailable = createRevocations({ store, whenUnavailable: 'refuse' })

const REJECTIONS = [
  row('missing_token', 'No token found in cookies or Authorization header', {
    title: 'Authentication required',
    challenge: 'Bearer realm="api"',
    headers: () => ({}),
  }),
  row('ambiguous_token', TWO_TOKENS, {
    status: 400,
    challenge: `Bearer error="invalid_request", error_description="${TWO_TOKENS}"`,
    headers: (issuer) => ({ authorization: [`Bearer ${issuer.mint()}`, `Bearer ${issuer.mint()}`] }),
  }),
  row('opaque_token', 'Token is opaque, not a JWT: request it for an API resource (resource parameter)', {
    token: () => 'q'.repeat(43),
  }),
  minted('malformed_token', 'Token is not a valid JWT', { header: { crit: ['exp'] } }),
  minted('unsupported_algorithm', 'Token is signed with an algorithm that is not accepted', {
    header: { alg: 'none' },
  }),
  minted('invalid_token_type', 'Token is not an access token', { header: { typ: 'JWT' } }),
  // Issued before any key set was fetched, so that the key cannot be a new one.
  minted('unknown_key', 'Token is signed with an unknown key', { header: { kid: 'unknown' }, claims: { iat: 1 } }),
  row('invalid_signature', 'Token signature is invalid', {
    token: (issuer) => [...issuer.mint().split('.').slice(0, 2), issuer.mint().split('.')[2]].join('.'),
  }),
  minted('invalid_claims', 'Token has a missing or malformed claim: exp', { claims: { exp: undefined } }),
  minted('invalid_issuer', 'Token was issued by another server', {
    claims: { iss: 'https://other.example.test/oidc' },
  }),
  minted('invalid_audience', 'Token was issued for another audience', { audience: 'https://other.example.test' }),
  minted('token_expired', 'Token has expired', { expiresIn: -1 }),
  minted('token_not_active', 'Token is not valid yet', { notBefore: 60 }),
  row('token_revoked', 'Token has been revoked', { options: { isRevoked: () => true } }),
  row('token_revoked', 'Token has been revoked', {
    options: { revocations: revoking },
    token: (issuer) => issuer.mint({ sub: 'revoked-user' }),
  }),
  row('revocations_unavailable', 'Revocations are unavailable, try again later', {
    status: 503,
    title: 'Service unavailable',
    options: { revocations: unavailable },
  }),
  row('wrong_organization', 'Token belongs to another organization', {
    status: 403,
    challenge: `${FORBIDDEN} error_description="Token belongs to another organization"`,
    options: { organizationId: () => 'mine' },
    token: (issuer) => issuer.mint({ organizationId: 'other' }),
  }),
  row('missing_scope', 'Missing required scope: write', {
    status: 403,
    challenge: `${FORBIDDEN} scope="read write", error_description="Missing required scope: write"`,
    options: { requiredScope: 'read write' },
    token: (issuer) => issuer.mint({ scope: 'read' }),
  }),
  row('missing_role', 'Missing required role: admin', {
    status: 403,
    challenge: `${FORBIDDEN} error_description="Missing required role: admin"`,
    options: { requiredRole: 'admin' },
  }),
  row('forbidden', 'Not permitted', {
    status: 403,
    challenge: `${FORBIDDEN} error_description="Not permitted"`,
    options: { check: () => false },
  }),
  row('jwks_unavailable', 'Signing keys are unavailable, try again later', {
    status: 503,
    title: 'Service unavailable',
    outage: 'error',
  }),
]

module.exports = { REJECTIONS }
