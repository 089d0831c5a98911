/** Checks the base URL and the audience for `doctor`. */

const { parseJsonObject } = require('./http')

/** @typedef {import('./doctor-findings').Finding} Finding */

/**
 * @param {string} shownUrl - The base URL to print, with its source.
 * @param {string} issuer
 * @param {URL} keysUrl
 * @param {import('./http').Answer | Error} tenantLookup - The response from the URL of `tenantLookupUrl`, or an error.
 * @returns {Finding}
 */
function baseUrlFinding(shownUrl, issuer, keysUrl, tenantLookup) {
  const check = 'URL'
  const found = `${shownUrl} (issuer ${issuer})`
  const userTenantUrl = readUserTenantUrl(tenantLookup)
  if (userTenantUrl !== undefined) {
    return {
      check,
      ok: false,
      found: `${shownUrl} is Logto's admin tenant`,
      advice: `It issues tokens for Logto's own Console and Management API. Tokens for your API come from ${userTenantUrl}. Set logtoUrl: "${userTenantUrl}".`,
      fix: { logtoUrl: userTenantUrl },
    }
  }
  const isInsecure =
    keysUrl.protocol === 'http:' && !/^(localhost|.+\.localhost|127\.[\d.]+|\[::1\])$/.test(keysUrl.hostname)
  if (!isInsecure) return { check, ok: true, found }
  const advice =
    'Keys are fetched over plain http, so anyone on the network path can replace them and sign tokens. Use https.'
  return { check, ok: false, found, advice }
}

/**
 * Returns a URL that only the admin tenant serves. The Console requests this URL to find out which tenant serves the
 * applications.
 *
 * @param {URL} issuer
 */
const tenantLookupUrl = (issuer) => new URL(issuer.href.replace(/\/oidc$/, '/api/.well-known/endpoints/default'))

/**
 * @param {import('./http').Answer | Error} answer
 * @returns {string | undefined}
 */
function readUserTenantUrl(answer) {
  if (answer instanceof Error || answer.status !== 200) return undefined
  const user = parseJsonObject(answer.body)?.user
  return typeof user === 'string' && URL.canParse(user) ? user.replace(/\/$/, '') : undefined
}

/**
 * Reports a mistake in the audience that can be recognized without a token.
 *
 * @param {string | string[] | null | undefined} given
 * @param {string} issuer
 * @returns {Finding}
 */
function audienceFinding(given, issuer) {
  const check = 'Audience'
  if (given === undefined)
    return { check, ok: null, found: 'not checked: pass --audience or --options, or set LOGTO_AUDIENCE' }
  if (given === null) return { check, ok: null, found: 'not checked: the option audience is null' }
  const audiences = [given].flat()
  for (const one of audiences) {
    const mistake = audienceMistake(one, issuer)
    if (mistake === undefined) continue
    const fix = one !== one.trim() ? { audience: one.trim() } : undefined
    return { check, ok: false, found: one, advice: mistake, ...(fix && audiences.length === 1 && { fix }) }
  }
  const found = `${audiences.join(', ')}, must match exactly; \`explain\` checks a token against it`
  return { check, ok: true, found }
}

/**
 * @param {string} audience
 * @param {string} issuer
 */
function audienceMistake(audience, issuer) {
  if (audience !== audience.trim()) return 'Remove the white space around it.'
  if (!URL.canParse(audience))
    return 'An API identifier in Logto is an absolute URI such as https://api.example.com. This may be the id of an application.'
  if (audience === issuer || `${audience.replace(/\/$/, '')}/oidc` === issuer)
    return "That is Logto's own URL. Access tokens are issued for your API: register it in Logto and use its identifier."
}

module.exports = { audienceFinding, baseUrlFinding, tenantLookupUrl }
