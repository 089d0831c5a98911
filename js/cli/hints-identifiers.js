/** Explains why the issuer or the audience of a token is wrong. */

const native = require('../core/addon')

/**
 * @param {string} iss
 * @param {string[]} expected
 * @param {any} options
 * @param {boolean} verified - Whether the signature is valid, which means that the key set belongs to the token's
 *   issuer.
 * @returns {string[]}
 */
function wrongIssuerHints(iss, expected, options, verified) {
  const similarIssuer = expected.find((one) => comparableUrl(one) === comparableUrl(iss))
  if (similarIssuer !== undefined && iss !== similarIssuer) {
    return [
      `"${iss}" and "${similarIssuer}" differ only in spelling, but issuers must match exactly: set issuer: "${iss}".`,
    ]
  }
  const advice = [
    `The token was issued by "${iss}"; this API accepts ${expected.map((one) => `"${one}"`).join(' or ')}.`,
  ]
  const [tenant, ...tenants] = [iss, ...expected].map((one) => /^https:\/\/([\w-]+)\.logto\.app\/oidc$/.exec(one)?.[1])
  if (tenant !== undefined && tenants.every((other) => other !== undefined)) {
    advice.push(
      `"${tenant}" is another tenant of Logto Cloud: the client and this API are configured for different tenants.`,
    )
  } else if (/^https:\/\/[^/]+\/oidc$/.test(iss)) {
    advice.push(
      `If both are yours (a custom domain and <tenant>.logto.app), they are two issuers with the same key set. Accept both with issuer: ${JSON.stringify([...expected, iss])}.`,
    )
  }
  if (/^http:\/\/(localhost|127\.)/.test(iss) !== /^http:\/\/(localhost|127\.)/.test(expected[0])) {
    advice.push('One of them is a local server: the client or this API is probably configured for another environment.')
  }
  const logtoUrl = native.logtoUrl(iss)
  // This advice is given only for a verified token, because following it changes where keys are fetched from, and
  // anyone can forge an unverified token.
  if (verified && logtoUrl !== null && options.issuer === undefined) {
    const keysUrl = options.jwksUri ?? `${expected[0]}/jwks`
    const jwksUriAdvice =
      options.jwks === undefined ? `, and jwksUri: "${keysUrl}" if only that URL can be reached from the API` : ''
    advice.push(`If the token comes from the right server, set logtoUrl: "${logtoUrl}"${jwksUriAdvice}.`)
  }
  return advice
}

/**
 * @param {unknown} aud
 * @param {string[]} expected
 * @param {any} claims
 * @returns {string[]}
 */
function wrongAudienceHints(aud, expected, claims) {
  const audiences = [aud].flat().filter((one) => typeof one === 'string')
  if (audiences.length === 0) return ['The token has no `aud` claim, or it is not a string.']
  for (const one of audiences) {
    const similarAudience = expected.find((other) => comparableUrl(other) === comparableUrl(one))
    if (similarAudience === undefined) continue
    const slashNote = one.replace(/\/$/, '') === similarAudience.replace(/\/$/, '') ? ' in the trailing slash' : ''
    return [
      `"${one}" and "${similarAudience}" differ${slashNote}, so Logto treats them as two APIs. Use the identifier exactly as it is registered: set audience: "${one}", or let the client request a token for "${similarAudience}".`,
    ]
  }
  const actualAudienceHint = `The token was issued for ${audiences.map((one) => `"${one}"`).join(', ')}.`
  const organization = audiences.find((one) => one.startsWith(ORGANIZATION_AUDIENCE))
  if (organization) {
    const id = organization.slice(ORGANIZATION_AUDIENCE.length)
    return [
      actualAudienceHint,
      `That is an organization token, which is for the organization itself and not for an API. To get a token for your API in this organization: getAccessToken("${expected[0]}", "${id}").`,
    ]
  }
  if (isIdToken(claims)) return [actualAudienceHint, 'That is an application id, so this is probably an ID token.']
  if (/\.logto\.app\/api$|\/api$/.test(audiences[0]) && audiences[0].includes('logto')) {
    return [actualAudienceHint, "That is Logto's own Management API."]
  }
  if (expected.includes(claims.client_id)) {
    return [
      actualAudienceHint,
      `"${claims.client_id}" is the id of the client, not of an API resource: set audience: "${audiences[0]}".`,
    ]
  }
  return [
    actualAudienceHint,
    `Request a token with getAccessToken("${expected[0]}"), or accept this one with audience: "${audiences[0]}".`,
  ]
}

/** @param {any} claims */
const isIdToken = (claims) =>
  typeof claims?.aud === 'string' &&
  !claims.aud.includes(':') &&
  claims.client_id === undefined &&
  claims.scope === undefined

/**
 * Normalizes parts of a URL that people often write differently: case, scheme, default port and trailing slashes.
 *
 * @param {string} url
 */
const comparableUrl = (url) =>
  String(url)
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/:(80|443)(?=\/|$)/, '')
    .replace(/\/+$/, '')

const ORGANIZATION_AUDIENCE = 'urn:logto:organization:'

module.exports = { isIdToken, wrongAudienceHints, wrongIssuerHints }
