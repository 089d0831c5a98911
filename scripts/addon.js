// Finds the addon in js/native, and checks whether it is older than its sources and whether it is a debug build.

const { existsSync, readdirSync, statSync } = require('node:fs')
const { join } = require('node:path')

const ROOT = join(__dirname, '..')
const NATIVE_FOLDER = join(ROOT, 'js', 'native')
const PLATFORM = `${process.platform}-${process.arch}`

/**
 * The file that marks a debug build: `npm run build:debug` writes it, and `npm run build` removes it. Git and npm
 * ignore the file.
 */
const DEBUG_MARKER = join(NATIVE_FOLDER, '.debug')

/**
 * Returns the path of the addon for this platform. If a platform has several C libraries, the file name includes the
 * library, as in `linux-x64-musl`.
 */
function findAddon() {
  const name = `${require('../package.json').napi.binaryName}.${PLATFORM}`
  const fileName = readdirSync(NATIVE_FOLDER).find((file) => {
    const abi = file.startsWith(name) ? file.slice(name.length) : ''
    return /^(-\w+)?\.node$/.test(abi) && abi.includes('musl') === isMusl()
  })
  return fileName && join(NATIVE_FOLDER, fileName)
}

/** Returns the first source file that is newer than the addon. @param {string} addon */
function newerSource(addon) {
  const builtAt = statSync(addon).mtimeMs
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true }).map((file) => join('src', String(file)))
  return [...sources, 'Cargo.toml', 'Cargo.lock', 'build.rs'].find((path) => {
    const stats = statSync(join(ROOT, path))
    return stats.isFile() && stats.mtimeMs > builtAt
  })
}

/** Returns why the addon must be rebuilt, or undefined if it is up to date. @param {{ allowDebug: boolean }} options */
function rebuildReason({ allowDebug }) {
  const addon = findAddon()
  if (!addon) return `there is no addon for ${PLATFORM}`
  const source = newerSource(addon)
  if (source) return `${source} is newer`
  if (!allowDebug && existsSync(DEBUG_MARKER)) return 'the addon in js/native is a debug build'
  return undefined
}

function isMusl() {
  if (process.platform !== 'linux') return false
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport())
  return report.header.glibcVersionRuntime === undefined
}

module.exports = { DEBUG_MARKER, PLATFORM, ROOT, findAddon, rebuildReason }
