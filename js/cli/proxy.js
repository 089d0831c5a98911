/** Determines the proxy from the environment, for display only: the core reads the same variables itself. */

const { BlockList, isIP } = require('node:net')

/** @typedef {Record<string, string | undefined>} Environment */

/**
 * @param {URL} url
 * @param {Environment} env
 * @returns {{ proxy: URL | null, says: string, wrong?: string }} the proxy, and the reason for using it or not using any
 */
function proxyFor(url, env) {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isLoopback(host)) return { proxy: null, says: 'none: loopback connections are direct' }
  const proxyVariable =
    url.protocol === 'https:'
      ? readVariable(env, 'https_proxy', 'all_proxy')
      : readVariable(env, 'http_proxy', 'all_proxy')
  if (proxyVariable === null) return { proxy: null, says: 'none' }
  const excluded = readVariable(env, 'no_proxy')
  if (excluded !== null && isExcluded(host, excluded.value)) {
    return { proxy: null, says: `none: ${excluded.name} excludes ${host} from ${proxyVariable.name}` }
  }
  const proxyUrl = /^\w+:\/\//.test(proxyVariable.value) ? proxyVariable.value : `http://${proxyVariable.value}`
  if (!URL.canParse(proxyUrl))
    return { proxy: null, says: proxyVariable.name, wrong: `${proxyVariable.name} is not a URL` }
  const proxy = new URL(proxyUrl)
  // `says` omits the user name and password.
  return { proxy, says: `${proxy.protocol}//${proxy.host} (${proxyVariable.name})` }
}

/**
 * @param {Environment} env
 * @param {string[]} names - In lowercase, in order of precedence.
 */
function readVariable(env, ...names) {
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
function isExcluded(host, list) {
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
