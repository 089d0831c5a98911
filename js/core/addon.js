/** The native core, or an error that says which binary is missing and how to get it. */

/** @returns {typeof import('../native/binding')} */
function load() {
  try {
    return require('../native/binding')
  } catch (error) {
    throw new Error(explain(/** @type {Error} */ (error)), { cause: error })
  }
}

/** @param {Error} error - The generated loader's: each cause is what another place to look in said. */
function explain(error) {
  const platform = platformOf(process)
  if (!PLATFORMS.includes(platform)) {
    return `logto-authkit has no binary for ${platform}. There are binaries for ${PLATFORMS.join(', ')}.`
  }
  const name = `logto-authkit-${platform}`
  if (isInstalled(name)) {
    return `logto-authkit could not load its binary for ${platform}, the package ${name}: ${reasons(error)}`
  }
  const others = PLATFORMS.filter((other) => isInstalled(`logto-authkit-${other}`))
  const why =
    others.length > 0
      ? `what is installed is for ${others.join(', ')}, so node_modules or the lock file came from another system`
      : 'optional dependencies were left out, or the lock file was made on another system'
  return `logto-authkit found no binary for ${platform}: the package ${name} is not installed. Probably ${why}. On this system, remove node_modules and run \`npm install --include=optional\`; if that does not help, remove package-lock.json too.`
}

/**
 * The platform as packages are named after it.
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
function reasons(error) {
  const found = []
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    // That there is no binary next to the loader is no news: there is one in a checkout only.
    if (!cause.message.startsWith("Cannot find module './")) found.push(cause.message.split('\n')[0])
  }
  return found.join('; ') || error.message
}

/** Of which there are packages. */
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

module.exports = load()
