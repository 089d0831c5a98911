/** Configures Next.js to keep the addon out of bundles: see config.d.ts for the contract. */

const { existsSync, readFileSync } = require('node:fs')

const PACKAGE = 'logto-authkit'

const MIDDLEWARE_FILES = ['middleware.ts', 'middleware.js']
const PROXY_FILES = ['proxy.ts', 'proxy.js', ...MIDDLEWARE_FILES]

/** Returns the first of the files or folders that exists. @param {string[]} names */
const findFile = (names) => names.find((name) => existsSync(name))

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

/** Warns about a proxy that is not next to the pages, because Next.js silently ignores it. */
function warnAboutMisplacedProxy() {
  const pages = findFile(['app', 'pages', 'src/app', 'src/pages'])
  if (pages === undefined) return
  const folder = pages.startsWith('src/') ? 'src/' : ''
  if (findFile(PROXY_FILES.map((name) => folder + name))) return
  const misplaced = ['', 'src/', 'app/', 'src/app/'].flatMap((parent) =>
    PROXY_FILES.map((name) => ({ file: parent + name, name })),
  )
  const found = misplaced.find(({ file }) => existsSync(file))
  if (found === undefined) return
  process.emitWarning(`Next.js ignores ${found.file}: move it to ${folder}${found.name}, next to the folder ${pages}`, {
    code: 'LOGTO_AUTHKIT_MISPLACED_PROXY',
  })
}

/** Warns about a `middleware.ts` that runs in the Edge runtime, because the build reports nothing. */
function warnAboutEdgeMiddleware() {
  const file = findFile([...MIDDLEWARE_FILES, ...MIDDLEWARE_FILES.map((name) => `src/${name}`)])
  if (file === undefined) return
  const text = readFileSync(file, 'utf8')
  if (!/logto-authkit|\bauthProxy\b/.test(text) || /\bruntime\s*[:=]\s*['"]nodejs['"]/.test(text)) return
  process.emitWarning(
    `Next.js runs ${file} in the Edge runtime, where logto-authkit does not run: rename the file to ${file.replace('middleware', 'proxy')}, or in Next.js 15.5, add runtime: 'nodejs' to its config`,
    { code: 'LOGTO_AUTHKIT_EDGE_MIDDLEWARE' },
  )
}

module.exports = { withLogtoAuth }
