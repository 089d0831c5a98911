// Runs tests and ends with a summary that fits on one screen. The complete report is written to target/test.log.
//
//     npm test                      everything: the JavaScript and Rust tests, in parallel
//     npm run test:unit             __test__/unit and __test__/contract, with the existing addon
//     npm test -- system/tls koa    JavaScript test files whose path contains one of these strings

const { spawn } = require('node:child_process')
const { createWriteStream, mkdirSync, readdirSync } = require('node:fs')
const { availableParallelism } = require('node:os')
const { join } = require('node:path')
const { pipeline } = require('node:stream/promises')
const { run } = require('node:test')
const { spec: Spec } = require('node:test/reporters')
const { Summary, summarizeRust } = require('./test-summary')

const ROOT = join(__dirname, '..')
const LOG_FILE = join(ROOT, 'target', 'test.log')

/**
 * The slowest test files, in descending order of duration. The slowest files start first, so that none of them runs
 * alone at the end.
 */
const SLOWEST_FILES = [
  'system/next-15-webpack.test.js',
  'system/next-16-webpack.test.js',
  'system/next-15-turbopack.test.js',
  'system/next-16-turbopack.test.js',
  'system/browser.test.js',
  'system/leaks.test.js',
  'system/next-dev.test.js',
  'system/security-panic.test.js',
  'system/consumers.test.js',
]

async function main() {
  const args = process.argv.slice(2)
  const patterns = args.filter((arg) => !arg.startsWith('--'))
  const isUnit = args.includes('--unit')
  const files = testFiles().filter((file) => {
    if (isUnit && !/^(unit|contract)\//.test(file)) return false
    return patterns.length === 0 || patterns.some((pattern) => file.includes(pattern))
  })

  const started = Date.now()
  const rust = isUnit || patterns.length > 0 ? undefined : cargoTest()
  const summary = new Summary(join(ROOT, '__test__'))
  await runFiles(files, summary, isUnit)
  console.log(summary.text())
  let { passed, failed, skipped } = summary
  if (rust) {
    if (!rust.isDone) console.log('\nWaiting for the Rust tests …')
    const result = summarizeRust(await rust.result)
    console.log(result.text)
    passed += result.passed
    failed += result.failed
    skipped += result.skipped
  }
  console.log(`\n${Math.round((Date.now() - started) / 1000)} s. The complete report is in target/test.log.`)
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0
}

/** Returns the paths of all test files relative to `__test__`, with the slowest files first. */
function testFiles() {
  const files = readdirSync(join(ROOT, '__test__'), { recursive: true })
    .map((file) => String(file).replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.test.js'))
    .sort()
  const rank = (/** @type {string} */ file) => (SLOWEST_FILES.indexOf(file) + 1 || SLOWEST_FILES.length + 1) - 1
  return files.sort((a, b) => rank(a) - rank(b))
}

/**
 * @param {string[]} files
 * @param {InstanceType<typeof Summary>} summary
 * @param {boolean} isUnit
 */
async function runFiles(files, summary, isUnit) {
  mkdirSync(join(ROOT, 'target'), { recursive: true })
  const paths = files.map((file) => join(ROOT, '__test__', file))
  // The unit tests run in one more process than there are cores, because some tests wait for a timeout.
  const stream = run({ files: paths, concurrency: availableParallelism() + (isUnit ? 1 : 0) })
  stream.on('data', (event) => summary.add(event))
  await pipeline(stream, new Spec(), createWriteStream(LOG_FILE))
}

/** Starts the Rust tests, which run even if JavaScript tests fail. */
function cargoTest() {
  const child = spawn(process.execPath, [join(__dirname, 'cargo-test.js')], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const rust = {
    isDone: false,
    result: new Promise((resolve) => {
      child.once('close', (code) => {
        rust.isDone = true
        resolve({ code, output })
      })
    }),
  }
  return rust
}

main()
