/** Finds the port on which an application listens. */

const { environmentValue } = require('./init-edit')
const { findExpressionEnd, maskComments, maskLiterals } = require('./source-scanner')

/**
 * @typedef {import('./init-project').Project} Project
 * @typedef {{ text: string, code: string, names: Set<string> }} Source - Source code without comments, the same code
 *   with masked literals, and the names that were already looked up.
 */

/** The port of applications that `init` creates, and the default of Next.js and of `serve` in `@hono/node-server`. */
const DEFAULT_PORT = '3000'

const UNKNOWN_PORT_NOTE = ` (replace ${DEFAULT_PORT} if your application listens on another port)`

const MAX_PORT = 65_535

/**
 * Returns the port on which the application listens: the value of `PORT` in the command that starts the application or
 * in the environment file, unless the application has a fixed port and does not read `PORT`. Otherwise, returns the
 * port in the source code, or `undefined` if the source code contains none.
 *
 * @param {Pick<Project, 'read' | 'startScript' | 'devScript'>} project
 * @param {string[]} files
 * @param {string | null} start - The command, or null if users start the application with their own scripts.
 */
function findPort(project, files, start) {
  const sources = files.map((path) => project.read(path) ?? '')
  const text = sources.map(maskComments).join('\n')
  const portInSource = findPortInSource(text, sources.map(maskLiterals).join('\n'))
  const portInCommand = start === null ? scriptPort(project) : /\bPORT=(\d+) /.exec(start)?.[1]
  const portInEnvironment = /^['"]?(\d+)/.exec(environmentValue(project.read('.env') ?? '', 'PORT') ?? '')?.[1]
  const readsPort = portInSource === undefined || (/\bPORT\b/.test(text) && !FIXED_PORT_PATTERN.test(text))
  return firstPort(...(readsPort ? [portInCommand, portInEnvironment] : []), portInSource)
}

/** Matches a variable `PORT` that does not depend on the environment. */
const FIXED_PORT_PATTERN = /\b(?:const|let|var) PORT\b[^=\n]*= ['"]?\d+['"]?;?$/m

/** @param {string} text @param {string} code */
function findPortInSource(text, code) {
  const calls = [...code.matchAll(/\.listen\(\s*|\bserve\(\s*/g)]
  const ports = calls.map(({ 0: call, index }) => {
    const port = portAt({ text, code, names: new Set() }, index + call.length)
    return port ?? (call.startsWith('serve') ? DEFAULT_PORT : undefined)
  })
  const otherPorts = calls.length === 0 ? PORT_PATTERNS.map((pattern) => pattern.exec(text)?.[1]) : []
  return firstPort(...ports, ...otherPorts)
}

/** Match a port in files that do not call `listen`, with the most reliable pattern first. */
const PORT_PATTERNS = [/\bPORT\s*(?:\|\||\?\?)\s*['"]?(\d{4,5})\b/, /\bport: (\d{4,5})\b/]

/**
 * Returns the port in an expression: the last number, which is the default in `process.env.PORT || 3000`, the member
 * `port` of an object, or the port in the definition of a name.
 *
 * @param {Source} source
 * @param {number} start - The index of the first character of the expression.
 * @returns {string | undefined}
 */
function portAt(source, start) {
  const end = findExpressionEnd(source.code, start)
  if (source.code[start] === '{') {
    const member = /\bport\b\s*(:\s*)?/.exec(source.code.slice(start, end))
    if (member === null) return undefined
    const isShorthand = member[1] === undefined
    return isShorthand ? portOfName(source, 'port') : portAt(source, start + member.index + member[0].length)
  }
  const expression = source.text.slice(start, end)
  const port = expression.match(/(?<![\w.])(?:80|443|\d{4,5})(?![\w.])/g)?.at(-1)
  const paths = expression.match(/[a-z_]\w*(?:\??\.\w+)*/gi) ?? []
  return port ?? firstPort(...paths.map((path) => portOfName(source, path)))
}

/**
 * Returns the port in the definitions of a name, unless they contain different ports.
 *
 * @param {Source} source
 * @param {string} path - A name such as `port`, or a member such as `config.port`.
 */
function portOfName(source, path) {
  const [root, ...members] = path.split(/\??\./)
  const name = members.at(-1) ?? root
  if (source.names.has(name)) return undefined
  source.names.add(name)
  const isDefinedHere =
    root === 'this' || new RegExp(`\\b(?:const|let|var) ${root}\\b(?! = require\\()`).test(source.code)
  if (members.length > 0 && !isDefinedHere) return undefined
  for (const sign of members.length > 0 ? ':=' : '=:') {
    const definitions = source.code.matchAll(new RegExp(`\\b${name}\\b(?:: ?[\\w |]*\\w)?\\s*${sign}(?![=>])\\s*`, 'g'))
    const ports = [...definitions].map(({ 0: match, index }) => portAt(source, index + match.length))
    const [port, ...others] = new Set(ports.filter((each) => each !== undefined))
    if (port !== undefined) return others.length === 0 ? port : undefined
  }
  return undefined
}

/**
 * Returns the value of `PORT` in the `start` script, or in the `dev` script if `start` does not set it.
 *
 * @param {Pick<Project, 'startScript' | 'devScript'>} project
 */
const scriptPort = ({ startScript = '', devScript = '' }) =>
  firstPort(...[startScript, devScript].map((script) => /\bPORT=(\d+)/.exec(script)?.[1]))

/** Returns the port of `next dev`, which does not read `PORT` from `.env` or `.env.local`. @param {Project} project */
const nextJsPort = ({ devScript = '' }) =>
  firstPort(/\bnext\b[^&|;]*?\s(?:-p|--port)[ =]?(\d+)/.exec(devScript)?.[1], /\bPORT=(\d+)/.exec(devScript)?.[1]) ??
  DEFAULT_PORT

/** Returns the first candidate that is a valid port. @param {(string | undefined)[]} candidates */
const firstPort = (...candidates) => candidates.find((port) => Number(port) >= 1 && Number(port) <= MAX_PORT)

module.exports = { DEFAULT_PORT, UNKNOWN_PORT_NOTE, findPort, nextJsPort, scriptPort }
