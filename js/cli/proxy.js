/** Describes the proxy that the core uses according to the environment variables. */

const native = require('../core/addon')

/** @typedef {Record<string, string | undefined>} Environment */

/**
 * @param {URL} url
 * @param {Environment} env
 * @returns {{ proxy: URL | null, says: string, wrong?: string, isLoopback?: boolean }} `says` names the proxy, or the
 * reason why the connection uses no proxy.
 */
function proxyFor(url, env) {
  /** @type {Record<string, string>} */
  const set = {}
  for (const [name, value] of Object.entries(env)) if (typeof value === 'string') set[name] = value
  const route = native.proxyRoute(url.href, set)
  if (route.isLoopback) return { proxy: null, says: 'none: loopback connections are direct', isLoopback: true }
  const variable = String(route.variable)
  if (route.isInvalid) return { proxy: null, says: variable, wrong: `${variable} is not the URL of an HTTP proxy` }
  if (route.excludedBy !== null) {
    return { proxy: null, says: `none: ${route.excludedBy} excludes ${url.hostname} from ${variable}` }
  }
  if (route.proxy === null) return { proxy: null, says: 'none' }
  const proxy = new URL(route.proxy)
  // `says` omits the proxy's user name and password.
  return { proxy, says: `${proxy.protocol}//${proxy.host} (${variable})` }
}

module.exports = { proxyFor }
