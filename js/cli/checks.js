/**
 * The verdict of every check of the pipeline, also of those behind the first one that fails.
 *
 * Nothing is verified here: the core is asked again and again. It refuses a token for its first fault, so that everything
 * before that fault is in order; then the fault is put right, and it is asked about the rest. The claims, which it does not
 * look at unless the signature holds, are shown to it in a copy of the token that is signed with a key of this process.
 */

const { THROWAWAY_KEYS, encoded, refusal, signed } = require('./probe')

/**
 * @typedef {import('../..').AuthError} AuthError
 * @typedef {import('../..').VerifyAuthOptions} Options
 * @typedef {'pass' | 'fail' | 'not checked'} Verdict
 * @typedef {{ id: string, check: string, verdict: Verdict, code?: string, message?: string, why?: string }} Row
 * @typedef {{ options: Options, hasKeys: boolean, hasIssuer: boolean }} Given
 * @typedef {{ header: any, payload: string, options: any, clouded: Set<string> }} Copy
 */

/** The checks, in the order of the contract. */
const CHECKS = /** @type {const} */ ([
  ['present', 'there is a token'],
  ['size', 'at most 16 KiB'],
  ['parts', 'three parts of base64url'],
  ['header', 'header: a JSON object'],
  ['alg', 'alg is accepted'],
  ['typ', 'typ is that of an access token'],
  ['extensions', 'no crit, no b64'],
  ['key', 'its key is in the key set'],
  ['signature', 'the signature holds'],
  ['payload', 'claims: a JSON object'],
  ['iss', 'iss is the issuer'],
  ['aud', 'aud is the audience'],
  ['exp', 'exp has not passed'],
  ['nbf', 'nbf has come'],
  ['types', 'iat, sub, scope, client_id and organization_id are well-formed'],
  ['organization', 'the organization'],
  ['scope', 'the required scopes'],
  ['role', 'the required roles'],
  ['revocation', 'not revoked'],
])
/** @type {string[]} */
const ORDER = CHECKS.map(([id]) => id)

/**
 * @param {string} token
 * @param {Given} given
 * @returns {Promise<{ error: AuthError | null, errors: AuthError[], verified: boolean, rows: Row[] }>} the reason it is
 * refused for, every reason there is, whether its signature holds, and every check
 */
async function examine(token, given) {
  const options = { ...given.options }
  if (!given.hasKeys) options.jwks = THROWAWAY_KEYS
  if (!given.hasIssuer) options.issuer = issuerOf(token)
  const real = await walk({ options: { ...options } }, (state) => refusal(token, state.options), RELAXED)
  // Without keys, the core's word on the key is none.
  if (!given.hasKeys) for (const id of ['key', 'signature']) real.failed.delete(id)
  const verified = given.hasKeys && isBefore('signature', real.end)

  const copy = isBefore('header', real.end) ? copyOf(token, options) : null
  const seen =
    copy && (await walk(copy, ({ header, payload, options }) => refusal(signed(header, payload), options), MENDED))

  /** @type {AuthError[]} */
  const errors = []
  const rows = CHECKS.map(([id, check]) => {
    const fromCopy = seen !== null && (id === 'typ' || id === 'extensions' || isBefore('signature', id))
    const walked = fromCopy && id !== 'revocation' ? seen : real
    const error = copy?.clouded.has(id) ? undefined : walked.failed.get(id)
    if (error) errors.push(error)
    const why = error ? undefined : (unasked(id, given, copy) ?? (isBefore(id, walked.end) ? undefined : NOT_REACHED))
    const verdict = error ? 'fail' : why === undefined ? 'pass' : 'not checked'
    return { id, check, verdict, code: error?.code, message: error?.message, why }
  })
  const error = given.hasKeys ? real.first : (errors[0] ?? null)
  return { error, errors, verified, rows: /** @type {Row[]} */ (rows) }
}

/**
 * @template T
 * @param {T} state - What is asked about.
 * @param {(state: T) => Promise<AuthError | null>} ask
 * @param {Record<string, (state: T, error: AuthError) => boolean>} remedies - Put a fault right, if that can be done.
 * @returns {Promise<{ first: AuthError | null, failed: Map<string, AuthError>, end: string | null }>} the check where it
 * ended; null if it came through
 */
async function walk(state, ask, remedies) {
  /** @type {Map<string, AuthError>} */
  const failed = new Map()
  /** @type {AuthError | null} */
  let first = null
  // Far more than there are faults: a remedy that did not help must not keep it going.
  for (let asked = 1; ; asked += 1) {
    const error = await ask(state)
    first ??= error
    if (error === null) return { first, failed, end: null }
    const id = checkOf(error)
    if (!failed.has(id)) failed.set(id, error)
    if (asked === 2 * ORDER.length || !remedies[id]?.(state, error)) return { first, failed, end: id }
  }
}

/** Of the token itself only options can be relaxed. @type {Record<string, (state: { options: any }) => boolean>} */
const RELAXED = {
  alg: ({ options }) => options.algorithms !== EVERY_ALGORITHM && set(options, 'algorithms', EVERY_ALGORITHM),
  typ: ({ options }) => set(options, 'tokenType', null),
}

/** What is done to the copy. @type {Record<string, (copy: Copy, error: AuthError) => boolean>} */
const MENDED = {
  typ: ({ options }) => set(options, 'tokenType', null),
  extensions: ({ header }) => {
    const wasThere = Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')
    delete header.crit
    delete header.b64
    return wasThere
  },
  iss: (copy, { details }) => change(copy, 'iss', /** @type {string[]} */ (details.expected)[0]),
  aud: ({ options }) => set(options, 'audience', null),
  exp: (copy) => change(copy, 'exp', secondsOf(copy) + 3600),
  nbf: (copy) => change(copy, 'nbf', undefined),
  types: (copy, error) => {
    const claim = claimOf(error)
    if (claim === 'scope') copy.clouded.add('scope')
    if (claim === 'organization_id') copy.clouded.add('organization')
    return change(copy, claim, claim === 'sub' ? 'somebody' : undefined)
  },
  organization: ({ options }) => set(options, 'organizationId', undefined),
  scope: ({ options }) => set(options, 'requiredScope', undefined),
  role: ({ options }) => set(options, 'requiredRole', undefined),
}

/**
 * The check that a refusal comes from.
 *
 * @param {AuthError} error
 */
function checkOf(error) {
  const { code, details } = error
  if (code === 'malformed_token') {
    const reason = String(details.reason)
    if (reason.startsWith('longer')) return 'size'
    if (reason.startsWith('header: crit')) return 'extensions'
    return /^(header|payload):/.exec(reason)?.[1] ?? 'parts'
  }
  if (code !== 'invalid_claims') return BY_CODE[code]
  const claim = claimOf(error)
  return claim === 'exp' || claim === 'nbf' ? claim : 'types'
}

/** @type {Record<string, string>} */
const BY_CODE = {
  missing_token: 'present',
  ambiguous_token: 'present',
  opaque_token: 'parts',
  unsupported_algorithm: 'alg',
  invalid_token_type: 'typ',
  unknown_key: 'key',
  jwks_unavailable: 'key',
  invalid_signature: 'signature',
  invalid_issuer: 'iss',
  invalid_audience: 'aud',
  token_expired: 'exp',
  token_not_active: 'nbf',
  wrong_organization: 'organization',
  missing_scope: 'scope',
  missing_role: 'role',
  token_revoked: 'revocation',
}

/** @param {AuthError} error */
const claimOf = ({ message }) => message.slice(message.lastIndexOf(' ') + 1)

/**
 * Why a check was not asked for.
 *
 * @param {string} id
 * @param {Given} given
 * @param {Copy | null} copy
 */
function unasked(id, { options, hasKeys, hasIssuer }, copy) {
  if (!hasKeys && (id === 'key' || id === 'signature')) return 'no keys: give --url or --jwks'
  if (id === 'iss' && !hasIssuer) return 'give --url or --issuer'
  if (id === 'aud' && options.audience === null) return 'give --audience'
  if (id === 'typ' && options.tokenType === null) return 'any type is accepted'
  if (id === 'organization' && options.organizationId === undefined)
    return 'not asked for: --organization, --no-organization'
  if (id === 'scope' && options.requiredScope === undefined) return 'not asked for: --scope'
  if (id === 'role' && options.requiredRole === undefined) return 'not asked for: --role'
  if (id === 'revocation' && options.isRevoked === undefined) return 'your isRevoked is not asked'
  return copy?.clouded.has(id) ? 'its claim is malformed' : undefined
}

/**
 * @param {string} id
 * @param {string | null} end - null: the token came through.
 */
const isBefore = (id, end) => end === null || ORDER.indexOf(id) < ORDER.indexOf(end)

/**
 * The token under a key that nobody trusts. The application is not asked about claims that nobody vouches for.
 *
 * @param {string} token
 * @param {Options} options
 * @returns {Copy | null}
 */
function copyOf(token, options) {
  const [header, payload] = token.split('.')
  const { isRevoked: _, jwksUri: __, ...rest } = options
  const own = { jwks: THROWAWAY_KEYS, algorithms: ['EdDSA'] }
  const members = parsed(header)
  return members && { header: members, payload, options: { ...rest, ...own }, clouded: new Set() }
}

/**
 * Whatever the token says: without an address, only the form of `iss` can be checked.
 *
 * @param {string} token
 */
function issuerOf(token) {
  const iss = parsed(token.split('.')[1])?.iss
  return typeof iss === 'string' && iss !== '' ? iss : 'unknown'
}

/**
 * A part of a token, decoded and not believed; null if it is none.
 *
 * @param {string | undefined} part
 * @returns {any}
 */
function parsed(part = '') {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString())
  } catch {
    return null
  }
}

/**
 * @param {Copy} copy
 * @param {string} claim
 * @param {unknown} value - `undefined`: none.
 */
function change(copy, claim, value) {
  copy.payload = encoded({ ...parsed(copy.payload), [claim]: value })
  return true
}

/** @param {Copy} copy */
const secondsOf = ({ options }) => Math.ceil(options.currentDate.getTime() / 1000)

/**
 * @param {any} options
 * @param {string} name
 * @param {unknown} value
 */
function set(options, name, value) {
  if (value === undefined) delete options[name]
  else options[name] = value
  return true
}

const EVERY_ALGORITHM = /** @type {const} */ ([
  'ES384',
  'RS256',
  'ES256',
  'EdDSA',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
])

const NOT_REACHED = 'not reached'

module.exports = { EVERY_ALGORITHM, NOT_REACHED, examine, parsed }
