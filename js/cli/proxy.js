/** Which proxy the environment asks for. The core reads the same variables for itself; this is to tell people. */

const { BlockList, isIP } = require('node:net')

/** @typedef {Record<string, string | undefined>} Environment */

/**
 * @param {URL} url
 * @param {Environment} env
 * @returns {{ proxy: URL | null, says: string, wrong?: string }} the proxy, and why there is one or none
 */
function proxyFor(url, env) {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isLoopback(host)) return { proxy: null, says: 'none: this machine is asked directly' }
  const found = url.protocol === 'https:' ? set(env, 'https_proxy', 'all_proxy') : set(env, 'http_proxy', 'all_proxy')
  if (found === null) return { proxy: null, says: 'none' }
  const spared = set(env, 'no_proxy')
  if (spared !== null && isSpared(host, spared.value)) {
    return { proxy: null, says: `none: ${spared.name} spares ${host} the one in ${found.name}` }
  }
  const address = /^\w+:\/\//.test(found.value) ? found.value : `http://${found.value}`
  if (!URL.canParse(address)) return { proxy: null, says: found.name, wrong: `${found.name} is no address` }
  const proxy = new URL(address)
  // Without user name and password.
  return { proxy, says: `${proxy.protocol}//${proxy.host} (${found.name})` }
}

/**
 * @param {Environment} env
 * @param {string[]} names - In lower case, the first one that is set counts.
 */
function set(env, ...names) {
  for (const name of names.flatMap((lower) => [lower.toUpperCase(), lower])) {
    const value = env[name]?.trim()
    if (value) return { name, value }
  }
  return null
}

/** @param {string} host */
const isLoopback = (host) =>
  host === 'localhost' || host.endsWith('.localhost') || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/**
 * @param {string} host
 * @param {string} list
 */
function isSpared(host, list) {
  return list.split(',').some((entry) => {
    const name = entry
      .trim()
      .toLowerCase()
      .replace(/^\*?\./, '')
    if (name === '') return false
    if (name === '*' || host === name || (isIP(host) === 0 && host.endsWith(`.${name}`))) return true
    const [network, bits] = name.split('/')
    const family = isIP(network)
    if (bits === undefined || family === 0 || isIP(host) !== family) return false
    const networks = new BlockList()
    const type = family === 4 ? 'ipv4' : 'ipv6'
    networks.addSubnet(network, Number(bits), type)
    return networks.check(host, type)
  })
}

module.exports = { proxyFor }
