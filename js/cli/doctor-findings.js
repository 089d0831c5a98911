/** Checks a Logto server for `doctor`. The core fetches the keys and checks whether it can use them. */

const native = require('../core/addon')
const { contract, defaultOptions } = require('../core/contract')
const { createWithoutWarning } = require('../core/options')
const { awaitOutcome } = require('../core/pending')
const { DEV_ISSUER_ENV_VARIABLES, DEV_PAGE } = require('./dev-defaults')
const { keyServerFinding, httpProxyFinding } = require('./doctor-connection')
const { certificateFinding } = require('./doctor-tls')
const { audienceFinding, baseUrlFinding, tenantLookupUrl } = require('./doctor-url')
const { get, parseJsonObject } = require('./http')
const { proxyFor } = require('./proxy')
const { formatCount } = require('./terminal')
const { formatDuration } = require('./times')

/**
 * @typedef {{ check: string, ok: boolean | null, found: string, advice?: string, fix?: Partial<Subject> }} Finding -
 * `ok` is null for a warning, which has `advice`, and for a check that could not run. `fix` contains the options that
 * would solve the problem.
 * @typedef {{ logtoUrl: string, audience?: string | string[] | null, issuer?: string | string[], jwksUri?: string,
 *   algorithms?: any, jwksCa?: string, timeout?: number, isUrlFromEnvironment: boolean, env: Record<string, string | undefined> }} Subject
 * @typedef {import('./http').Answer} Answer
 */

/**
 * Fetches the keys as an application does, but without emitting the warning that recommends `doctor`. If the fetch
 * fails, returns the reason and, if there is one, Node's error code.
 *
 * @param {import('../native/binding').NativeVerifier} verifier
 */
async function outageReason(verifier) {
  const outcome = /** @type {any} */ (await awaitOutcome(verifier.prefetch()))
  return typeof outcome === 'string'
    ? null
    : { reason: String(outcome.cause ?? outcome.message), code: outcome.causeCode }
}

const { algorithms: accepted, jwksTimeoutMs } = defaultOptions('verifier')
const KEY_CHECKS = ['Key set', 'Algorithms']

/**
 * The largest acceptable clock difference. With a larger difference, tokens are rejected too early or accepted for too
 * long.
 */
const MAX_CLOCK_SKEW_SECONDS = 10

/**
 * @param {Subject} subject
 * @returns {Promise<Finding[]>}
 */
async function serverFindings({ env, timeout = jwksTimeoutMs, algorithms = accepted, isUrlFromEnvironment, ...its }) {
  const options = { ...its, audience: null, jwksTimeoutMs: timeout, skipJwksCache: true } // audience: checked below
  const { verifier } = createWithoutWarning('verifier', options).core
  const [issuer] = createWithoutWarning('explain', { logtoUrl: its.logtoUrl }).core.verifier.issuers
  const issuers = [its.issuer ?? issuer].flat()
  const keysUrl = new URL(its.jwksUri ?? `${issuer}/jwks`)
  const discoveryUrl = new URL(`${issuer.slice(0, -'/oidc'.length)}${DISCOVERY_PATH}`)

  const route = proxyFor(keysUrl, env)
  const settings = { proxy: route.proxy, timeout }
  const [discovery, keys, tenantLookup, failure] = await Promise.all([
    valueOrError(get(discoveryUrl, { proxy: proxyFor(discoveryUrl, env).proxy, timeout })),
    valueOrError(get(keysUrl, settings)),
    valueOrError(get(tenantLookupUrl(new URL(issuer)), settings)),
    outageReason(verifier),
  ])

  const outage = failure?.reason ?? null
  const findings = [
    baseUrlFinding(
      isUrlFromEnvironment ? `${its.logtoUrl} from LOGTO_URL` : its.logtoUrl,
      issuer,
      keysUrl,
      tenantLookup,
    ),
    httpProxyFinding(route),
    await keyServerFinding(keys, keysUrl, route, its, isUrlFromEnvironment),
    ...(keysUrl.protocol === 'https:' ? [certificateFinding(keys, failure, env)] : []),
    ...discoveryFindings(discovery, keys, discoveryUrl, issuers, keysUrl, outage),
  ]
  // If the keys cannot be fetched because the connection, TLS or discovery check failed, only that check reports the
  // problem.
  const cause = findings.find(({ check, ok }) => ok === false && ['Connection', 'TLS', 'Discovery'].includes(check))
  return [
    ...findings,
    ...(outage !== null && cause !== undefined
      ? KEY_CHECKS.map((check) => ({ check, ok: null, found: `not checked, see ${cause.check}` }))
      : keySetFindings(keys, keysUrl, outage, verifier.stats().keys, algorithms)),
    clockFinding(discovery, keys),
    audienceFinding(its.audience, issuer),
  ]
}

/**
 * @param {Answer | Error} discovery
 * @param {Answer | Error} keys
 * @param {URL} url
 * @param {string[]} issuers
 * @param {URL} keysUrl
 * @param {string | null} outage
 * @returns {Finding[]}
 */
function discoveryFindings(discovery, keys, url, issuers, keysUrl, outage) {
  const issuerFinding = { check: 'Issuer', ok: null, found: `accepted: ${issuers.join(', ')}` }
  /** @type {(found: string, advice: string, fix?: Partial<Subject>) => Finding[]} */
  const fail = (found, advice, fix) => [
    { check: 'Discovery', ok: false, found, advice, ...(fix && { fix }) },
    issuerFinding,
  ]
  if (discovery instanceof Error && keys instanceof Error)
    return [{ check: 'Discovery', ok: null, found: 'not reached' }, issuerFinding]
  if (discovery instanceof Error) return fail(discovery.message, `${url.href} must respond.`)
  const { status, headers, body } = discovery
  if (headers.server === DEV_PAGE)
    return fail(
      `${url.origin} is the page of \`logto-authkit dev\``,
      `Use the URL that it prints, by default ${DEV_ISSUER_ENV_VARIABLES.LOGTO_URL}.`,
    )
  if (status >= 300 && status < 400) {
    const target = String(headers.location)
    const logtoUrl = target.endsWith(DISCOVERY_PATH) ? target.slice(0, -DISCOVERY_PATH.length) : undefined
    const advice = logtoUrl === undefined ? 'Use the target URL.' : `Set logtoUrl: "${logtoUrl}".`
    return fail(
      `${status} to ${target}`,
      `Redirects are not followed. ${advice}`,
      logtoUrl === undefined ? undefined : { logtoUrl },
    )
  }
  if (status !== 200)
    return fail(
      `${url.href} responds with ${status}`,
      isOwnRejection(body)
        ? 'This is probably your own API, not Logto: the response is a rejection of logto-authkit. Use the URL of Logto, as in LOGTO_URL.'
        : status === 404
          ? WRONG_BASE_URL_ADVICE
          : 'The server reports an error. Look at its log.',
    )
  const document = parseJsonObject(body)
  if (typeof document?.issuer !== 'string') {
    const problem = /^\s*</.test(body) ? 'returns a web page' : 'does not return a discovery document'
    return fail(`${url.href} ${problem}`, WRONG_BASE_URL_ADVICE)
  }
  const { issuer, jwks_uri: jwksUri } = document
  const hasDifferentUrl = typeof jwksUri === 'string' && jwksUri !== keysUrl.href
  const note = hasDifferentUrl
    ? ` (its jwks_uri, ${jwksUri}, follows the Host header; ${keysUrl.href} is used instead)`
    : ''
  const found = { check: 'Discovery', ok: true, found: `${url.href}${note}` }
  if (issuers.includes(issuer)) return [found, { check: 'Issuer', ok: true, found: issuer }]
  const jwksUriAdvice =
    outage === null ? `, and jwksUri: "${keysUrl.href}" if only this URL can be reached from here` : ''
  const logtoUrl = native.logtoUrl(issuer) ?? undefined
  const advice =
    logtoUrl === undefined
      ? `Tokens will have iss "${issuer}". Set issuer: "${issuer}".`
      : `Tokens will have iss "${issuer}". Set logtoUrl: "${logtoUrl}"${jwksUriAdvice}.`
  const fix = logtoUrl === undefined ? { issuer } : { logtoUrl, ...(jwksUriAdvice && { jwksUri: keysUrl.href }) }
  const mismatch = `the server's issuer is ${issuer}, accepted: ${issuers.join(', ')}`
  return [found, { check: 'Issuer', ok: false, found: mismatch, advice, fix }]
}

/**
 * Whether a response body is one that an adapter of this package sends when it rejects a request.
 *
 * @param {string} body
 */
function isOwnRejection(body) {
  const { error, code } = parseJsonObject(body) ?? {}
  return typeof error === 'string' && contract().errors.some((row) => row.code === code)
}

const DISCOVERY_PATH = '/oidc/.well-known/openid-configuration'

const WRONG_BASE_URL_ADVICE =
  'This does not seem to be the base URL of Logto. Use the ENDPOINT of the server, including its sub-path if it has one; the admin console has a different URL.'

/**
 * @param {Answer | Error} answer
 * @param {URL} url
 * @param {string | null} outage
 * @param {number} usable
 * @param {import('../..').Algorithm[]} algorithms
 * @returns {Finding[]}
 */
function keySetFindings(answer, url, outage, usable, algorithms) {
  const noKeys = { check: 'Algorithms', ok: null, found: 'no keys to check' }
  if (outage !== null) {
    const page =
      !(answer instanceof Error) && /^\s*</.test(answer.body)
        ? ' The response is a web page: the path is wrong, or a gateway intercepts the request.'
        : ''
    return [{ check: 'Key set', ok: false, found: outage, advice: `${url.href} must return a key set.${page}` }, noKeys]
  }
  const listedKeys = answer instanceof Error ? [] : (parseJsonObject(answer.body)?.keys ?? [])
  const descriptions = []
  const usableAlgorithms = new Set()
  const unusableKeys = []
  for (const key of Array.isArray(listedKeys) ? listedKeys : []) {
    const algorithmsOfKey = algorithms.filter((alg) => native.keyAlgorithms(key).includes(alg))
    for (const alg of algorithmsOfKey) usableAlgorithms.add(alg)
    const name = [key.kid, [key.kty, key.crv, key.alg].filter(Boolean).join(' ')].filter(Boolean).join(': ')
    descriptions.push(name)
    if (algorithmsOfKey.length === 0) unusableKeys.push(name)
  }
  const found = `${formatCount(usable, 'usable key')} (${descriptions.join('; ')})`
  const keysSummary = usableAlgorithms.size > 0 ? `keys for ${[...usableAlgorithms].join(', ')}` : 'no keys'
  return [
    { check: 'Key set', ok: true, found },
    unusableKeys.length === 0
      ? { check: 'Algorithms', ok: true, found: `${keysSummary}; accepted: ${algorithms.join(', ')}` }
      : {
          check: 'Algorithms',
          ok: false,
          found: `${unusableKeys.join('; ')} fits none of ${algorithms.join(', ')}`,
          advice:
            'Tokens signed with that key are rejected. If it signs access tokens, add its algorithm to the `algorithms` option.',
        },
  ]
}

/**
 * @param {(Answer | Error)[]} answers
 * @returns {Finding}
 */
function clockFinding(...answers) {
  const check = 'Clock'
  for (const answer of answers) {
    if (answer instanceof Error || answer.clock === null) continue
    const { serverTime, localTime } = answer.clock
    // The time in the Date header is truncated to whole seconds.
    const skew = Math.max(0, Math.abs(serverTime + 500 - localTime) - 500) / 1000
    if (skew <= MAX_CLOCK_SKEW_SECONDS)
      return { check, ok: true, found: 'agrees with the clock of the server to within seconds' }
    const found = `${formatDuration(skew)} ${localTime > serverTime ? 'ahead of' : 'behind'} the server's`
    return {
      check,
      ok: false,
      found,
      advice: 'Synchronize this machine and the server with NTP. `clockTolerance` compensates for a few seconds.',
    }
  }
  const hasServerResponded = answers.some((answer) => !(answer instanceof Error))
  return {
    check,
    ok: null,
    found: hasServerResponded ? 'the server sends no Date header' : 'not checked, see Connection',
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T | Error>}
 */
const valueOrError = (promise) => promise.catch((error) => (error instanceof Error ? error : new Error(String(error))))

module.exports = { serverFindings }
