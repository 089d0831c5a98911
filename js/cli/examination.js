/** What `doctor` looks at, one finding each. Whether keys can be had and used is for the core to say. */

const { createVerifier } = require('../index')
const { DEFAULT_ALGORITHMS, acceptedIssuers, servedAlgorithms } = require('./probe')
const { date, span } = require('./hints')
const { get } = require('./http')
const { proxyFor } = require('./proxy')

/**
 * @typedef {{ check: string, ok: boolean | null, found: string, advice?: string }} Finding - `ok` is null where it could
 * not be looked at
 * @typedef {{ logtoUrl: string, audience?: string | string[], issuer?: string | string[], jwksUri?: string,
 *   algorithms?: any, timeout?: number, env: Record<string, string | undefined> }} Subject
 * @typedef {import('./http').Answer} Answer
 */

/** Further apart than this, a token that lives for an hour is refused too early or accepted too long. */
const MOST_SKEW = 10

/**
 * @param {Subject} subject
 * @returns {Promise<Finding[]>}
 */
async function examineServer({ env, timeout = 5000, algorithms = DEFAULT_ALGORITHMS, ...its }) {
  const options = { ...its, audience: its.audience ?? null, jwksTimeoutMs: timeout, skipJwksCache: true }
  const verifier = createVerifier(options)
  const [issuer] = await acceptedIssuers({ logtoUrl: its.logtoUrl, audience: null })
  const issuers = await acceptedIssuers(options)
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
    address(its.logtoUrl, issuer, keysUrl),
    proxy(route),
    connection(keys),
    ...(keysUrl.protocol === 'https:' ? [certificate(keys, outage, env)] : []),
    ...documents(discovery, keys, discoveryUrl, issuers, keysUrl, outage),
    ...(await keySet(keys, keysUrl, outage, verifier.stats().jwks.keys, algorithms)),
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
function address(logtoUrl, issuer, keysUrl) {
  const found = `${logtoUrl} is the issuer ${issuer}`
  const exposed =
    keysUrl.protocol === 'http:' && !/^(localhost|.+\.localhost|127\.[\d.]+|\[::1\])$/.test(keysUrl.hostname)
  if (!exposed) return { check: 'Address', ok: true, found }
  const advice = 'Keys come over plain http: whoever is on the way can replace them, and sign tokens. Use https.'
  return { check: 'Address', ok: false, found, advice }
}

/** @type {(route: ReturnType<typeof proxyFor>) => Finding} */
const proxy = ({ says, wrong }) =>
  wrong
    ? { check: 'Proxy', ok: false, found: wrong, advice: 'It should be like http://proxy.example.com:3128.' }
    : { check: 'Proxy', ok: true, found: says }

/**
 * @param {Answer | Error} keys
 * @returns {Finding}
 */
function connection(keys) {
  if (!(keys instanceof Error)) return { check: 'Connection', ok: true, found: 'it answers' }
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (keys)
  const reason = /SSL routines:[^:]*:([^:]+):/.exec(message)?.[1]
  const kind = reason ? 'EPROTO' : String(code)
  const advice = CONNECTION_ADVICE[kind] ?? 'Is it the right address, is the server up, does a firewall stand between?'
  return { check: 'Connection', ok: false, found: reason ? `TLS: ${reason}` : message || kind, advice }
}

/** @type {Record<string, string>} */
const CONNECTION_ADVICE = {
  ENOTFOUND: 'The name is not known here: a typing error, or a name of another network.',
  EAI_AGAIN: 'The name server does not answer.',
  ECONNREFUSED:
    'Nothing listens there: is the port right, is the server up? In a container, localhost is the container itself.',
  ECONNRESET: 'The connection was cut: is it https where it should be http, or the other way round?',
  EPROTO: 'That is not TLS: is it http where it should be https?',
}

/**
 * Trust is the core's: besides Node's authorities it takes the system's.
 *
 * @param {Answer | Error} keys
 * @param {string | null} outage
 * @param {Record<string, string | undefined>} env
 * @returns {Finding}
 */
function certificate(keys, outage, env) {
  const check = 'TLS'
  const extra = env.NODE_EXTRA_CA_CERTS ? `, NODE_EXTRA_CA_CERTS is ${env.NODE_EXTRA_CA_CERTS}` : ''
  const shown = keys instanceof Error ? null : keys.certificate
  const about = shown
    ? `certificate of ${shown.issuer}, until ${date(shown.until.getTime() / 1000)}${extra}`
    : `no certificate seen${extra}`
  if (outage === null || (shown && !/certificate|handshake|tls/i.test(outage)))
    return { check, ok: shown ? true : null, found: about }
  if (!shown) return { check, ok: null, found: about }
  const private_ = `For a private CA, start Node with NODE_EXTRA_CA_CERTS=/path/to/ca.pem${env.NODE_EXTRA_CA_CERTS ? ': the file that is named there has no such CA' : ''}.`
  const advice = /expired/i.test(outage)
    ? "The certificate has expired: renew it on the server. If it has not, this machine's clock is wrong."
    : /not valid for name/i.test(outage)
      ? 'The certificate is for other names: use one of those, or give the server one for this name.'
      : /not valid yet/i.test(outage)
        ? "The certificate is not valid yet: is this machine's clock right?"
        : private_
  return { check, ok: false, found: `${outage} (${about})`, advice }
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
  const unseen = { check: 'Issuer', ok: null, found: `accepted is ${issuers.join(', ')}` }
  const fail = (/** @type {string} */ found, /** @type {string} */ advice) => [
    { check: 'Discovery', ok: false, found, advice },
    unseen,
  ]
  if (discovery instanceof Error && keys instanceof Error)
    return [{ check: 'Discovery', ok: null, found: 'not reached' }, unseen]
  if (discovery instanceof Error) {
    return [{ check: 'Discovery', ok: false, found: discovery.message, advice: `${url.href} must answer.` }, unseen]
  }
  const { status, headers, body } = discovery
  if (status >= 300 && status < 400)
    return fail(`${status} to ${headers.location}`, 'Redirects are not followed: use the address that it leads to.')
  if (status !== 200)
    return fail(
      `${url.href} answers ${status}`,
      status === 404 ? WRONG_PLACE : 'The server has a problem of its own: look at its log.',
    )
  const document = jsonObject(body)
  if (typeof document?.issuer !== 'string') return fail(`${url.href} answers no discovery document`, WRONG_PLACE)
  const { issuer, jwks_uri: jwksUri } = document
  const elsewhere = typeof jwksUri === 'string' && jwksUri !== keysUrl.href
  const note = elsewhere
    ? ` (it names ${jwksUri} for the keys, which Logto makes from the Host header; ${keysUrl.href} is used)`
    : ''
  const found = { check: 'Discovery', ok: true, found: `${url.href}${note}` }
  if (issuers.includes(issuer)) return [found, { check: 'Issuer', ok: true, found: issuer }]
  const keep = outage === null ? `, and, if only this address can be reached from here, jwksUri: "${keysUrl.href}"` : ''
  const advice = issuer.endsWith('/oidc')
    ? `Tokens will say iss "${issuer}": set logtoUrl: "${issuer.slice(0, -'/oidc'.length)}"${keep}.`
    : `Tokens will say iss "${issuer}": set issuer: "${issuer}".`
  return [
    found,
    { check: 'Issuer', ok: false, found: `the server says ${issuer}, accepted is ${issuers.join(', ')}`, advice },
  ]
}

const WRONG_PLACE =
  'Is this the base address of Logto? It is the ENDPOINT of the server, with its sub-path if it has one; the admin console has another.'

/**
 * @param {Answer | Error} answer
 * @param {URL} url
 * @param {string | null} outage
 * @param {number} usable
 * @param {import('../..').Algorithm[]} algorithms
 * @returns {Promise<Finding[]>}
 */
async function keySet(answer, url, outage, usable, algorithms) {
  const none = { check: 'Algorithms', ok: null, found: 'no keys to look at' }
  if (outage !== null) {
    const page =
      !(answer instanceof Error) && /^\s*</.test(answer.body)
        ? ' What came is a web page: the path is wrong, or a gateway stands in front.'
        : ''
    return [
      { check: 'Key set', ok: false, found: outage, advice: `${url.href} must answer with a key set.${page}` },
      none,
    ]
  }
  const listed = answer instanceof Error ? [] : (jsonObject(answer.body)?.keys ?? [])
  const described = []
  const served = new Set()
  const unserved = []
  for (const key of Array.isArray(listed) ? listed : []) {
    const serves = await servedAlgorithms(key, algorithms)
    for (const alg of serves) served.add(alg)
    const name = [key.kid, [key.kty, key.crv, key.alg].filter(Boolean).join(' ')].filter(Boolean).join(': ')
    described.push(name)
    if (serves.length === 0) unserved.push(name)
  }
  const found = `${usable} usable ${usable === 1 ? 'key' : 'keys'} (${described.join('; ')})`
  const algorithmsFound = served.size > 0 ? `the keys sign ${[...served].join(', ')}` : 'none of the keys'
  return [
    { check: 'Key set', ok: true, found },
    unserved.length === 0
      ? { check: 'Algorithms', ok: true, found: `${algorithmsFound}; accepted are ${algorithms.join(', ')}` }
      : {
          check: 'Algorithms',
          ok: false,
          found: `${unserved.join('; ')} serves none of ${algorithms.join(', ')}`,
          advice:
            'Tokens signed with that key are refused. If it is meant for access tokens, name its algorithm in the option `algorithms`.',
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
    // Their seconds are cut off.
    const skew = Math.max(0, Math.abs(theirs + 500 - ours) - 500) / 1000
    if (skew <= MOST_SKEW) return { check, ok: true, found: "as the server's, to within seconds" }
    const found = `${span(skew)} ${ours > theirs ? 'ahead of' : 'behind'} the server's`
    return {
      check,
      ok: false,
      found,
      advice: "Set this machine's clock, or the server's, by NTP; `clockTolerance` bridges a difference of seconds.",
    }
  }
  return { check, ok: null, found: 'the server does not tell the time' }
}

/**
 * What can be said about an audience without a token.
 *
 * @param {string | string[] | undefined} given
 * @param {string} issuer
 * @returns {Finding}
 */
function audience(given, issuer) {
  const check = 'Audience'
  if (given === undefined) return { check, ok: null, found: 'not given: --audience' }
  const audiences = [given].flat()
  for (const one of audiences) {
    const wrong = wrongAudience(one, issuer)
    if (wrong) return { check, ok: false, found: one, advice: wrong }
  }
  const found = `${audiences.join(', ')}, compared to the letter; \`explain\` says whether a token has it`
  return { check, ok: true, found }
}

/**
 * @param {string} audience
 * @param {string} issuer
 */
function wrongAudience(audience, issuer) {
  if (audience !== audience.trim()) return 'There is white space around it.'
  if (!URL.canParse(audience))
    return 'An API identifier in Logto is an absolute URI, like https://api.example.com. Is this the id of an application?'
  if (audience === issuer || `${audience.replace(/\/$/, '')}/oidc` === issuer)
    return "That is Logto's own address. An access token is for your API: register it in Logto and use its identifier."
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

module.exports = { examineServer }
