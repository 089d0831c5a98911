/** Checks the connection to a server for `doctor`, and explains connection errors. */

const { findRunningIssuer, localIssuerAt } = require('./local-issuer')

/** @typedef {import('./doctor-findings').Finding} Finding */

/** @typedef {ReturnType<typeof import('./proxy').proxyFor>} Route */

/** @type {(route: Route) => Finding} */
const httpProxyFinding = ({ says, wrong }) =>
  wrong
    ? { check: 'Proxy', ok: false, found: wrong, advice: 'Use a URL such as http://proxy.example.com:3128.' }
    : { check: 'Proxy', ok: true, found: says }

/**
 * @param {import('./http').Answer | Error} keys
 * @param {URL} url
 * @param {Route} route
 * @param {{ jwksUri?: unknown, issuer?: unknown }} its - The options.
 * @param {boolean} isUrlFromEnvironment
 * @param {() => Promise<string | null>} [findDev]
 * @returns {Promise<Finding>}
 */
async function keyServerFinding(keys, url, { isLoopback }, its, isUrlFromEnvironment, findDev = findRunningIssuer) {
  const check = 'Connection'
  if (!(keys instanceof Error)) return { check, ok: true, found: 'the server responds' }
  const { found, advice } = explainConnectionError(keys, url.host)
  const isRefused = /** @type {NodeJS.ErrnoException} */ (keys).code === 'ECONNREFUSED'
  if (!isLoopback || !isRefused) return { check, ok: false, found, advice }
  // If `jwksUri` or `issuer` is set, it overrides the URL derived from `logtoUrl`, so changing `logtoUrl` would not be
  // enough.
  const logtoUrl = its.jwksUri === undefined && its.issuer === undefined ? await findDev() : null
  if (logtoUrl !== null) {
    const change = isUrlFromEnvironment ? `set LOGTO_URL=${logtoUrl}` : `pass --url ${logtoUrl}`
    const explanation = `Nothing listens on that port, but \`npx logto-authkit dev\` is running at ${logtoUrl}: ${change}.`
    return { check, ok: false, found, advice: explanation, fix: { logtoUrl } }
  }
  const { command } = localIssuerAt(url.href) ?? { command: 'dev' }
  return { check, ok: false, found, advice: `${advice} During development, start \`npx logto-authkit ${command}\`.` }
}

/**
 * Explains a connection error, and suggests a fix.
 *
 * @param {unknown} error
 * @param {string} host
 */
function explainConnectionError(error, host) {
  const { code = '', message = String(error) } = /** @type {NodeJS.ErrnoException} */ (error)
  const kind = /SSL routines/.test(message) ? 'EPROTO' : code.startsWith('HPE_') ? 'HPE' : code
  const [what, advice] = CONNECTION_FAILURES[kind] ?? [
    message || kind,
    'Check the URL, whether the server is running, and whether a firewall blocks the connection.',
  ]
  return { found: CONNECTION_FAILURES[kind] ? `${host}: ${what} (${kind === 'EPROTO' ? kind : code})` : what, advice }
}

/** For each of Node's connection errors, a description and advice. @type {Record<string, [string, string]>} */
const CONNECTION_FAILURES = {
  ENOTFOUND: [
    'unknown hostname',
    'The hostname cannot be resolved from this machine. Check it for typing errors; it may belong to another network, such as that of a container.',
  ],
  EAI_AGAIN: ['no response from the DNS server', 'The DNS server does not respond. Check the network of this machine.'],
  ECONNREFUSED: [
    'connection refused',
    'Nothing listens on that port. Check the port and whether the server is running. In a container, localhost is the container itself: use the name of the service.',
  ],
  ECONNRESET: [
    'the server closed the connection',
    'The connection was reset. Check whether the URL should use http instead of https, or the reverse. If the port belongs to another kind of server, such as a database, this is not Logto.',
  ],
  ETIMEDOUT: ['no response', 'A firewall may block the connection, or the address is wrong.'],
  EHOSTUNREACH: ['no route to the host', 'Check the address and the network of this machine.'],
  HPE: [
    'no HTTP on this port',
    'The response is not HTTP. The port belongs to another kind of server, such as a database, so this is not Logto.',
  ],
  EPROTO: ['no TLS on this port', 'The server does not speak TLS on that port. Check whether the URL should use http.'],
}

/**
 * @param {unknown} error
 * @param {string} host
 */
function explainRedisError(error, host) {
  const { message = String(error), code = '' } = /** @type {NodeJS.ErrnoException} */ (error)
  const [, advice] = REDIS_ADVICE.find(([pattern]) => pattern.test(`${code} ${message}`)) ?? []
  return advice === undefined ? explainConnectionError(error, host) : { found: `${host}: ${message}`, advice }
}

/** @type {[RegExp, string][]} */
const REDIS_ADVICE = [
  [
    /WRONGPASS|NOAUTH|NOPERM|invalid username-password/,
    'The URL needs a user name and a password with permission for these commands and keys: redis://user:password@host. Pass the name of the environment variable that contains it: --redis REDIS_URL.',
  ],
  [/SSL|EPROTO/, 'The server does not speak TLS on that port. Check whether the URL should start with redis://.'],
  [
    /Socket closed|Connection is closed|ECONNRESET/,
    'The server closed the connection. If it expects TLS, the URL starts with rediss://.',
  ],
  [
    /^ *no response/,
    'The server hangs, a firewall blocks the connection, or the server expects no TLS: redis:// instead of rediss://.',
  ],
  [/MOVED|CROSSSLOT/, 'The server is part of a cluster. Pass the URL of the node that the message names.'],
  [/WRONGTYPE/, 'Something else uses this key. Choose another prefix for redisStore.'],
]

module.exports = { keyServerFinding, explainConnectionError, explainRedisError, httpProxyFinding }
