/**
 * Explains the mistake that probably caused each rejection. The hints use the claims of a token even if its signature
 * is invalid.
 */

const { contract, reasonMeaning } = require('../core/contract')
const { doctorCommand } = require('./doctor-command')
const { isIdToken, wrongAudienceHints, wrongIssuerHints } = require('./hints-identifiers')
const { headerOf, isClaimsSet } = require('./jwt-parts')
const { localIssuerAt } = require('./local-issuer')
const { toPrintable } = require('./terminal')
const { formatDate, formatDuration } = require('./times')

/**
 * @typedef {{ code: string, status: number, message: string, details: any, cause: string | null }} FailedCheck
 * @typedef {{ header: any, claims: any, options: any, token: string, verified: boolean, authorization?: string[],
 *   cookie?: string }} Case
 * @typedef {{ text: string, command?: string }} Hint - The command that follows the text is printed on its own line, so it
 *   must not contain text from a token.
 */

/**
 * @param {FailedCheck[]} allErrors - The failed checks, in the order in which the core performs them.
 * @param {Case} its
 * @returns {Hint[]}
 */
function hints(allErrors, its) {
  const logout = allErrors.find(({ details }) => details?.reason === 'logout_token')
  const isForOtherUse = allErrors.some(({ code }) => OTHER_USE_CODES.includes(code))
  // Permissions of a token for another server, API or purpose do not matter.
  const errors = logout ? [logout] : allErrors.filter(({ status }) => !isForOtherUse || status !== 403)
  const found = errors.flatMap((error) => HINTS_BY_CODE[error.code]?.({ ...its, error, errors }) ?? []).flat()
  if (errors.length === 0) found.push(...validTokenNotes(its))
  const [audience = 'https://your-api'] = [its.options.audience ?? []].flat()
  // The audience of an ID token is the client id, which is not the identifier of an API.
  const api = isIdToken(its.claims) && its.claims.aud === audience ? 'https://your-api' : audience
  return [...new Set(found)].map((hint) =>
    typeof hint === 'string' ? { text: toPrintable(hint.replaceAll('https://your-api', api)) } : hint,
  )
}

const OTHER_USE_CODES = ['invalid_token_type', 'invalid_issuer', 'invalid_audience']

/**
 * Returns a hint that ends with the command that checks the server and the clock.
 *
 * @param {string} text
 * @param {any} options
 * @returns {Hint}
 */
const doctorHint = (text, options) => ({ text: `${text}, run:`, command: toPrintable(doctorCommand(options)) })

/** @type {Record<string, (its: any) => (string | Hint | (string | Hint)[])[]>} */
const HINTS_BY_CODE = {
  missing_token: ({ options, error: { details }, authorization = [], cookie = '' }) => [
    details.reason === 'no_bearer_scheme'
      ? schemeHint(authorization[0] ?? '')
      : details.cookie === undefined
        ? [reasonMeaning(details.reason) ?? [], MISSING_TOKEN_ADVICE[details.reason] ?? []].flat()
        : `The cookie "${details.cookie}" contains a JWT, but this API reads the cookie "${options.cookieName ?? contract().cookies.auth}". If that JWT is the access token, set cookieName: "${details.cookie}". To check the token, paste it without the name of the cookie.`,
    sdkCookieHint(cookie),
    `The client must send \`Authorization: Bearer <token>\` or the cookie \`${contract().cookies.auth}\`. Browsers send cookies to another site only with SameSite=None and \`credentials: "include"\`.`,
  ],
  ambiguous_token: ({ error }) => [
    error.details.reason === 'two_cookies'
      ? 'The request contains two different tokens. Look for two cookies with the same name on different paths or domains.'
      : 'The request contains two `Authorization` headers. Remove the one that an interceptor of the client or a proxy adds.',
  ],
  opaque_token: ({ token, error }) => [
    error.details.reason === 'personal_access_token'
      ? 'This is a personal access token. Exchange it for an access token first: POST /oidc/token with grant_type=urn:ietf:params:oauth:grant-type:token-exchange, subject_token_type=urn:logto:token-type:personal_access_token and resource=https://your-api.'
      : token.length === 43
        ? 'This is an opaque token. Logto issues one if the client requests no API resource. Pass the API identifier when signing in (`resources: [...]`) and when requesting the token: getAccessToken("https://your-api").'
        : 'A Logto access token for an API has three parts separated by dots. This may be a different kind of token, or only part of one.',
  ],
  malformed_token: malformedTokenHints,
  unsupported_algorithm: ({ header }) => [
    /^HS/.test(header?.alg)
      ? 'HS256, HS384 and HS512 use a shared secret, which Logto never does. The token comes from another system, or is forged.'
      : header?.alg === 'none'
        ? 'alg "none" means that the token is not signed. No legitimate client sends such a token.'
        : 'Logto signs with ES384 or RS256. If your server really uses this algorithm, add it to the `algorithms` option.',
  ],
  invalid_token_type: ({ header, claims, error }) => [
    error.details.reason === 'logout_token'
      ? 'This is a logout token. Logto sends it to the back-channel logout URL of an application when a session ends. It never authenticates anyone.'
      : isIdToken(claims)
        ? 'This is an ID token. It tells the application who signed in; APIs must not accept it. Send the access token instead: getAccessToken("https://your-api"), not getIdToken().'
        : `Logto's access tokens have typ "at+jwt"; this token has ${header?.typ === undefined ? 'none' : JSON.stringify(header.typ)}. If your server uses another type, set the option \`tokenType\`.`,
  ],
  unknown_key: ({ error, errors, options }) => [
    errors.some((/** @type {FailedCheck} */ { code }) => code === 'invalid_issuer')
      ? 'The key set does not contain the key, because the token comes from another server or tenant.'
      : error.details.reason
        ? String(reasonMeaning(error.details.reason))
        : localIssuerOf(options)
          ? 'The key set does not contain the key. `npx logto-authkit dev` creates new keys whenever it starts, so request a new token. If Logto itself runs on this machine, its keys may have been rotated since the token was issued.'
          : 'The key set does not contain the key. Either the keys have been rotated twice since the token was issued (Logto 1.42 keeps one previous key), so request a new token; or the token comes from another server or tenant, so compare `iss`.',
  ],
  invalid_signature: (its) =>
    its.error.details.reason === undefined
      ? [
          'The key is known, but the signature does not match: the token was modified after signing, or damaged when it was copied.',
        ]
      : malformedTokenHints(its),
  invalid_claims: ({ errors }) => {
    const malformed = errors.filter((/** @type {FailedCheck} */ { code }) => code === 'invalid_claims')
    const names = malformed.map((/** @type {FailedCheck} */ { message }) => `\`${message.split(' ').at(-1)}\``)
    return [
      `Logto itself always issues well-formed claims. A custom-claims script may have set ${names.join(' and ')}, or the token does not come from Logto.`,
    ]
  },
  invalid_issuer: ({ claims, error, options, verified }) =>
    typeof claims?.iss === 'string'
      ? wrongIssuerHints(claims.iss, error.details.expected, options, verified)
      : ['The token has no `iss` claim, or it is not a string.'],
  invalid_audience: ({ claims, options, errors }) =>
    // If the token type is also wrong, another hint already says that this is an ID token.
    isIdToken(claims) && errors.some((/** @type {FailedCheck} */ { code }) => code === 'invalid_token_type')
      ? []
      : wrongAudienceHints(claims?.aud, [options.audience].flat(), claims),
  token_expired: ({ error: { details }, claims, options }) =>
    details.exp === undefined ? maxTokenAgeHints(details) : expiredTokenHints(details, claims, options),
  token_not_active: ({ error: { details }, options }) => [
    doctorHint(
      details.nbf === undefined
        ? `The token was issued ${formatDuration(details.iat - details.now)} in the future, at ${formatDate(details.iat)}. To compare the clocks`
        : `The token becomes valid in ${formatDuration(details.nbf - details.now)}, at ${formatDate(details.nbf)}. Logto itself never sets \`nbf\`: either a custom-claims script does, or the clocks differ. To compare the clocks`,
      options,
    ),
  ],
  token_revoked: ({ error }) => [
    error.details.revoked === undefined
      ? 'Your `isRevoked` function returned true.'
      : `A revocation covers the token, by its ${error.details.revoked}. A token that is issued later is valid, unless its session or grant was revoked.`,
  ],
  wrong_organization: ({ error, options }) => {
    const of = error.details.organization
    return [
      of.length === 0
        ? 'The token belongs to no organization.'
        : `The token belongs to the organization ${of.join(', ')}.`,
      options.organizationId === null
        ? 'It must not belong to any: request it without an organization.'
        : `To get a token for ${options.organizationId}: getAccessToken("https://your-api", "${options.organizationId}").`,
    ]
  },
  missing_scope: ({ error, claims }) => [
    error.details.scopes.length === 0
      ? 'The token has no scopes.'
      : `The token has these scopes: ${error.details.scopes.join(' ')}.`,
    'Logto silently omits permissions that were not granted. Assign the user (or the machine-to-machine application) a role that has this permission of this API, let the client request it in `scopes`, and get a new token.',
    claims?.organization_id === undefined
      ? []
      : 'In an organization token, permissions come from the roles within that organization.',
  ],
  missing_role: () => [
    'Logto does not put roles into access tokens. Add them as `roles` with a custom-claims script (Console > Custom JWT), or check a scope instead.',
  ],
  jwks_unavailable: ({ error, options }) => [
    `The keys could not be fetched: ${error.cause ?? error.details.reason ?? 'no response'}.`,
    doctorHint('To find the cause', options),
    ...(/refused/i.test(error.cause) ? startIssuerHints(options) : []),
  ],
}

/** Returns the local issuer that `dev` can start at the URL in the options. @param {any} options */
const localIssuerOf = ({ logtoUrl, jwksUri }) =>
  logtoUrl === undefined || jwksUri !== undefined ? null : localIssuerAt(logtoUrl)

/** @type {(options: any) => Hint[]} */
function startIssuerHints(options) {
  const issuer = localIssuerOf(options)
  if (issuer === null) return []
  return [{ text: 'During development, start the local issuer:', command: `npx logto-authkit ${issuer.command}` }]
}

/** @type {(its: any) => (string | string[])[]} */
function malformedTokenHints({ token, error: { details } }) {
  if (isClaimsSet(headerOf(token)))
    return ['The input starts with the payload of a token. Copy all three parts, with the dots between them.']
  return [
    [reasonMeaning(details.reason)?.replace(/; `details\.problem` says why/, ''), details.problem]
      .filter(Boolean)
      .join(' '),
    /^eyJ/.test(token) || details.reason !== 'invalid_header'
      ? []
      : 'The start of the token is probably missing: a JWT starts with `eyJ`.',
    /^j:/.test(token)
      ? 'The cookie contains an object, as Express stores one. Store the token itself: res.cookie(name, token).'
      : [],
    MALFORMED_TOKEN_ADVICE[details.reason]?.(token) ?? [],
  ]
}

/** Says what is wrong with an `Authorization` header without the scheme `Bearer`. @param {string} value */
function schemeHint(value) {
  // A longer first word may be a token.
  const [, scheme] = /^([\w-]{1,20})\s+\S/.exec(value) ?? []
  return scheme === undefined
    ? 'The `Authorization` header contains only a token or a word. Write `Bearer ` before the token.'
    : `The \`Authorization\` header has the scheme \`${scheme}\`. The library reads only \`Bearer\`.`
}

/**
 * Names the cookie in which Logto's SDKs for servers store their session: `logto_<App ID>`.
 *
 * @param {string} cookies
 */
function sdkCookieHint(cookies) {
  const names = cookies.split(';').map((pair) => pair.split('=')[0].trim())
  const name = names.find((each) => /^logto_[\w-]+$/.test(each) && !Object.values(contract().cookies).includes(each))
  return name === undefined
    ? []
    : `The cookie "${name}" contains the session of Logto's SDK, not the access token: see node_modules/logto-authkit/docs/tokens.md.`
}

/** The advice for each reason why a token can be missing. @type {Record<string, string>} */
const MISSING_TOKEN_ADVICE = {
  empty_bearer:
    'Set the variable in the shell or program that sends the request. For development, `npx logto-authkit dev` creates tokens.',
}

/**
 * The advice for each reason why a token can be malformed.
 *
 * @type {Record<string, (token: string) => string | string[]>}
 */
const MALFORMED_TOKEN_ADVICE = {
  placeholder: () =>
    'Replace it with a token, or set the variable where the request is sent. For development, `npx logto-authkit dev` creates tokens.',
  literal_undefined: () => 'Sign the user in first, and await the token: await getAccessToken("https://your-api").',
  truncated: (token) =>
    /…|\.\.\./.test(token)
      ? 'The input contains an ellipsis: the program that printed the token shortened it. Copy the whole value.'
      : 'The token was probably truncated when it was copied or stored.',
  not_base64url: (token) =>
    /[=+/]/.test(token)
      ? 'The input contains =, + or /, which never occur in a JWT. It has probably been encoded a second time.'
      : [],
}

/** @type {(details: any, claims: any, options: any) => (string | Hint)[]} */
const expiredTokenHints = ({ exp, now }, claims, options) => [
  `The token expired ${formatDuration(now - exp)} ago, at ${formatDate(exp)}.`,
  now - exp < 120
    ? doctorHint(
        'Request a new token. If new tokens are expired too, synchronize the clocks or set `clockTolerance`. To compare the clocks',
        options,
      )
    : `Request a new token; getAccessToken() of Logto's SDKs does that automatically.${typeof claims?.iat === 'number' ? ` The lifetime of this token was ${formatDuration(claims.exp - claims.iat)}.` : ''}`,
]

/** @type {(details: any) => string[]} */
const maxTokenAgeHints = ({ iat, now, maxTokenAge }) => [
  `The token was issued ${formatDuration(now - iat)} ago, at ${formatDate(iat)}, and \`maxTokenAge\` allows ${formatDuration(maxTokenAge)}. Request a new token.`,
]

/**
 * For a valid token, returns notes about checks that the options do not enable.
 *
 * @param {Case} its
 */
function validTokenNotes({ claims, options }) {
  const notes = []
  if (options.audience === null && claims?.aud !== undefined) {
    notes.push(
      `The audience was not checked. An API accepts this token if its \`audience\` is ${JSON.stringify(claims.aud)}.`,
    )
  }
  if (claims?.organization_id !== undefined && options.organizationId === undefined) {
    notes.push(
      'The token belongs to an organization, but has the same audience as a token without one. If the API serves organizations, set `organizationId`.',
    )
  }
  if (options.requiredScope === undefined && options.requiredRole === undefined) {
    notes.push(
      'No scope was checked. A valid token is not a permission: Logto issues one to every application that requests it.',
    )
  }
  return notes
}

module.exports = { hints }
