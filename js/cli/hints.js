/** What probably went wrong, for the mistakes that people make. From what the token says, whether that is true or not. */

const { printable } = require('./terminal')

/**
 * @typedef {import('../..').AuthError} AuthError
 * @typedef {{ header: any, claims: any, options: any, token: string }} Case
 */

/**
 * @param {AuthError[]} errors - Every reason there is, the first one first.
 * @param {Case} its
 * @returns {string[]}
 */
function hints(errors, its) {
  const found = errors.flatMap((error) => HINTS[error.code]?.({ ...its, error }) ?? []).flat()
  if (errors.length === 0) found.push(...remarks(its))
  return [...new Set(found)].map(printable)
}

/** @type {Record<string, (its: any) => (string | string[])[]>} */
const HINTS = {
  missing_token: () => [
    'The request carries no token: the client sends `Authorization: Bearer <token>`, or the cookie `logto_authtoken`. A browser sends a cookie to another site only with SameSite=None and `credentials: "include"`.',
  ],
  ambiguous_token: () => [
    'Two tokens were sent and they differ: look for two cookies of one name on different paths or domains.',
  ],
  opaque_token: ({ token }) => [
    token.length === 43
      ? 'This is Logto\'s opaque token, which it gives when no API resource was named. Pass the API\'s identifier when signing in (`resources: [...]`) and when getting the token: getAccessToken("https://your-api").'
      : 'A Logto access token for an API has three parts with dots between them. Is this something else, or only a piece of one?',
  ],
  malformed_token: ({ token, error }) => [
    String(error.details.reason),
    /^bearer\s/i.test(token) ? 'It begins with the word "Bearer", which is not part of the token.' : [],
    /["'\s]/.test(token) ? 'There are quotes or white space in it, which are not part of a token.' : [],
    /[=+/]/.test(token)
      ? 'There are characters of plain base64 in it (= + /): a JWT has none. Something has encoded it again.'
      : [],
    token.split('.').length === 2 || token.endsWith('.')
      ? 'Its end is missing: was it cut when it was copied or stored?'
      : [],
  ],
  unsupported_algorithm: ({ header }) => [
    /^HS/.test(header?.alg)
      ? 'HS256 and its kin are made with a shared secret. Logto never signs so: this is a token of something else, or a forgery.'
      : header?.alg === 'none'
        ? 'alg "none" is no signature at all: nobody should send that.'
        : 'Logto signs with ES384 or RS256. If your server really uses this one, name it in the option `algorithms`.',
  ],
  invalid_token_type: ({ header, claims }) => [
    isIdToken(claims)
      ? 'This is an ID token: it tells the application who has signed in, and no API accepts it. Send the access token: getAccessToken("https://your-api"), not getIdToken().'
      : `Logto's access tokens have typ "at+jwt"; this one has ${header?.typ === undefined ? 'none' : JSON.stringify(header.typ)}. With a server that does it otherwise, set the option \`tokenType\`.`,
  ],
  unknown_key: ({ error }) => [
    error.details.reason
      ? `The key set does have such a key, but ${error.details.reason}.`
      : 'The key set has no such key. The keys may have been rotated twice since (Logto 1.42 keeps one former key): get a new token. Or the token is of another server or tenant: look at `iss`.',
  ],
  invalid_signature: () => [
    'The key is known, and yet the signature does not hold: the token was changed after it was signed, or characters of it were lost or altered in copying.',
  ],
  invalid_claims: ({ error }) => [
    `Logto's own tokens have every claim well-formed. A custom-claims script may have set \`${error.message.split(' ').at(-1)}\`, or the token is not of Logto.`,
  ],
  invalid_issuer: ({ claims, error }) =>
    typeof claims?.iss === 'string'
      ? otherIssuer(claims.iss, error.details.expected)
      : ['The token has no `iss` that is a string.'],
  invalid_audience: ({ claims, options }) => otherAudience(claims?.aud, [options.audience].flat(), claims),
  token_expired: ({ error, claims }) => [
    `It expired ${span(error.details.now - error.details.exp)} ago, at ${date(error.details.exp)}.`,
    error.details.now - error.details.exp < 120
      ? 'That is not long: if this happens to new tokens, compare the clocks (logto-authkit doctor), or set `clockTolerance`.'
      : `Get a new one: Logto's SDKs do that by themselves in getAccessToken().${typeof claims?.iat === 'number' ? ` This one was made to live ${span(claims.exp - claims.iat)}.` : ''}`,
  ],
  token_not_active: ({ error }) => [
    `It becomes valid in ${span(error.details.nbf - error.details.now)}, at ${date(error.details.nbf)}. Logto sets no \`nbf\` by itself: a custom-claims script does, or the clocks differ (logto-authkit doctor).`,
  ],
  token_revoked: () => ['Your own `isRevoked` says so.'],
  wrong_organization: ({ error, options }) => {
    const of = error.details.organization
    return [
      of.length === 0 ? 'The token is of no organization.' : `The token is of the organization ${of.join(', ')}.`,
      options.organizationId === null
        ? 'It must be of none: ask for it without an organization.'
        : `For one of ${options.organizationId}: getAccessToken("https://your-api", "${options.organizationId}").`,
    ]
  },
  missing_scope: ({ error, claims }) => [
    error.details.scopes.length === 0
      ? 'The token has no scopes.'
      : `The token has: ${error.details.scopes.join(' ')}.`,
    'Logto leaves out, without a word, what the user (or the machine-to-machine application) has no role for. Give them a role with this permission of this API, and let the client ask for it in `scopes`; then get a new token.',
    claims?.organization_id === undefined
      ? []
      : 'In an organization token, permissions come from the roles in that organization.',
  ],
  missing_role: () => [
    'Logto puts no roles into access tokens by itself: a custom-claims script has to (Console > Custom JWT), into `roles`. Or check a scope instead.',
  ],
  jwks_unavailable: ({ error }) => [
    `The keys could not be fetched: ${error.cause?.message ?? error.details.reason ?? 'no answer'}.`,
    '`logto-authkit doctor` finds out why.',
  ],
}

/**
 * @param {string} iss
 * @param {string[]} expected
 * @returns {string[]}
 */
function otherIssuer(iss, expected) {
  const like = expected.find((one) => loosely(one) === loosely(iss))
  if (like !== undefined && iss !== like) {
    return [
      `"${iss}" and "${like}" differ in spelling only, and an issuer is compared to the letter: set the issuer to "${iss}".`,
    ]
  }
  const advice = [`The token is of "${iss}", and accepted is ${expected.map((one) => `"${one}"`).join(' or ')}.`]
  if (/^https:\/\/[^/]+\/oidc$/.test(iss)) {
    advice.push(
      `If both are yours (a tenant's own domain, and <tenant>.logto.app), they are two issuers with one key set: name both, issuer: ${JSON.stringify([...expected, iss])}.`,
    )
  }
  if (/^http:\/\/(localhost|127\.)/.test(iss) !== /^http:\/\/(localhost|127\.)/.test(expected[0])) {
    advice.push('One of the two is a local server: is the client, or this API, set up for another environment?')
  }
  return advice
}

/**
 * @param {unknown} aud
 * @param {string[]} expected
 * @param {any} claims
 * @returns {string[]}
 */
function otherAudience(aud, expected, claims) {
  const audiences = [aud].flat().filter((one) => typeof one === 'string')
  if (audiences.length === 0) return ['The token has no `aud` that is a string.']
  for (const one of audiences) {
    const like = expected.find((other) => loosely(other) === loosely(one))
    if (like === undefined) continue
    const slash = one.replace(/\/$/, '') === like.replace(/\/$/, '') ? ' by the slash at the end' : ''
    return [
      `"${one}" and "${like}" differ${slash}, and to Logto they are two APIs. Write it as it is registered: audience: "${one}".`,
    ]
  }
  const said = `The token is for ${audiences.map((one) => `"${one}"`).join(', ')}.`
  const organization = audiences.find((one) => one.startsWith(ORGANIZATION))
  if (organization) {
    const id = organization.slice(ORGANIZATION.length)
    return [
      said,
      `That is an organization token, for the organization itself and not for an API. For your API within it: getAccessToken("${expected[0]}", "${id}").`,
    ]
  }
  if (isIdToken(claims)) return [said, 'That is an application: this looks like an ID token.']
  if (/\.logto\.app\/api$|\/api$/.test(audiences[0]) && audiences[0].includes('logto')) {
    return [said, "That is Logto's own Management API."]
  }
  return [said, `Ask for it with getAccessToken("${expected[0]}"), or accept that one: audience: "${audiences[0]}".`]
}

/**
 * Of a good token: what its checks leave open.
 *
 * @param {Case} its
 */
function remarks({ claims, options }) {
  const said = []
  if (options.audience === null && claims?.aud !== undefined) {
    said.push(
      `The audience was not checked: an API accepts this token if its \`audience\` is ${JSON.stringify(claims.aud)}.`,
    )
  }
  if (claims?.organization_id !== undefined && options.organizationId === undefined) {
    said.push(
      'The token is of an organization; its audience is that of one without. If the API serves organizations, check `organizationId`.',
    )
  }
  if (options.requiredScope === undefined && options.requiredRole === undefined) {
    said.push(
      'No scope was asked for. A valid token is no permission yet: Logto gives one to every application that asks.',
    )
  }
  return said
}

/** @param {any} claims */
const isIdToken = (claims) =>
  typeof claims?.aud === 'string' &&
  !claims.aud.includes(':') &&
  claims.client_id === undefined &&
  claims.scope === undefined

/**
 * An address without what people misspell.
 *
 * @param {string} address
 */
const loosely = (address) =>
  String(address)
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/:(80|443)(?=\/|$)/, '')
    .replace(/\/+$/, '')

/** @param {number} seconds */
const date = (seconds) => new Date(seconds * 1000).toISOString().replace('.000', '')

/**
 * A length of time in its two largest units.
 *
 * @param {number} seconds
 */
function span(seconds) {
  let rest = Math.max(0, Math.round(seconds))
  const parts = []
  for (const [unit, size] of /** @type {[string, number][]} */ (UNITS)) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${unit}${count === 1 ? '' : 's'}`)
  }
  return parts.slice(0, 2).join(' ') || '0 seconds'
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]
const ORGANIZATION = 'urn:logto:organization:'

module.exports = { date, hints, span }
