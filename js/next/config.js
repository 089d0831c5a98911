/** What Next.js has to know to leave the addon alone: see next-config.d.ts for the contract. */

const PACKAGE = 'logto-authkit'

/** @param {any} [nextConfig] */
function withLogtoAuth(nextConfig = {}) {
  if (typeof nextConfig !== 'function') return settled(nextConfig)
  /** @param {unknown[]} args */
  return (...args) => settled(nextConfig(...args))
}

/**
 * What is there at once is given at once: other wrappers of configurations may not wait.
 *
 * @param {any} config
 */
const settled = (config) => (typeof config?.then === 'function' ? config.then(external) : external(config))

/** @param {any} config */
function external(config) {
  const packages = config?.serverExternalPackages ?? []
  return { ...config, serverExternalPackages: packages.includes(PACKAGE) ? packages : [...packages, PACKAGE] }
}

module.exports = { withLogtoAuth }
