/** Detects a project's framework, language, module system and package manager. */

const { existsSync, readFileSync, statSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const { UsageError } = require('./arguments')
const { parseJsonObject } = require('./http')
const { environmentValue } = require('./init-edit')

/**
 * @typedef {'express' | 'fastify' | 'hono' | 'koa' | 'nestjs' | 'next'} Framework
 * @typedef {'npm' | 'pnpm' | 'yarn' | 'bun'} PackageManager
 * @typedef {{
 *   folder: string,
 *   framework: Framework,
 *   environment: '.env' | '.env.local',
 *   environmentFiles: string[],
 *   router: 'app' | 'pages',
 *   source: '' | 'src/',
 *   isTypeScript: boolean,
 *   isModule: boolean,
 *   hasAlias: boolean,
 *   packageManager: PackageManager,
 *   scripts: string[],
 *   startScript: string | undefined,
 *   devScript: string | undefined,
 *   isIgnored: boolean,
 *   main: string | undefined,
 *   missing: string[],
 *   hasTsx: boolean,
 *   read(path: string): string | null,
 * }} Project
 */

/**
 * The packages that the created files import, by framework. A project uses a framework if it depends on the first
 * package in the framework's list.
 */
const PACKAGES = /** @type {const} */ ({
  next: ['next'],
  nestjs: ['@nestjs/core'],
  express: ['express'],
  fastify: ['fastify'],
  hono: ['hono', '@hono/node-server'],
  koa: ['koa'],
})
const FRAMEWORKS = /** @type {Framework[]} */ (Object.keys(PACKAGES))

/** @type {[string, PackageManager][]} */
const MANAGERS_BY_LOCK_FILE = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
  ['package-lock.json', 'npm'],
]

/** The files that `next dev` reads. The first file that sets a variable has precedence. */
const NEXT_JS_ENVIRONMENT_FILES = ['.env.development.local', '.env.local', '.env.development', '.env']

/**
 * @param {string} folder
 * @param {string | undefined} requested - The name of the framework, if the user chose one.
 * @param {Record<string, string | undefined>} env
 * @returns {Project}
 */
function readProject(folder, requested, env) {
  const read = (/** @type {string} */ path) => readFile(join(folder, path))
  const manifest = readManifest(read('package.json'), folder)
  const scripts = manifest.scripts ?? {}
  const installed = { ...manifest.devDependencies, ...manifest.dependencies }
  const framework = selectFramework(requested, installed, manifest)

  const has = (/** @type {string} */ path) => existsSync(join(folder, path))
  const source = has('src') && !has('app') && !has('pages') ? 'src/' : ''
  const environment = framework === 'next' ? '.env.local' : '.env'
  const aliases = read('tsconfig.json') ?? read('jsconfig.json') ?? ''
  return {
    folder,
    framework,
    environment,
    environmentFiles: framework === 'next' ? NEXT_JS_ENVIRONMENT_FILES : [environment],
    router: !has(`${source}app`) && has(`${source}pages`) ? 'pages' : 'app',
    source,
    isTypeScript: has('tsconfig.json') || 'typescript' in installed || framework === 'nestjs',
    isModule: manifest.type === 'module',
    hasAlias: aliases.includes('"@/*"'),
    packageManager: packageManagerOf(manifest, has, env),
    scripts: Object.values(scripts),
    startScript: scripts.start,
    devScript: scripts.dev,
    isIgnored: isIgnored(folder, environment),
    main: manifest.main,
    missing: ['logto-authkit', ...PACKAGES[framework]].filter((name) => !(name in installed)),
    hasTsx: 'tsx' in installed,
    read,
  }
}

/**
 * Finds the environment file that sets a variable to a value.
 *
 * @param {Pick<Project, 'environmentFiles' | 'read'>} project
 * @param {string} name
 */
function findVariable({ environmentFiles, read }, name) {
  const values = environmentFiles.map((file) => ({ file, value: environmentValue(read(file) ?? '', name) }))
  return values.find(({ value }) => value)
}

/**
 * Returns a file's text, or null if the path does not exist or is not a file, such as a `main` that is a folder.
 *
 * @param {string} path
 */
function readFile(path) {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, 'utf8') : null
  } catch (error) {
    const { message } = /** @type {Error} */ (error)
    throw new UsageError(`init cannot read a file: ${message}. Correct or remove the file, and run init again`)
  }
}

/**
 * Whether Git ignores a file in the project, according to the .gitignore files up to the repository's root.
 *
 * @param {string} folder
 * @param {string} name
 * @param {boolean} [isParent] - Whether the file is in a subfolder of `folder`.
 * @returns {boolean}
 */
function isIgnored(folder, name, isParent = false) {
  const patterns = readFile(join(folder, '.gitignore'))?.split('\n') ?? []
  const lastMatch = patterns.findLast((line) => {
    // A pattern with a leading slash applies only to files in the folder of the .gitignore.
    if (isParent && /^!?\//.test(line.trim())) return false
    const pattern = line.trim().replace(/^!?(\*\*\/|\/)?/, '')
    return new RegExp(`^${pattern.replace(/[^\w*]/g, '\\$&').replace(/\*+/g, '.*')}$`).test(name)
  })
  if (lastMatch !== undefined) return !lastMatch.startsWith('!')
  const parent = dirname(folder)
  return !existsSync(join(folder, '.git')) && parent !== folder && isIgnored(parent, name, true)
}

/**
 * @param {string | null} text
 * @param {string} folder
 */
function readManifest(text, folder) {
  if (text === null)
    throw new UsageError(
      `No package.json in ${resolve(folder)}: run init in the folder of your project, or create one with: npm init -y`,
    )
  const manifest = parseJsonObject(text.replace(/^\uFEFF/, ''))
  if (manifest === null) throw new UsageError('package.json is not valid JSON')
  const scripts = Object.entries(manifest.scripts ?? {}).map(([name, script]) => [`scripts.${name}`, script])
  for (const [name, value] of [['main', manifest.main ?? ''], ...scripts])
    if (typeof value !== 'string' || value.includes('\0'))
      throw new UsageError(`In package.json, "${name}" must be a string without null characters: correct it`)
  return manifest
}

/**
 * @param {string | undefined} requested
 * @param {object} installed
 * @param {{ workspaces?: unknown }} manifest
 * @returns {Framework}
 */
function selectFramework(requested, installed, manifest) {
  const requestedFramework = FRAMEWORKS.find((framework) => framework === requested)
  if (requestedFramework) return requestedFramework
  if (requested !== undefined) throw new UsageError(`--framework takes one of ${FRAMEWORKS.join(', ')}`)
  const found = FRAMEWORKS.filter((framework) => PACKAGES[framework][0] in installed)
  // A NestJS project may also depend on Express or Fastify, because NestJS runs on them.
  const candidates = found.includes('nestjs') ? found.filter((name) => name === 'nestjs' || name === 'next') : found
  if (candidates.length === 1) return candidates[0]
  if (candidates.length > 1)
    throw new UsageError(`Several frameworks found: choose one with --framework ${candidates.join('|')}`)
  const monorepoHint = manifest.workspaces ? ' In a monorepo, run init in the folder of the workspace.' : ''
  throw new UsageError(
    `No supported framework in package.json: install one of ${FRAMEWORKS.map((framework) => PACKAGES[framework][0]).join(', ')}, or choose one with --framework.${monorepoHint} For a server without a framework, see node_modules/logto-authkit/docs/http.md.`,
  )
}

/**
 * @param {{ packageManager?: unknown }} manifest
 * @param {(path: string) => boolean} has
 * @param {Record<string, string | undefined>} env
 * @returns {PackageManager}
 */
function packageManagerOf({ packageManager }, has, { npm_config_user_agent: userAgent = '' }) {
  const [, declaredManager] =
    /^(npm|pnpm|yarn|bun)@/.exec(typeof packageManager === 'string' ? packageManager : '') ?? []
  const managerFromLockFile = MANAGERS_BY_LOCK_FILE.find(([file]) => has(file))?.[1]
  const [, runningManager] = /^(npm|pnpm|yarn|bun)\//.exec(userAgent) ?? []
  return /** @type {PackageManager} */ (declaredManager ?? managerFromLockFile ?? runningManager ?? 'npm')
}

module.exports = { FRAMEWORKS, findVariable, readProject }
