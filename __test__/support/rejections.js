/** One or more rows per error code: a request that is rejected with the code, the error, and the response. */

const { createRevocations } = require('logto-authkit/revocation')
const { AUDIENCE, bearer, withSignatureOf } = require('./tokens')

/**
 * `mint` has the options of the rejected token, `options` are those of an adapter, and `details` and `cause` are for
 * operators.
 *
 * @typedef {{ code: string, message: string, status: number, title?: string, challenge?: string, options?: any, mint?: any,
 *   token?: (issuer: any) => string, headers?: (issuer: any) => any, details?: any, cause?: RegExp, outage?: any }} Row
 * @type {(code: string, message: string, more: object) => Row}
 */
const row = (code, message, more) => ({ code, message, status: 401, ...more })

const TWO_TOKENS = 'More than one token found (two Authorization values, two different cookies of that name)'
const FORBIDDEN = 'Bearer error="insufficient_scope",'
const OTHER = 'https://other.example.test'
const [EARLY, LATE] = [new Date('2020-01-01'), new Date('2100-01-01')]

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
    details: () => ({ reason: 'two_authorization_values' }),
  }),
  row('opaque_token', 'Token is opaque, not a JWT: request it for an API resource (resource parameter)', {
    token: () => 'q'.repeat(43),
  }),
  row('malformed_token', 'Token is not a valid JWT', {
    mint: { header: { crit: ['exp'] } },
    details: () => ({ reason: 'header_extensions' }),
  }),
  row('unsupported_algorithm', 'Token is signed with an algorithm that is not accepted', {
    mint: { header: { alg: 'none' } },
    details: () => ({ alg: 'none' }),
  }),
  row('invalid_token_type', 'Token is not an access token', {
    mint: { header: { typ: 'JWT' } },
    details: () => ({ typ: 'jwt' }),
  }),
  row('unknown_key', 'Token is signed with an unknown key', {
    // Issued before any key set was fetched, so that the key cannot be a new one.
    mint: { header: { kid: 'unknown' }, claims: { iat: 1 } },
    details: () => ({ kid: 'unknown' }),
  }),
  row('invalid_signature', 'Token signature is invalid', {
    token: ({ mint }) => withSignatureOf(mint(), mint()),
  }),
  row('invalid_claims', 'Token has a missing or malformed claim: exp', { mint: { claims: { exp: undefined } } }),
  row('invalid_issuer', 'Token was issued by another server', {
    mint: { claims: { iss: OTHER } },
    details: ({ issuer }) => ({ iss: OTHER, expected: [issuer] }),
  }),
  row('invalid_audience', 'Token was issued for another audience', {
    mint: { audience: OTHER },
    details: () => ({ aud: [OTHER], expected: [AUDIENCE] }),
  }),
  row('token_expired', 'Token has expired', {
    mint: { expiresIn: -1 },
    options: { currentDate: LATE },
    details: (_, { exp }) => ({ exp, now: LATE.getTime() / 1000 }),
  }),
  row('token_not_active', 'Token is not valid yet', {
    mint: { notBefore: 60 },
    options: { currentDate: EARLY },
    details: (_, { nbf }) => ({ nbf, now: EARLY.getTime() / 1000 }),
  }),
  row('token_revoked', 'Token has been revoked', { options: { isRevoked: () => true } }),
  row('token_revoked', 'Token has been revoked', {
    mint: { sub: 'revoked-user' },
    options: { revocations: revoking },
    details: () => ({ revoked: 'subject' }),
  }),
  row('revocations_unavailable', 'Revocations are unavailable, try again later', {
    status: 503,
    title: 'Service unavailable',
    options: { revocations: unavailable },
    details: () => ({ reason: 'revocations_not_loaded' }),
  }),
  row('wrong_organization', 'Token belongs to another organization', {
    status: 403,
    challenge: `${FORBIDDEN} error_description="Token belongs to another organization"`,
    options: { organizationId: () => 'mine' },
    mint: { organizationId: 'other' },
    details: () => ({ organization: ['other'], expected: 'mine' }),
  }),
  row('missing_scope', 'Missing required scope: a, b', {
    status: 403,
    challenge: `${FORBIDDEN} scope="a held b", error_description="Missing required scope: a, b"`,
    options: { requiredScope: 'a held b' },
    mint: { scope: 'held' },
    details: () => ({ scopes: ['held'] }),
  }),
  row('missing_role', 'Missing required role: admin, owner', {
    status: 403,
    challenge: `${FORBIDDEN} error_description="Missing required role: admin, owner"`,
    options: { requiredRole: ['admin', 'viewer', 'owner'] },
    mint: { claims: { roles: ['viewer'] } },
    details: () => ({ roles: ['viewer'] }),
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
    details: ({ jwksUri }) => ({ jwksUri }),
    cause: /500/,
  }),
]

/** A request that is rejected with the code of a row, and options of the verifier that rejects it. */
function rejectedRequest(
  issuer,
  /** @type {Row} */ { token = ({ mint }) => mint(given), headers, mint: given, options },
) {
  const { organizationId, ...more } = { organizationId: undefined, ...options }
  return {
    request: { headers: headers?.(issuer) ?? bearer(token(issuer)).headers },
    options: {
      logtoUrl: issuer.logtoUrl,
      audience: AUDIENCE,
      ...more,
      ...(organizationId && { organizationId: organizationId() }),
    },
  }
}

/** Responses with 503 have no challenge. @type {(row: Row) => string | null} */
const challengeOf = ({
  status,
  message,
  challenge = `Bearer error="invalid_token", error_description="${message}"`,
}) => (status === 503 ? null : challenge)

module.exports = { REJECTIONS, challengeOf, rejectedRequest }
