/** Finds the port on which an application listens. */

const { environmentValue } = require('./init-edit')
const { localImports } = require('./local-imports')
const { findExpressionEnd, maskComments, maskLiterals } = require('./source-scanner')

/**
 * @typedef {import('./init-project').Project} Project
 * @typedef {ReturnType<typeof readSource>} Source
 * @typedef {{ port: string, isCertain: boolean }} Port
 */

/** The port of applications that `init` creates, and the default of Next.js and of `serve` in `@hono/node-server`. */
const DEFAULT_PORT = '3000'

const MAX_PORT = 65_535

/** These limits keep `init` fast in bundled code, in which short names have thousands of definitions. */
const MAX_DEPTH = 3
const MAX_DEFINITIONS = 5

/** @param {Port} port */
const portNote = ({ port, isCertain }) =>
  isCertain ? '' : ` (replace ${port} if your application listens on another port)`

/**
 * Returns the port on which the application listens. The port is certain if the application passes a number or
 * `process.env.PORT` to `listen`, directly or through a constant. Any other port is a guess, because a wrong port could
 * be that of a database.
 *
 * @param {Pick<Project, 'read' | 'startScript' | 'devScript'>} project
 * @param {string[]} files
 * @param {string | null} start - The command, or null if users start the application with their own scripts.
 * @returns {Port}
 */
function findPort(project, files, start) {
  const sources = files.map((path) => readSource(project.read, path))
  const calls = sources.flatMap((source) => listenArguments(source).map((argument) => ({ source, argument })))
  const [value, ...others] = new Set(calls.map(({ source, argument }) => evidentValue(source, argument)))
  const { reads, port } = PORT_VALUE_PATTERN.exec(value ?? '')?.groups ?? {}
  const entry = environmentValue(project.read('.env') ?? '', 'PORT') ?? ''
  const portInEntry = /^['"]?(\d+)/.exec(entry)?.[1]
  const setPort = firstPort(start === null ? scriptPort(project) : portIn(start), portInEntry)
  const evidentPort = firstPort(reads === undefined ? undefined : setPort, port)
  if (others.length === 0 && evidentPort !== undefined) {
    const isClear = () => (entry === '' || portInEntry !== undefined) && !mayBeSetElsewhere(project, sources, start)
    return { port: evidentPort, isCertain: reads === undefined || isClear() }
  }
  const guesses = calls.map(({ source, argument }) => guessAt(source, argument, 0))
  const defaults = sources.map(({ text }) => DEFAULT_PORT_PATTERN.exec(text)?.[1])
  return { port: firstPort(setPort, ...guesses, ...defaults) ?? DEFAULT_PORT, isCertain: false }
}

/**
 * Whether the variable `PORT` may come from a file other than `.env`, or differs between the scripts.
 *
 * @param {Pick<Project, 'read' | 'startScript' | 'devScript'>} project
 * @param {Source[]} sources
 * @param {string | null} start
 */
function mayBeSetElsewhere({ read, startScript, devScript }, sources, start) {
  const imported = sources.flatMap(({ path, text }) => localImports(read, path, text))
  const texts = [...sources.map(({ text }) => text), ...imported.map(({ path }) => maskComments(read(path) ?? ''))]
  const scripts = [startScript, devScript].filter((script) => script !== undefined)
  return (
    [...texts, ...scripts, start ?? ''].some((text) => OTHER_FILE_PATTERN.test(text)) ||
    OTHER_FILES.some((file) => environmentValue(read(file) ?? '', 'PORT')) ||
    new Set(scripts.map(portIn)).size > 1
  )
}

/** Matches code and commands that read variables from a file other than `.env`. */
const OTHER_FILE_PATTERN =
  /--env-file(?:-if-exists)?[= ](?!\.env(?:\s|$))|dotenv_config_path|dotenv-flow|\benvFilePath\b|\bloadEnvFile\(['"](?!(?:\.\/)?\.env['"])|\bconfig\(\{[^}]{0,500}\bpath\b/

const OTHER_FILES = ['.env.local', '.env.development', '.env.development.local']

/** Matches the default of `PORT` in code that does not pass it to `listen` directly. */
const DEFAULT_PORT_PATTERN =
  /(?<![\w.])(?:process\.env\.)?PORT\s*(?:\|\||\?\?)\s*(?:process\.env\.\w+\s*(?:\|\||\?\?)\s*)*['"]?(\d{4,5})\b/

/**
 * Reads source code without comments, and the same code with masked literals.
 *
 * @param {Project['read']} read
 * @param {string} path
 */
function readSource(read, path) {
  const original = read(path) ?? ''
  return { read, path, text: maskComments(original), code: maskLiterals(original) }
}

/**
 * Returns where the arguments start that determine the port: those of `listen` and, with `@hono/node-server`, `serve`.
 *
 * @param {Source} source
 */
function listenArguments({ text, code }) {
  // Other packages, such as `koa-static`, call their own functions `serve`.
  const call = text.includes('@hono/node-server') ? /(?:\.listen|(?<!\.)\bserve)\(\s*/g : /\.listen\(\s*/g
  return [...code.matchAll(call)].map(({ 0: { length }, index }) => index + length).slice(0, MAX_DEFINITIONS)
}

/**
 * Returns the value that an argument evidently has: a port or the variable `PORT`, directly or as a constant.
 *
 * @param {Source} source
 * @param {number} start - The index of the argument.
 * @returns {string | undefined}
 */
function evidentValue(source, start) {
  const { code, text } = source
  const member = portMember(source, start)
  const value = member === null ? '' : valueAt(source, member)
  const isName = /^\w+$/.test(value)
  const isApplication = member === null || (isName && new RegExp(`\\b${value} = new Hono\\b`).test(code))
  if (isApplication) return text.includes('@hono/node-server') ? DEFAULT_PORT : undefined
  if (PORT_VALUE_PATTERN.test(value)) return value
  if (!isName) return undefined
  const definitions = [...code.matchAll(new RegExp(`\\b${value}(?:: \\w+)? *= *(?![=>])`, 'g'))]
  const isParameter = new RegExp(`\\([^()]{0,200}\\b${value}\\b[^()]{0,200}\\)\\s*(?:=>|\\{)`).test(code)
  if (definitions.length !== 1 || isParameter) return undefined
  const [{ 0: match, index }] = definitions
  const constant = valueAt(source, index + match.length)
  return code.slice(0, index).endsWith('const ') && PORT_VALUE_PATTERN.test(constant) ? constant : undefined
}

/**
 * Returns an expression without spaces, quotes, parentheses and conversions to a number.
 *
 * @param {Source} source
 * @param {number} start
 */
const valueAt = (source, start) =>
  expressionAt(source, start).replace(
    /\b(?:Number\.parseInt|parseInt|Number|normalizePort)(?=\()|\bas \w+|, *10(?=\))|^\+|['"()\s!]/g,
    '',
  )

/** Matches a port, or the variable `PORT` with or without a default. */
const PORT_VALUE_PATTERN =
  /^(?<reads>process\.env(?:\.PORT|\[PORT\]))?(?:\|\||\?\?|\?process\.env\.PORT:)?(?<port>80|443|\d{4,5})?$/

/**
 * Returns where the port of an argument starts: the value of the member `port`, or the argument. Returns null if the
 * argument is an object without a port.
 *
 * @param {Source} source
 * @param {number} start
 */
function portMember({ code }, start) {
  if (code[start] !== '{') return start
  const object = code.slice(start, findExpressionEnd(code, start))
  const member = /[{,]\s*(?=port\b)(?:port\s*:\s*)?/.exec(object)
  if (member !== null) return start + member.index + member[0].length
  return object.includes('...') ? start : null
}

/** @param {Source} source @param {number} start */
const expressionAt = ({ code, text }, start) => text.slice(start, findExpressionEnd(code, start)).trim()

/**
 * Guesses the port from an expression: a number at its end, or the definitions of a name at its end, in this file or in
 * the file that exports the name.
 *
 * @param {Source} source
 * @param {number} start
 * @param {number} depth - How many definitions have led to this expression.
 * @returns {string | undefined}
 */
function guessAt(source, start, depth) {
  if (depth > MAX_DEPTH) return undefined
  const { port, name } = VALUE_PATTERN.exec(expressionAt(source, portMember(source, start) ?? start))?.groups ?? {}
  if (port !== undefined || name === undefined) return port
  const [root, ...members] = name.split(/\??\./)
  const { read, path, text } = source
  const [imported] = localImports(read, path, text, root)
  const place = imported === undefined ? source : readSource(read, imported.path)
  const isDefinedHere = root === 'this' || new RegExp(`\\b(?:const|let|var) ${root}\\b`).test(place.code)
  const isKnown = members.length === 0 || imported !== undefined || isDefinedHere
  const pattern = new RegExp(
    `\\b${members.at(-1) ?? root}(?:: ?\\w+)?\\s*${members.length > 0 ? '[:=]' : '='}(?![=>])\\s*`,
    'g',
  )
  const definitions = isKnown ? [...place.code.matchAll(pattern)] : []
  if (definitions.length > MAX_DEFINITIONS) return undefined
  return firstPort(...definitions.map(({ 0: { length }, index }) => guessAt(place, index + length, depth + 1)))
}

/** Matches a port or a name that is the whole expression, a default, or the last argument. */
const VALUE_PATTERN =
  /(?:^|\|\||\?\?|[:(,])\s*(?:(['"]?)(?<port>80|443|\d{4,5})\1|(?<name>[a-z_]\w*(?:\??\.\w+)*))\s*(?:,\s*10\s*)?\)*$/i

/**
 * Returns the value of `PORT` in the `start` script, or in the `dev` script if `start` does not set it.
 *
 * @param {Pick<Project, 'startScript' | 'devScript'>} project
 */
const scriptPort = ({ startScript = '', devScript = '' }) => firstPort(portIn(startScript), portIn(devScript))

/** Returns the value of `PORT` in a command. @param {string} command */
const portIn = (command) => /\bPORT=(\d+)/.exec(command)?.[1]

/**
 * Returns the port of `next dev`, which does not read `PORT` from `.env` or `.env.local`.
 *
 * @param {Pick<Project, 'devScript'>} project
 */
const nextJsPort = ({ devScript = '' }) =>
  firstPort(/\bnext\b[^&|;]*?\s(?:-p|--port)[ =]?(\d+)/.exec(devScript)?.[1], portIn(devScript)) ?? DEFAULT_PORT

/** Returns the first candidate that is a valid port. @param {(string | undefined)[]} candidates */
const firstPort = (...candidates) => candidates.find((port) => Number(port) >= 1 && Number(port) <= MAX_PORT)

module.exports = { findPort, nextJsPort, portNote, scriptPort }
