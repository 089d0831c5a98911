/** The checks of `doctor`, one finding each. The core itself decides whether keys can be fetched and used. */

const native = require('../core/addon')
const { algorithms: accepted, jwksTimeoutMs } = require('../core/contract').defaults('verifier')
const { create } = require('../core/options')
const { createVerifier } = require('../index')
const { certificate } = require('./doctor-tls')
const { span } = require('./hints')
const { get } = require('./http')
const { proxyFor } = require('./proxy')

/**
 * @typedef {{ check: string, ok: boolean | null, found: string, advice?: string }} Finding - `ok` is null if the check
 * could not run
 * @typedef {{ logtoUrl: string, audience?: string | string[], issuer?: string | string[], jwksUri?: string,
 *   algorithms?: any, timeout?: number, env: Record<string, string | undefined> }} Subject
 * @typedef {import('./http').Answer} Answer
 */

/** Seconds. With a larger clock difference, tokens are rejected too early or accepted too long. */
const MOST_SKEW = 10

/**
 * @param {Subject} subject
 * @returns {Promise<Finding[]>}
 */
async function serverFindings({ env, timeout = jwksTimeoutMs, algorithms = accepted, ...its }) {
  const options = { ...its, audience: null, jwksTimeoutMs: timeout, skipJwksCache: true } // `audience` below says more
  const verifier = createVerifier(options)
  const [issuer] = create('explain', { logtoUrl: its.logtoUrl }).core.verifier.issuers
  const issuers = [its.issuer ?? issuer].flat()
  const keysUrl = new URL(its.jwksUri ?? `${issuer}/jwks`)
  const discoveryUrl = new URL(`${issuer}/.well-known/openid-configuration`)

  const route = proxyFor(keysUrl, env)
  const settings = { proxy: route.proxy, timeout }
  const [discovery, keys, outage] = await Promise.all([
    attempt(get(discoveryUrl, { proxy: proxyFor(discoveryUrl, env).proxy, timeout })),
    attempt(get(keysUrl, settings)),
    verifier.prefetch().then(
      () => null,
      (error) => String(error.cause?.message ?? error.details?.reason ?? error.message),
    ),
  ])

  return [
    baseUrl(its.logtoUrl, issuer, keysUrl),
    proxy(route),
    connection(keys),
    ...(keysUrl.protocol === 'https:' ? [certificate(keys, outage, env)] : []),
    ...documents(discovery, keys, discoveryUrl, issuers, keysUrl, outage),
    ...keySet(keys, keysUrl, outage, verifier.stats().jwks.keys, algorithms),
    clock(discovery, keys),
    audience(its.audience, issuer),
  ]
}

/**
 * @param {string} logtoUrl
 * @param {string} issuer
 * @param {URL} keysUrl
 * @returns {Finding}
 */
function baseUrl(logtoUrl, issuer, keysUrl) {
  const found = `${logtoUrl} (issuer ${issuer})`
  const exposed =
    keysUrl.protocol === 'http:' && !/^(localhost|.+\.localhost|127\.[\d.]+|\[::1\])$/.test(keysUrl.hostname)
  if (!exposed) return { check: 'URL', ok: true, found }
  const advice =
    'Keys are fetched over plain http, so anyone on the network path can replace them and sign tokens. Use https.'
  return { check: 'URL', ok: false, found, advice }
}

/** @type {(route: ReturnType<typeof proxyFor>) => Finding} */
const proxy = ({ says, wrong }) =>
  wrong
    ? { check: 'Proxy', ok: false, found: wrong, advice: 'Use a URL such as http://proxy.example.com:3128.' }
    : { check: 'Proxy', ok: true, found: says }

/**
 * @param {Answer | Error} keys
 * @returns {Finding}
 */
function connection(keys) {
  if (!(keys instanceof Error)) return { check: 'Connection', ok: true, found: 'the server responds' }
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (keys)
  const reason = /SSL routines:[^:]*:([^:]+):/.exec(message)?.[1]
  const kind = reason ? 'EPROTO' : String(code)
  const advice =
    CONNECTION_ADVICE[kind] ??
    'Check the URL, whether the server is running, and whether a firewall blocks the connection.'
  return { check: 'Connection', ok: false, found: reason ? `TLS: ${reason}` : message || kind, advice }
}

/** @type {Record<string, string>} */
const CONNECTION_ADVICE = {
  ENOTFOUND:
    'The hostname cannot be resolved from this machine. Check it for typing errors; it may belong to another network.',
  EAI_AGAIN: 'The DNS server does not respond.',
  ECONNREFUSED:
    'Nothing listens on that port. Check the port and whether the server is running. In a container, localhost is the container itself.',
  ECONNRESET: 'The connection was reset. Check whether the URL should use http instead of https, or the reverse.',
  EPROTO: 'The server does not speak TLS on that port. Check whether the URL should use http.',
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
function documents(discovery, keys, url, issuers, keysUrl, outage) {
  const unseen = { check: 'Issuer', ok: null, found: `accepted: ${issuers.join(', ')}` }
  const fail = (/** @type {string} */ found, /** @type {string} */ advice) => [
    { check: 'Discovery', ok: false, found, advice },
    unseen,
  ]
  if (discovery instanceof Error && keys instanceof Error)
    return [{ check: 'Discovery', ok: null, found: 'not reached' }, unseen]
  if (discovery instanceof Error) {
    return [{ check: 'Discovery', ok: false, found: discovery.message, advice: `${url.href} must respond.` }, unseen]
  }
  const { status, headers, body } = discovery
  if (status >= 300 && status < 400)
    return fail(`${status} to ${headers.location}`, 'Redirects are not followed. Use the target URL.')
  if (status !== 200)
    return fail(
      `${url.href} responds with ${status}`,
      status === 404 ? WRONG_PLACE : 'The server reports an error. Look at its log.',
    )
  const document = jsonObject(body)
  if (typeof document?.issuer !== 'string') return fail(`${url.href} does not return a discovery document`, WRONG_PLACE)
  const { issuer, jwks_uri: jwksUri } = document
  const elsewhere = typeof jwksUri === 'string' && jwksUri !== keysUrl.href
  const note = elsewhere ? ` (its jwks_uri, ${jwksUri}, follows the Host header; ${keysUrl.href} is used instead)` : ''
  const found = { check: 'Discovery', ok: true, found: `${url.href}${note}` }
  if (issuers.includes(issuer)) return [found, { check: 'Issuer', ok: true, found: issuer }]
  const keep = outage === null ? `, and jwksUri: "${keysUrl.href}" if only this URL can be reached from here` : ''
  const advice = issuer.endsWith('/oidc')
    ? `Tokens will have iss "${issuer}". Set logtoUrl: "${issuer.slice(0, -'/oidc'.length)}"${keep}.`
    : `Tokens will have iss "${issuer}". Set issuer: "${issuer}".`
  return [
    found,
    { check: 'Issuer', ok: false, found: `the server's issuer is ${issuer}, accepted: ${issuers.join(', ')}`, advice },
  ]
}

const WRONG_PLACE =
  'This does not seem to be the base URL of Logto. Use the ENDPOINT of the server, including its sub-path if it has one; the admin console has a different URL.'

/**
 * @param {Answer | Error} answer
 * @param {URL} url
 * @param {string | null} outage
 * @param {number} usable
 * @param {import('../..').Algorithm[]} algorithms
 * @returns {Finding[]}
 */
function keySet(answer, url, outage, usable, algorithms) {
  const none = { check: 'Algorithms', ok: null, found: 'no keys to check' }
  if (outage !== null) {
    const page =
      !(answer instanceof Error) && /^\s*</.test(answer.body)
        ? ' The response is a web page: the path is wrong, or a gateway intercepts the request.'
        : ''
    return [{ check: 'Key set', ok: false, found: outage, advice: `${url.href} must return a key set.${page}` }, none]
  }
  const listed = answer instanceof Error ? [] : (jsonObject(answer.body)?.keys ?? [])
  const described = []
  const served = new Set()
  const unserved = []
  for (const key of Array.isArray(listed) ? listed : []) {
    const serves = algorithms.filter((alg) => native.keyAlgorithms(key).includes(alg))
    for (const alg of serves) served.add(alg)
    const name = [key.kid, [key.kty, key.crv, key.alg].filter(Boolean).join(' ')].filter(Boolean).join(': ')
    described.push(name)
    if (serves.length === 0) unserved.push(name)
  }
  const found = `${usable} usable ${usable === 1 ? 'key' : 'keys'} (${described.join('; ')})`
  const algorithmsFound = served.size > 0 ? `keys for ${[...served].join(', ')}` : 'no keys'
  return [
    { check: 'Key set', ok: true, found },
    unserved.length === 0
      ? { check: 'Algorithms', ok: true, found: `${algorithmsFound}; accepted: ${algorithms.join(', ')}` }
      : {
          check: 'Algorithms',
          ok: false,
          found: `${unserved.join('; ')} fits none of ${algorithms.join(', ')}`,
          advice:
            'Tokens signed with that key are rejected. If it signs access tokens, add its algorithm to the option `algorithms`.',
        },
  ]
}

/**
 * @param {(Answer | Error)[]} answers
 * @returns {Finding}
 */
function clock(...answers) {
  const check = 'Clock'
  for (const answer of answers) {
    if (answer instanceof Error || answer.clock === null) continue
    const { theirs, ours } = answer.clock
    // The Date header is truncated to whole seconds.
    const skew = Math.max(0, Math.abs(theirs + 500 - ours) - 500) / 1000
    if (skew <= MOST_SKEW) return { check, ok: true, found: "agrees with the server's to within seconds" }
    const found = `${span(skew)} ${ours > theirs ? 'ahead of' : 'behind'} the server's`
    return {
      check,
      ok: false,
      found,
      advice: 'Synchronize this machine and the server with NTP. `clockTolerance` compensates for a few seconds.',
    }
  }
  return { check, ok: null, found: 'the server sends no Date header' }
}

/**
 * Mistakes in an audience that are visible without a token.
 *
 * @param {string | string[] | undefined} given
 * @param {string} issuer
 * @returns {Finding}
 */
function audience(given, issuer) {
  const check = 'Audience'
  if (given === undefined) return { check, ok: null, found: 'not checked: pass --audience' }
  const audiences = [given].flat()
  for (const one of audiences) {
    const wrong = wrongAudience(one, issuer)
    if (wrong) return { check, ok: false, found: one, advice: wrong }
  }
  const found = `${audiences.join(', ')}, must match exactly; \`explain\` checks a token against it`
  return { check, ok: true, found }
}

/**
 * @param {string} audience
 * @param {string} issuer
 */
function wrongAudience(audience, issuer) {
  if (audience !== audience.trim()) return 'Remove the white space around it.'
  if (!URL.canParse(audience))
    return 'An API identifier in Logto is an absolute URI such as https://api.example.com. This may be the id of an application.'
  if (audience === issuer || `${audience.replace(/\/$/, '')}/oidc` === issuer)
    return "That is Logto's own URL. Access tokens are issued for your API: register it in Logto and use its identifier."
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T | Error>}
 */
const attempt = (promise) => promise.catch((error) => (error instanceof Error ? error : new Error(String(error))))

/**
 * @param {string} text
 * @returns {any}
 */
function jsonObject(text) {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

module.exports = { serverFindings }
