/** Finds the command that starts an application. */

const { scriptPort } = require('./init-port')
const { resolveImport } = require('./local-imports')

/**
 * @typedef {import('./init-project').Project} Project
 * @typedef {{ start: string | null, file: string | undefined, loadsEnvironment: boolean }} Start - `start` is the
 *   command that starts `file`, or `null` if it is not certain which file starts the application.
 */

/** How each package manager runs an executable. */
const PACKAGE_RUNNERS = { npm: 'npx', pnpm: 'pnpm exec', yarn: 'yarn', bun: 'bunx' }

/** For each framework, a pattern that matches the call that creates the application. */
const APP_CREATION_PATTERNS = {
  express: `(?:express|require\\(['"]express['"]\\))`,
  fastify: `(?:[Ff]astify|require\\(['"]fastify['"]\\))`,
  hono: 'new Hono(?:<[^()\\n]*>)?',
  koa: 'new Koa(?:<[^()\\n]*>)?',
}

/** Folders of compiled files, which may be missing or outdated. */
const BUILD_FOLDER_PATTERN = /(^|[\s/])(dist|build)\//

/**
 * Options of `node`, `nodemon` and similar commands that may be followed by a file other than the application's entry
 * file.
 */
const FILE_OPTION_PATTERN =
  /\s(-r|--require|--import|--loader|--experimental-loader|--watch|--watch-path)[ =](?=\S+\s)\S+/g

/**
 * @param {Project} project
 * @param {string} application - The file that creates the application.
 * @param {string[]} candidates - The files that may start the application.
 * @returns {Start}
 */
function findStartCommand(project, application, candidates) {
  const entryFiles = candidates.filter((path) => startsApplication(project.read(path) ?? '', path, application))
  const file = entryFileOfScripts(project) ?? (entryFiles.length === 1 ? entryFiles[0] : undefined)
  const loadsEnvironment = [file, application].some(
    (path) => path !== undefined && loadsBefore(withLoaders(project, path), path === application ? null : application),
  )
  const script = [project.startScript, project.devScript].find(
    (text) =>
      text !== undefined && isNodeScript(text) && !runsBuiltFile(project, text.replace(/ \.$/, ` ${project.main}`)),
  )
  if (script !== undefined)
    return { start: loadsEnvironment ? script : withEnvironmentFile(script), file, loadsEnvironment }
  if (file === undefined) return { start: null, file, loadsEnvironment }
  const port = scriptPort(project)
  const command = buildStartCommand(project, file, loadsEnvironment)
  return { start: port === undefined ? command : `PORT=${port} ${command}`, file, loadsEnvironment }
}

/**
 * Whether a script runs a build's output, which may be in the same folder as the TypeScript source.
 *
 * @type {(project: Project, script: string) => boolean}
 */
const runsBuiltFile = ({ read }, script) =>
  BUILD_FOLDER_PATTERN.test(script) ||
  (script.match(/[\w./-]+(?=\.[cm]?js\b)/g) ?? []).some((path) => read(`${path.replace(/^\.\//, '')}.ts`) !== null)

/** @param {Project} project @param {string} path */
function buildStartCommand({ packageManager }, path, loadsEnvironment = false) {
  const runner = /\.[cm]?tsx?$/.test(path) ? `${PACKAGE_RUNNERS[packageManager]} tsx` : 'node'
  return `${runner} ${loadsEnvironment ? '' : '--env-file=.env '}${path}`
}

/** Returns the source file that the `start` or `dev` script runs. @param {Project} project */
function entryFileOfScripts({ startScript, devScript, read }) {
  for (const script of [startScript, devScript]) {
    if (script === undefined || !/^(\w+=\S* )*(node|tsx|ts-node|ts-node-dev|nodemon) [^&|;\n]+$/.test(script)) continue
    const file = script
      .replace(FILE_OPTION_PATTERN, '')
      .split(/\s+/)
      .map((word) => word.replace(/^\.\//, ''))
      .find((word) => /\.[cm]?[jt]sx?$|\/[\w-]+$/.test(word) && !BUILD_FOLDER_PATTERN.test(word) && read(word) !== null)
    if (file !== undefined) return file
  }
  return undefined
}

/** Whether a script is a single `node` command, which may follow assignments such as `PORT=4000`. @param {string} script */
const isNodeScript = (script) => /^(\w+=\S* )*node [^&|;\n]+$/.test(script)

/** Makes a `node` or `tsx` command read the environment file, unless it already reads one. @param {string} script */
const withEnvironmentFile = (script) =>
  /--env-file|dotenv\/config/.test(script)
    ? script
    : script.replace(/^((?:cross-env )?(?:\w+=\S* )*(?:node|tsx watch|tsx)) /, '$1 --env-file=.env ')

/**
 * Returns the `start` and `dev` scripts, changed so that they read the environment file. A script is left out if
 * changing it is unnecessary or unsafe. A project without these scripts gets a start script.
 *
 * @param {Project} project
 * @param {Start} started
 * @returns {[name: string, script: string][]}
 */
function scriptsReadingEnvironment({ startScript, devScript }, { start }) {
  const isNew = startScript === undefined && devScript === undefined
  const scripts = Object.entries(isNew ? { start } : { start: startScript, dev: devScript })
  return scripts.flatMap(([name, script]) => {
    // A shell would expand special characters in the printed command.
    if (!script || !/^(cross-env )?(\w+=\S* )*(node|tsx) [^&|;\n]+$/.test(script) || /["$`\\]/.test(script)) return []
    const changedScript = withEnvironmentFile(script)
    return isNew || changedScript !== script ? [[name, changedScript]] : []
  })
}

/**
 * Whether a file creates or imports the application, and also calls `listen` or `serve`.
 *
 * @param {string} text
 * @param {string} path
 * @param {string} application
 */
const startsApplication = (text, path, application) =>
  /\.listen\(|\bserve\(/.test(text) && (path === application || importIndex(text, application) !== -1)

/** Returns the index of the application's import in `text`, or -1. @param {string} text @param {string} application */
function importIndex(text, application) {
  const name = /** @type {string} */ (application.split('/').at(-1)).replace(/\.\w+$/, '')
  return text.search(new RegExp(`['"]\\.{1,2}/(?:[^'"\\n]*/)?${name}(?:\\.[cm]?[jt]s)?['"]`))
}

/** Match a statement that loads `.env`. */
const DOTENV_IMPORT_PATTERN = /(?:\bimport |\brequire\()['"]dotenv\/config['"]/
const LOAD_CALL_PATTERN =
  /(?:\bdotenv|require\(['"]dotenv['"]\))\.config\((?:\{(?![^}]*\bpath\b)[^}]*\})?\)|\bloadEnvFile\((?:['"](?:\.\/)?\.env['"])?\)/

/**
 * Returns a file's text in which each import of a file that loads `.env` is replaced with an import of
 * `dotenv/config`.
 *
 * @param {Pick<Project, 'read'>} project
 * @param {string} path
 */
function withLoaders({ read }, path) {
  return (read(path) ?? '').replace(IMPORT_PATTERN, (statement, keyword, specifier) => {
    const text = withoutComments(read(resolveImport(read, path, specifier) ?? '') ?? '')
    const loads = [DOTENV_IMPORT_PATTERN, LOAD_CALL_PATTERN].some((pattern) => pattern.test(text))
    return loads ? `${keyword === 'require(' ? keyword : 'import '}'dotenv/config'` : statement
  })
}

/** Matches an import, and captures the keyword and a relative specifier. */
const IMPORT_PATTERN = /\b(import [^'"]{0,500}|require\()['"](\.{1,2}\/[^'"\n]*)['"]/g

/** @param {string} source */
const withoutComments = (source) => source.replace(/^\s*\/\/.*$/gm, '')

/**
 * Whether a file loads `.env` before it creates or imports the application.
 *
 * @param {string} source
 * @param {string | null} application - The file that creates the application, or null if `source` does.
 */
function loadsBefore(source, application) {
  const text = withoutComments(source)
  const dotenvImportIndex = text.search(DOTENV_IMPORT_PATTERN)
  const loadCallIndex = text.search(LOAD_CALL_PATTERN)
  if (application === null) {
    const appCreationIndex = text.search(new RegExp(`= (?:${Object.values(APP_CREATION_PATTERNS).join('|')})\\(`))
    const isBeforeAppCreation = (/** @type {number} */ index) =>
      index !== -1 && (appCreationIndex === -1 || index < appCreationIndex)
    return isBeforeAppCreation(dotenvImportIndex) || isBeforeAppCreation(loadCallIndex)
  }
  // The imports of an ES module run before its first statement.
  const isBeforeImport = (/** @type {number} */ index) => index !== -1 && index < importIndex(text, application)
  return isBeforeImport(dotenvImportIndex) || (isBeforeImport(loadCallIndex) && !/^import\b/m.test(text))
}

/**
 * Returns the path that precedes all routes, such as `/api`, or an empty string.
 *
 * @param {string} text
 * @param {string} call - A pattern that matches the code before the path.
 */
function pathPrefix(text, call) {
  const [, prefix = ''] = new RegExp(`${call}\\s*['"\`]/?([\\w./-]*?)/?['"\`]`).exec(text) ?? []
  return prefix === '' ? '' : `/${prefix}`
}

module.exports = {
  APP_CREATION_PATTERNS,
  PACKAGE_RUNNERS,
  buildStartCommand,
  findStartCommand,
  loadsBefore,
  pathPrefix,
  scriptsReadingEnvironment,
}
