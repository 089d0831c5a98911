/** Loads the native core, or throws an error that says which binary is missing and how to install it. */

/** @returns {typeof import('../native/binding')} */
function loadAddon() {
  try {
    return require('../native/binding')
  } catch (error) {
    const loadError = /** @type {Error} */ (error)
    // In a bundle, the loader's error would be misleading as the cause, because it recommends reinstalling the
    // packages.
    throw new Error(describeLoadError(loadError), isBundled(loadError) ? {} : { cause: error })
  }
}

/**
 * @param {Error} error - The generated loader's error, whose chain of causes has one error per location that it tried.
 */
function describeLoadError(error) {
  const platform = platformOf(process)
  if (!PLATFORMS.includes(platform)) {
    return `logto-authkit has no binary for ${platform}. There are binaries for ${PLATFORMS.join(', ')}.`
  }
  const name = `logto-authkit-${platform}`
  if (isBundled(error)) {
    return `logto-authkit found no binary, because a bundler has included it in its output. In Next.js, wrap the configuration: \`export default withLogtoAuth(nextConfig)\`, with \`withLogtoAuth\` from 'logto-authkit/next/config', and add logto-authkit to the dependencies of the application itself. For other bundlers, mark logto-authkit and ${name} as external.`
  }
  if (isInstalled(name)) {
    return `logto-authkit could not load its binary for ${platform}, the package ${name}: ${describeLoadFailures(error)}`
  }
  const installed = PLATFORMS.filter((other) => isInstalled(`logto-authkit-${other}`))
  const likelyCause =
    installed.length > 0
      ? `the installed binary is for ${installed.join(', ')}, so node_modules or the lockfile came from another system`
      : 'optional dependencies were not installed, or the lockfile was created on another system'
  return `logto-authkit found no binary for ${platform}: the package ${name} is not installed. Probably ${likelyCause}. On this system, remove node_modules and run \`npm install --include=optional\`; if that does not help, remove package-lock.json too.`
}

/**
 * Returns whether this module runs inside the output of a bundler, where `require` finds neither the binary nor the
 * platform's package. Turbopack keeps the name of this file, but the error messages from its `require` differ from
 * Node's.
 *
 * @param {Error} error
 */
const isBundled = (error) =>
  !/[\\/]js[\\/]core[\\/]addon\.js$/.test(__filename) || /too dynamic|into a module/.test(describeLoadFailures(error))

/**
 * Returns the name of a platform as it appears in package names.
 *
 * @param {NodeJS.Process} process
 */
function platformOf({ platform, arch, report }) {
  if (platform === 'win32') return `${platform}-${arch}-msvc`
  if (platform !== 'linux') return `${platform}-${arch}`
  const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (report.getReport())
  return `${platform}-${arch}-${header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`
}

/** @param {string} name */
function isInstalled(name) {
  try {
    require.resolve(`${name}/package.json`)
    return true
  } catch {
    return false
  }
}

/** @param {Error} error */
function describeLoadFailures(error) {
  const messages = []
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    // The error about the binary next to the loader is skipped, because only a checkout of the repository contains that
    // binary.
    if (!cause.message.startsWith("Cannot find module './")) messages.push(cause.message.split('\n')[0])
  }
  return messages.join('; ') || error.message
}

/** The platforms for which a binary package exists. */
const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
]

module.exports = loadAddon()
