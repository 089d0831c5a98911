/** Configures Next.js to keep the addon out of bundles: see config.d.ts for the contract. */

const { existsSync, readFileSync } = require('node:fs')

const PACKAGE = 'logto-authkit'

/** @param {any} [nextConfig] */
function withLogtoAuth(nextConfig = {}) {
  warnAboutMisplacedProxy()
  warnAboutEdgeMiddleware()
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

/** Warns about a proxy in the root of a project whose pages are in `src`, because Next.js silently ignores it. */
function warnAboutMisplacedProxy() {
  const file = ['proxy.ts', 'proxy.js', 'middleware.ts', 'middleware.js'].find((name) => existsSync(name))
  const folders = ['app', 'pages']
  if (file === undefined || folders.some((folder) => existsSync(folder))) return
  if (!folders.some((folder) => existsSync(`src/${folder}`))) return
  process.emitWarning(`Next.js ignores ${file}: move it to src/${file}, next to the pages`, {
    code: 'LOGTO_AUTHKIT_MISPLACED_PROXY',
  })
}

/** Warns about a `middleware.ts` that runs in the Edge runtime, because the build reports nothing. */
function warnAboutEdgeMiddleware() {
  const names = ['middleware.ts', 'middleware.js', 'src/middleware.ts', 'src/middleware.js']
  const file = names.find((name) => existsSync(name))
  const text = file === undefined ? '' : readFileSync(file, 'utf8')
  if (!/logto-authkit|\bauthProxy\b/.test(text) || /\bruntime\s*[:=]\s*['"]nodejs['"]/.test(text)) return
  process.emitWarning(
    `Next.js runs ${file} in the Edge runtime, where logto-authkit does not run: rename the file to ${file?.replace('middleware', 'proxy')}, or in Next.js 15.5, add runtime: 'nodejs' to its config`,
    { code: 'LOGTO_AUTHKIT_EDGE_MIDDLEWARE' },
  )
}

module.exports = { withLogtoAuth }
