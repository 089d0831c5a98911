/** Next.js applications in temporary folders, with `node_modules` as npm or pnpm would install them. */

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const { tmpdir } = require('node:os')
const { basename, dirname, join, relative } = require('node:path')
const { createInterface } = require('node:readline')
const { ROOT, findAddon } = require('../../scripts/addon')
const { freePort } = require('../support/servers')

/** @typedef {{ url: string, output: () => string }} Server */

/** The debug output reads request objects, some of whose accessors throw in Next.js. */
const DEBUG = { NODE_DEBUG: 'logto-authkit' }

/** A folder with an application, and the processes running in it. */
class Application {
  #folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'logto-authkit-next-')))
  #children = []
  #env

  /** Copies `source` and writes `files` over the copy. `isLinked` installs this package as pnpm does. */
  constructor(source, { next, files = {}, env = {}, isLinked = false, packages = [] }) {
    applications.add(this)
    this.folder = join(this.#folder, 'application')
    this.#env = env
    fs.cpSync(source, this.folder, { recursive: true, filter: (path) => !/[\\/](node_modules|\.next)$/.test(path) })
    for (const [path, text] of Object.entries(files)) {
      fs.mkdirSync(dirname(join(this.folder, path)), { recursive: true })
      fs.writeFileSync(join(this.folder, path), text)
    }
    install(join(this.folder, 'node_modules'), next, packages)
    installThis(join(this.folder, 'node_modules'), isLinked)
  }

  async build(args = []) {
    const child = this.#run([NEXT, 'build', ...args], this.folder)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += text))
    const timer = setTimeout(() => kill(child), BUILD_TIMEOUT)
    const [code, signal] = await once(child, 'close')
    clearTimeout(timer)
    if (code === null) throw new Error(`The build was killed by ${signal}:\n${output}`)
    return { code, output }
  }

  async serve(command, args = [], given = undefined) {
    const port = given ?? (await freePort('localhost'))
    return this.#listen([NEXT, command, '-H', 'localhost', '-p', String(port), ...args], this.folder, port)
  }

  /** Serves a copy of `.next/standalone` after moving the folder in which it was built away. */
  async serveStandalone() {
    const elsewhere = join(this.#folder, 'elsewhere')
    fs.cpSync(join(this.folder, '.next/standalone'), elsewhere, { recursive: true, verbatimSymlinks: true })
    fs.cpSync(join(this.folder, '.next/static'), join(elsewhere, '.next/static'), { recursive: true })
    fs.cpSync(join(this.folder, 'public'), join(elsewhere, 'public'), { recursive: true })
    fs.renameSync(this.folder, join(this.#folder, 'away'))
    const port = await freePort('localhost')
    return this.#listen(['server.js'], elsewhere, port, { PORT: String(port), HOSTNAME: 'localhost' })
  }

  async remove() {
    const running = this.#children.filter((child) => child.exitCode === null && child.signalCode === null)
    const closed = running.map((child) => once(child, 'close'))
    for (const child of running) kill(child)
    await Promise.all(closed)
    this.removeNow()
  }

  /** Like `remove`, but synchronous, for use in exit handlers. */
  removeNow() {
    for (const child of this.#children) kill(child)
    fs.rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    applications.delete(this)
  }

  async #listen(args, cwd, port, env) {
    const child = this.#run(args, cwd, env)
    let output = ''
    /** @type {Promise<void>} */
    const ready = new Promise((resolve, reject) => {
      for (const stream of /** @type {import('node:stream').Readable[]} */ ([child.stdout, child.stderr])) {
        createInterface(stream).on('line', (line) => {
          output += `${line}\n`
          if (line.includes('Ready in')) resolve()
        })
      }
      child.on('close', () => reject(new Error(`The server exited:\n${output}`)))
    })
    const timer = setTimeout(() => kill(child), START_TIMEOUT)
    await ready
    clearTimeout(timer)
    return { url: `http://localhost:${port}`, output: () => output }
  }

  #run(args, cwd, env) {
    const { NODE_ENV, NODE_OPTIONS, NODE_TEST_CONTEXT, ...inherited } = process.env
    const all = {
      ...inherited,
      NEXT_TELEMETRY_DISABLED: '1',
      CI: '1',
      ...(args.includes('dev') && DEBUG),
      ...this.#env,
      ...env,
    }
    const child = spawn(process.execPath, args, {
      cwd,
      env: /** @type {any} */ (all),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group, so that the workers of Next.js can be killed with it.
      detached: true,
    })
    this.#children.push(child)
    return child
  }
}

function kill(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // The process has just exited.
  }
}

const applications = new Set()

/** Tests that fail or are interrupted must leave no servers or folders behind. */
const removeAll = () => {
  for (const application of applications) application.removeNow()
}
process.on('exit', removeAll)
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => {
    removeAll()
    process.kill(process.pid, signal)
  })
}

function install(modules, next, packages) {
  const installed = new Set()
  const add = (name, from = join(MODULES, name)) => {
    // Next.js needs `sharp`, which is large, only to resize images.
    if (installed.has(name) || name === 'sharp' || !fs.existsSync(from)) return
    installed.add(name)
    link(from, join(modules, name))
    const nested = packagesIn(join(from, 'node_modules'))
    for (const folder of [from, ...nested]) {
      for (const needed of dependencies(folder)) {
        if (!nested.includes(join(from, 'node_modules', needed))) add(needed)
      }
    }
  }
  add('next', join(MODULES, next === 15 ? 'next-15' : 'next'))
  // Next.js 15 calls the compiler's API, which TypeScript 7 does not have.
  add('typescript', join(MODULES, next === 15 ? 'typescript-6' : 'typescript'))
  const always = ['next-intl', 'react', 'react-dom', '@types/node', '@types/react', '@types/react-dom']
  for (const name of [...always, ...packages]) add(name)
}

/**
 * Installs this package and its platform package. npm puts them side by side. pnpm puts each into its own folder and
 * links it to its dependents, so the application can resolve only this package.
 */
function installThis(modules, isLinked) {
  const addon = findAddon() ?? ''
  const platform = basename(addon).split('.')[1]
  const [own, other] = ['logto-authkit', `logto-authkit-${platform}`].map((name) =>
    join(modules, isLinked ? `.pnpm/${name}@0.0.0/node_modules` : '', name),
  )
  for (const path of ['package.json', 'index.d.ts', 'js']) {
    fs.cpSync(join(ROOT, path), join(own, path), { recursive: true, filter: (file) => !file.endsWith('.node') })
  }
  fs.cpSync(join(ROOT, 'npm', platform), other, { recursive: true })
  fs.copyFileSync(addon, join(other, basename(addon)))
  if (!isLinked) return
  fs.symlinkSync(relative(modules, own), join(modules, 'logto-authkit'))
  fs.symlinkSync(relative(dirname(own), other), join(dirname(own), `logto-authkit-${platform}`))
}

/** Uses hard links, because copying Next.js takes seconds and hundreds of megabytes. */
function link(from, to) {
  fs.mkdirSync(to, { recursive: true })
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) link(source, target)
    else if (entry.isFile()) linkFile(source, target)
  }
}

function linkFile(source, target) {
  try {
    fs.linkSync(source, target)
  } catch {
    // The temporary folder is on another file system.
    fs.copyFileSync(source, target)
  }
}

function packagesIn(folder) {
  if (!fs.existsSync(folder)) return []
  const names = fs.readdirSync(folder).filter((name) => !name.startsWith('.'))
  return names.flatMap((name) => {
    if (!name.startsWith('@')) return [join(folder, name)]
    return fs.readdirSync(join(folder, name)).map((scoped) => join(folder, name, scoped))
  })
}

function dependencies(folder) {
  const manifest = JSON.parse(fs.readFileSync(join(folder, 'package.json'), 'utf8'))
  return Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
}

/** In milliseconds. A build takes half a minute, but much longer on a busy machine. */
const BUILD_TIMEOUT = 900_000
const START_TIMEOUT = 300_000

const MODULES = join(ROOT, 'node_modules')
const NEXT = 'node_modules/next/dist/bin/next'

module.exports = { Application, freePort }
