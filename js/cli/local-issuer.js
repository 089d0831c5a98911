/**
 * Recognizes the URL of a local issuer, and returns the `logto-authkit dev` command that starts an issuer at this URL.
 */

const native = require('../core/addon')
const { valueOrThrow } = require('../core/errors')
const { DEV_HOSTNAMES, DEV_ISSUER_ENV_VARIABLES, DEV_PAGE } = require('./dev-defaults')
const { get } = require('./http')

const DEFAULT_PORT = Number(new URL(DEV_ISSUER_ENV_VARIABLES.LOGTO_URL).port)
const MAX_PORT = 65_535

/** How long a server on this machine may take to respond, in milliseconds. */
const TIMEOUT_MS = 1000

/**
 * @typedef {{ command: string, page: string, logtoUrl: string }} LocalIssuer - The command that starts the issuer, the
 *   URL of its page, and the `logtoUrl` for which it issues tokens.
 */

/**
 * Returns the issuer that `dev` can start at a URL, or null if `dev` cannot serve the URL.
 *
 * @param {string} logtoUrl
 * @returns {LocalIssuer | null}
 */
function localIssuerAt(logtoUrl) {
  const issuer = String(valueOrThrow(native.issuer(logtoUrl)))
  const { hostname, port, pathname, protocol } = new URL(issuer)
  const number = Number(port)
  // The issuer URL of `logto-authkit dev` always contains the port, even port 80, which Logto omits from its issuer
  // URLs.
  const isUsablePort = number > 0 && number < MAX_PORT
  if (protocol !== 'http:' || !DEV_HOSTNAMES.includes(hostname) || pathname !== '/oidc' || !isUsablePort) return null
  return {
    command: number === DEFAULT_PORT ? 'dev' : `dev --port ${number}`,
    page: `http://127.0.0.1:${number + 1}`,
    logtoUrl: `http://127.0.0.1:${number}`,
  }
}

/**
 * Returns the local issuer (`logto-authkit dev`) that is running at a URL, or that can be started there. Returns null
 * if the server that responds at the URL is not a local issuer but, for example, a self-hosted Logto.
 *
 * @param {string} logtoUrl
 * @returns {Promise<LocalIssuer | null>}
 */
async function findLocalIssuer(logtoUrl) {
  const issuer = localIssuerAt(logtoUrl)
  // The default URL always counts as the local issuer's URL, even while another server uses the port.
  if (issuer === null || logtoUrl === DEV_ISSUER_ENV_VARIABLES.LOGTO_URL) return issuer
  const { isServing, hasPage } = await probe(issuer)
  return !isServing || hasPage ? issuer : null
}

/**
 * Returns the default URL of `dev`, or null if `dev` is not running there.
 *
 * @param {string} [logtoUrl]
 */
async function findRunningIssuer(logtoUrl = DEV_ISSUER_ENV_VARIABLES.LOGTO_URL) {
  const issuer = localIssuerAt(logtoUrl)
  if (issuer === null) return null
  const { isServing, hasPage } = await probe(issuer)
  return isServing && hasPage ? logtoUrl : null
}

/**
 * Returns whether a server responds at the local issuer's URL, and whether the web page of `dev` responds at the page's
 * URL.
 *
 * @param {LocalIssuer} issuer
 */
async function probe({ logtoUrl, page }) {
  const [server, pageServer] = await Promise.all(
    [logtoUrl, page].map((url) => get(new URL(url), { proxy: null, timeout: TIMEOUT_MS }).catch(() => null)),
  )
  return { isServing: server !== null, hasPage: pageServer?.headers.server === DEV_PAGE }
}

module.exports = { findLocalIssuer, findRunningIssuer, localIssuerAt }
