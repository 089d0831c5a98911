// Prepares a clone for development: installs the npm dependencies and builds the addon, unless they are up to date.
//
//     node scripts/setup.js             for `npm test` and `npm run demo`: needs a release build of the addon
//     node scripts/setup.js --unit      for `npm run test:unit`: uses the existing addon and builds nothing

const { spawnSync } = require('node:child_process')
const { existsSync, readFileSync } = require('node:fs')
const { join } = require('node:path')
const { findAddon, rebuildReason } = require('./addon')

function main() {
  process.chdir(join(__dirname, '..'))
  requireVersion('Node', process.versions.node, readJson('package.json').engines.node)

  const installReason = findInstallReason()
  if (installReason) {
    log(`installing the npm dependencies (${installReason})`)
    // If NODE_ENV is `production`, npm skips development dependencies unless `--include=dev` is passed.
    run('npm ci --ignore-scripts --include=dev')
  }

  if (process.argv.includes('--unit')) {
    const reason = rebuildReason({ allowDebug: true })
    if (!findAddon()) fail('there is no addon to test: run `npm run build:debug` first')
    if (reason) log(`the addon may be out of date (${reason}): run \`npm run build:debug\` to test your change`)
    return
  }

  const reason = rebuildReason({ allowDebug: false })
  if (!reason) return
  requireCargo()
  log(`building the addon in release mode (${reason})`)
  run('npm run build', 'Besides Rust, it needs a C compiler.')
}

/**
 * Returns why the npm packages must be installed, or undefined if `node_modules` is up to date. Packages outside the
 * lockfile are ignored.
 */
function findInstallReason() {
  if (!existsSync('node_modules/.package-lock.json')) return 'none are installed'
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
 * Evaluates an npm `os` or `cpu` list, such as `['linux', 'darwin']` or `['!win32']`.
 *
 * @param {string[] | undefined} list
 * @param {string} value
 */
function allows(list, value) {
  if (!list || list.includes(value)) return true
  return list.every((item) => item.startsWith('!')) && !list.includes(`!${value}`)
}

function requireCargo() {
  const minimum = /^rust-version = "(.+)"$/m.exec(readFileSync('Cargo.toml', 'utf8'))?.[1] ?? '0'
  const { error, status, stdout } = spawnSync('cargo', ['--version'], { encoding: 'utf8' })
  if (error || status !== 0) {
    fail(`could not run cargo, which builds the addon: install Rust ${minimum} or later (https://rustup.rs).`)
  }
  requireVersion('Rust', /\d+\.\d+/.exec(stdout)?.[0] ?? '0', minimum)
}

/**
 * @param {string} tool
 * @param {string} installed
 * @param {string} required - may start with `>=`
 */
function requireVersion(tool, installed, required) {
  const minimum = required.replace('>=', '')
  const [major, minor] = installed.split('.').map(Number)
  const [minimumMajor, minimumMinor = 0] = minimum.split('.').map(Number)
  if (major > minimumMajor || (major === minimumMajor && minor >= minimumMinor)) return
  fail(`${tool} ${minimum} or later is required, but ${installed} is installed: update it and try again.`)
}

/**
 * @param {string} command - run by a shell: on Windows, npm is a batch file
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

/** @param {string} message */
function log(message) {
  console.error(`setup: ${message}`)
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  log(message)
  process.exit(1)
}

main()
