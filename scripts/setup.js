// Makes a clone ready for `npm run demo` and `npm test`: the npm dependencies, then the addon. What is ready is left alone.

const { spawnSync } = require('node:child_process')
const { existsSync, readdirSync, readFileSync, statSync, utimesSync } = require('node:fs')
const { join } = require('node:path')

function main() {
  process.chdir(join(__dirname, '..'))
  const manifest = readJson('package.json')
  requireVersion('Node', process.versions.node, manifest.engines.node)

  const whyInstall = dependenciesLack()
  if (whyInstall) {
    say(`installing the npm dependencies (${whyInstall})`)
    // Where NODE_ENV is `production`, npm would leave the build's own tools out.
    run('npm ci --include=dev')
  }

  const whyBuild = addonLacks(manifest.napi.binaryName)
  if (whyBuild) {
    requireCargo()
    say(`building the addon in release mode (${whyBuild})`)
    const started = new Date()
    run('npm run build', 'Besides Rust, it needs a C compiler.')
    const addon = findAddon(manifest.napi.binaryName)
    if (!addon) fail(`The build made no addon for ${PLATFORM}: Rust and Node must be of the same platform.`)
    // What was edited during the build is newer than the addon; cargo may have found an older one to be good still.
    utimesSync(addon, started, started)
  }
}

/** Why `node_modules` does not do. Packages that the lock file does not name do no harm. */
function dependenciesLack() {
  if (!existsSync('node_modules/.package-lock.json')) return 'there are none'
  const locked = Object.entries(readJson('package-lock.json').packages).filter(([path]) => path !== '')
  const installed = readJson('node_modules/.package-lock.json').packages
  for (const [path, { version, integrity, optional, os, cpu }] of locked) {
    const found = installed[path]
    if (!found && optional) continue
    if (!found || !existsSync(join(path, 'package.json'))) return `${path} is missing`
    if (found.version !== version || found.integrity !== integrity) return `${path} is not the locked version`
    if (!allows(os, process.platform) || !allows(cpu, process.arch)) return `${path} is for another platform`
  }
}

/**
 * Whether a list of npm's, like `['linux', 'darwin']` or `['!win32']`, allows a value.
 *
 * @param {string[] | undefined} list
 * @param {string} value
 */
function allows(list, value) {
  if (!list || list.includes(value)) return true
  return list.every((item) => item.startsWith('!')) && !list.includes(`!${value}`)
}

/**
 * Why the addon has to be built.
 *
 * @param {string} name
 */
function addonLacks(name) {
  const addon = findAddon(name)
  if (!addon) return `there is none for ${PLATFORM}`
  const built = statSync(addon).mtimeMs
  const newer = inputs().find((path) => statSync(path).mtimeMs > built)
  return newer && `${newer} is newer`
}

/**
 * The addon for this platform; its name ends in an ABI where the platform has several (`linux-x64-gnu`, `linux-x64-musl`).
 *
 * @param {string} name
 */
function findAddon(name) {
  const files = existsSync(NATIVE) ? readdirSync(NATIVE) : []
  const ours = files.filter((file) => {
    const abi = file.startsWith(`${name}.${PLATFORM}`) && file.slice(`${name}.${PLATFORM}`.length)
    return abi && /^(-\w+)?\.node$/.test(abi) && abi.includes('musl') === isMusl()
  })
  return ours.length > 0 ? join(NATIVE, ours[0]) : undefined
}

function isMusl() {
  if (process.platform !== 'linux') return false
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport())
  return report.header.glibcVersionRuntime === undefined
}

function inputs() {
  const sources = readdirSync('src', { recursive: true }).map((file) => join('src', String(file)))
  return [...sources, 'Cargo.toml', 'Cargo.lock', 'build.rs', 'package.json'].filter(
    (path) => existsSync(path) && statSync(path).isFile(),
  )
}

function requireCargo() {
  const wanted = /^rust-version = "(.+)"$/m.exec(readFileSync('Cargo.toml', 'utf8'))?.[1] ?? '0'
  const { error, status, stdout } = spawnSync('cargo', ['--version'], { encoding: 'utf8' })
  if (error || status !== 0) {
    fail(`The addon is built by cargo, which does not run here: install Rust ${wanted} or later (https://rustup.rs).`)
  }
  requireVersion('Rust', /\d+\.\d+/.exec(stdout)?.[0] ?? '0', wanted)
}

/**
 * @param {string} what
 * @param {string} found
 * @param {string} wanted - may start with `>=`
 */
function requireVersion(what, found, wanted) {
  const least = wanted.replace('>=', '')
  const [major, minor] = found.split('.').map(Number)
  const [leastMajor, leastMinor = 0] = least.split('.').map(Number)
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return
  fail(`${what} ${least} or later is needed, this is ${found}: update it and try again.`)
}

/**
 * @param {string} command - through a shell: on Windows, npm is a batch file
 * @param {string} [advice]
 */
function run(command, advice = '') {
  const { status, signal } = spawnSync(command, { shell: true, stdio: 'inherit' })
  if (status !== 0) fail(`\`${command}\` failed (${signal ?? `exit code ${status}`}), see above. ${advice}`)
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** @param {string} what */
function say(what) {
  console.error(`setup: ${what}`)
}

/**
 * @param {string} why
 * @returns {never}
 */
function fail(why) {
  say(why)
  process.exit(1)
}

const NATIVE = join('js', 'native')
const PLATFORM = `${process.platform}-${process.arch}`

main()
