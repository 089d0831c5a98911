// Builds the addon into js/native, with the loader and types that napi generates. Further arguments go to `napi build`.
//
//     npm run build                 release: with link-time optimization, for publishing and benchmarks
//     npm run build:debug           debug: incremental, takes seconds after a small change; for the unit tests

const { spawnSync } = require('node:child_process')
const { rmSync, utimesSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { DEBUG_MARKER, PLATFORM, ROOT, findAddon } = require('./addon')

const args = process.argv.slice(2).filter((arg) => arg !== '--debug')
const isDebug = process.argv.includes('--debug')
const NAPI = join(dirname(require.resolve('@napi-rs/cli/package.json')), 'dist/cli.js')

const startedAt = new Date()
const outputs = ['--output-dir', 'js/native', '--js', 'binding.js', '--dts', 'binding.d.ts']
const profile = isDebug ? [] : ['--release']
// Arguments after `--` go to cargo.
const { status } = spawnSync(
  process.execPath,
  [NAPI, 'build', '--platform', ...profile, ...outputs, ...args, '--', '--locked'],
  {
    cwd: ROOT,
    stdio: 'inherit',
  },
)
if (status !== 0) process.exit(status ?? 1)

if (isDebug) writeFileSync(DEBUG_MARKER, '')
else rmSync(DEBUG_MARKER, { force: true })

// Sources that were edited during the build must count as newer than the addon, so the addon's modification time is set
// to the start of the build.
const addon = findAddon()
if (addon) utimesSync(addon, startedAt, startedAt)
else if (!args.includes('--target')) {
  console.error(`build: there is no addon for ${PLATFORM} in js/native. Rust and Node must be for the same platform.`)
  process.exit(1)
}
