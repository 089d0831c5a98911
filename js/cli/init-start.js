/** Finds the command that starts an application. */

const { scriptPort } = require('./init-port')
const { localImports } = require('./local-imports')
const { maskComments } = require('./source-scanner')

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
    (path) => path !== undefined && loadsBefore(project, path, path === application ? null : application),
  )
  const script = [project.startScript, project.devScript].find(
    (text) =>
      text !== undefined && isNodeScript(text) && !runsBuiltFile(project, text.replace(/ \.$/, ` ${project.main}`)),
  )
  if (script !== undefined)
    return { start: loadsEnvironment ? script : withEnvironmentFile(script), file, loadsEnvironment }
  if (file === undefined) return { start: null, file, loadsEnvironment }
  const { packageManager, devScript = '' } = project
  if (
    loadsEnvironment &&
    /\.[cm]?ts$/.test(file) &&
    TYPESCRIPT_RUNNER_PATTERN.test(devScript) &&
    !devScript.includes('PORT=')
  )
    return { start: `${packageManager === 'npm' ? 'npm run' : packageManager} dev`, file, loadsEnvironment }
  const port = scriptPort(project)
  const command = buildStartCommand(project, file, loadsEnvironment)
  return { start: port === undefined ? command : `PORT=${port} ${command}`, file, loadsEnvironment }
}

/** Matches a script that runs TypeScript files without tsx. */
const TYPESCRIPT_RUNNER_PATTERN = /^(?:\w+=\S* )*(?:ts-node|ts-node-dev|nodemon) [^&|;\n]+$/

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

/** Matches a script that reads the environment file. */
const READS_ENVIRONMENT_PATTERN = /--env-file|dotenv\/config/

/**
 * Makes a command read the environment file, unless it already reads one. nodemon and ts-node-dev pass the option to
 * Node.js.
 *
 * @param {string} script
 */
const withEnvironmentFile = (script) =>
  READS_ENVIRONMENT_PATTERN.test(script)
    ? script
    : script.replace(
        /^((?:cross-env )?(?:\w+=\S* )*(?:node|tsx watch|tsx|nodemon|ts-node-dev)) /,
        '$1 --env-file=.env ',
      )

/**
 * Returns the `start` and `dev` scripts, changed so that they read the environment file, and the names of those that
 * cannot be changed safely. A project without these scripts gets a start script.
 *
 * @param {Project} project
 * @param {Start} started
 */
function scriptsReadingEnvironment(project, { start }) {
  const { startScript, devScript } = project
  /** @type {{ changed: [name: string, script: string][], unchanged: string[] }} */
  const scripts = { changed: [], unchanged: [] }
  if (startScript === undefined && devScript === undefined) {
    if (start !== null && isNodeScript(start)) scripts.changed.push(['start', start])
    return scripts
  }
  for (const [name, script = ''] of Object.entries({ start: startScript, dev: devScript })) {
    if (READS_ENVIRONMENT_PATTERN.test(script)) continue
    const changed = withEnvironmentFile(script)
    const isSafe = !UNSAFE_SCRIPT_PATTERN.test(script) && passesOptions(project, script)
    if (changed !== script && isSafe) scripts.changed.push([name, changed])
    else if (/\b(?:node|tsx|nodemon|ts-node)\b/.test(script)) scripts.unchanged.push(name)
  }
  return scripts
}

/**
 * Matches scripts of several commands, characters that a shell would expand in the printed command, and ts-node, which
 * has no option for environment files.
 */
const UNSAFE_SCRIPT_PATTERN = /[&|;\n"$`\\]|\bts-node\b(?!-dev)/

/**
 * Whether a script does not run nodemon, or nodemon runs `node` or `tsx`. Without `--exec`, nodemon runs TypeScript files
 * with ts-node, and its configuration may name any other program, which may have no option for environment files.
 *
 * @param {Pick<Project, 'read'>} project
 * @param {string} script
 */
function passesOptions({ read }, script) {
  if (!/\bnodemon\b/.test(script)) return true
  const isConfigured = read('nodemon.json') !== null || /"nodemonConfig"/.test(read('package.json') ?? '')
  if (isConfigured || /\s--config\b/.test(script)) return false
  return /\s(?:-x|--exec) (?:node|tsx) \S+$/.test(script) || !/\s(?:-x|--exec)\b|\.[cm]?ts\b/.test(script)
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

/** Matches an import that loads `.env`. */
const DOTENV_IMPORT_PATTERN = /(?:\bimport |\brequire\()['"]dotenv\/config['"]/

/** Matches a call that loads `.env`. */
const LOAD_CALL_PATTERN =
  /(?:\bdotenv|require\(['"]dotenv['"]\))\.config\((?:\{(?![^}]{0,500}\bpath\b)[^}]{0,500}\})?\)|\bloadEnvFile\((?:['"](?:\.\/)?\.env['"])?\)/

/** Matches a call that loads `.env` and always runs. */
const TOP_LEVEL_LOAD_CALL_PATTERN = new RegExp(`^(?:\\w+ )*(?:${LOAD_CALL_PATTERN.source})`, 'm')

/**
 * Whether a file loads `.env` before it creates or imports the application.
 *
 * @param {Pick<Project, 'read'>} project
 * @param {string} path
 * @param {string | null} application - The file that creates the application, or null if it is this file.
 */
function loadsBefore({ read }, path, application) {
  const text = maskComments(read(path) ?? '')
  const loadingImports = localImports(read, path, text).filter((imported) => {
    const importedText = maskComments(read(imported.path) ?? '')
    return DOTENV_IMPORT_PATTERN.test(importedText) || TOP_LEVEL_LOAD_CALL_PATTERN.test(importedText)
  })
  const imports = [text.search(DOTENV_IMPORT_PATTERN), ...loadingImports.map(({ index }) => index)]
  const call = text.search(LOAD_CALL_PATTERN)
  if (application === null) {
    const appCreationIndex = text.search(new RegExp(`= (?:${Object.values(APP_CREATION_PATTERNS).join('|')})\\(`))
    const isBeforeAppCreation = (/** @type {number} */ index) =>
      index !== -1 && (appCreationIndex === -1 || index < appCreationIndex)
    return [...imports, call].some(isBeforeAppCreation)
  }
  // The imports of an ES module run before its first statement.
  const isBeforeImport = (/** @type {number} */ index) => index !== -1 && index < importIndex(text, application)
  return imports.some(isBeforeImport) || (isBeforeImport(call) && !/^import\b/m.test(text))
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
