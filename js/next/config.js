/** Configures Next.js to keep the addon out of bundles: see config.d.ts for the contract. */

const PACKAGE = 'logto-authkit'

/** @param {any} [nextConfig] */
function withLogtoAuth(nextConfig = {}) {
  return typeof nextConfig === 'function'
    ? (/** @type {unknown[]} */ ...args) => withExternalPackage(nextConfig(...args))
    : withExternalPackage(nextConfig)
}

/**
 * @param {any} config
 * @returns {any}
 */
function withExternalPackage(config) {
  // Synchronous configurations stay synchronous, since other wrappers may not await them.
  if (typeof config?.then === 'function') return config.then(withExternalPackage)
  // If `serverExternalPackages` is invalid because it is not an array, its value is put into the new array, so that
  // Next.js itself reports the mistake.
  const packages = [config?.serverExternalPackages ?? []].flat()
  return { ...config, serverExternalPackages: packages.includes(PACKAGE) ? packages : [...packages, PACKAGE] }
}

module.exports = { withLogtoAuth }
