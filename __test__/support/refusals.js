/** The table of the contract: what is sent, and what comes back. */

/** @typedef {{ code: string, status: number, message: string, challenge?: string, title?: string, options?: object, token?: (issuer: import('logto-authkit/testing').TestIssuer) => string, headers?: (issuer: import('logto-authkit/testing').TestIssuer) => Record<string, string | string[]>, outage?: 'error' }} Row */

/** @type {Row[]} */
const REFUSALS = [
  {
    code: 'missing_token',
    status: 401,
    title: 'Authentication required',
    message: 'No token found in cookies or Authorization header',
    challenge: 'Bearer',
    headers: () => ({}),
  },
  {
    code: 'ambiguous_token',
    status: 400,
    message: 'More than one token found (two Authorization values, two different cookies of that name)',
    challenge:
      'Bearer error="invalid_request", error_description="More than one token found (two Authorization values, two different cookies of that name)"',
    headers: (issuer) => ({ authorization: [`Bearer ${issuer.mint()}`, `Bearer ${issuer.mint()}`] }),
  },
  {
    code: 'opaque_token',
    status: 401,
    message: 'Token is opaque, not a JWT: request it for an API resource (resource parameter)',
    token: () => 'q'.repeat(43),
  },
  {
    code: 'malformed_token',
    status: 401,
    message: 'Token is not a valid JWT',
    token: (issuer) => issuer.mint({ header: { crit: ['exp'] } }),
  },
  {
    code: 'unsupported_algorithm',
    status: 401,
    message: 'Token is signed with an algorithm that is not accepted',
    token: (issuer) => issuer.mint({ header: { alg: 'none' } }),
  },
  {
    code: 'invalid_token_type',
    status: 401,
    message: 'Token is not an access token',
    token: (issuer) => issuer.mint({ header: { typ: 'JWT' } }),
  },
  {
    code: 'unknown_key',
    status: 401,
    message: 'Token is signed with an unknown key',
    token: (issuer) => issuer.mint({ header: { kid: 'unknown' } }),
  },
  {
    code: 'invalid_signature',
    status: 401,
    message: 'Token signature is invalid',
    token: (issuer) => [...issuer.mint().split('.').slice(0, 2), issuer.mint().split('.')[2]].join('.'),
  },
  {
    code: 'invalid_claims',
    status: 401,
    message: 'Token has a missing or malformed claim: exp',
    token: (issuer) => issuer.mint({ claims: { exp: undefined } }),
  },
  {
    code: 'invalid_issuer',
    status: 401,
    message: 'Token was issued by another server',
    token: (issuer) => issuer.mint({ claims: { iss: 'https://other.example.test/oidc' } }),
  },
  {
    code: 'invalid_audience',
    status: 401,
    message: 'Token was issued for another audience',
    token: (issuer) => issuer.mint({ audience: 'https://other.example.test' }),
  },
  {
    code: 'token_expired',
    status: 401,
    message: 'Token has expired',
    token: (issuer) => issuer.mint({ expiresIn: -1 }),
  },
  {
    code: 'token_not_active',
    status: 401,
    message: 'Token is not valid yet',
    token: (issuer) => issuer.mint({ notBefore: 60 }),
  },
  {
    code: 'token_revoked',
    status: 401,
    message: 'Token has been revoked',
    options: { isRevoked: () => true },
  },
  {
    code: 'wrong_organization',
    status: 403,
    message: 'Token belongs to another organization',
    challenge: 'Bearer error="insufficient_scope", error_description="Token belongs to another organization"',
    options: { organizationId: () => 'mine' },
    token: (issuer) => issuer.mint({ organizationId: 'other' }),
  },
  {
    code: 'missing_scope',
    status: 403,
    message: 'Missing required scope: write',
    challenge:
      'Bearer error="insufficient_scope", scope="read write", error_description="Missing required scope: write"',
    options: { requiredScope: 'read write' },
    token: (issuer) => issuer.mint({ scope: 'read' }),
  },
  {
    code: 'missing_role',
    status: 403,
    message: 'Missing required role: admin',
    challenge: 'Bearer error="insufficient_scope", error_description="Missing required role: admin"',
    options: { requiredRole: 'admin' },
  },
  {
    code: 'jwks_unavailable',
    status: 503,
    title: 'Service unavailable',
    message: 'Signing keys are unavailable, try again later',
    outage: 'error',
  },
]

module.exports = { REFUSALS }
