/** Finds the port on which an application listens. */

const { environmentValue } = require('./init-edit')
const { resolveImport } = require('./local-imports')
const { findExpressionEnd, maskComments, maskLiterals } = require('./source-scanner')

/**
 * @typedef {import('./init-project').Project} Project
 * @typedef {ReturnType<typeof readSource>} Source
 */

/** The port of applications that `init` creates, and the default of Next.js and of `serve` in `@hono/node-server`. */
const DEFAULT_PORT = '3000'

const UNKNOWN_PORT_NOTE = ` (replace ${DEFAULT_PORT} if your application listens on another port)`

const MAX_PORT = 65_535

/** These limits keep `init` fast in bundled code, in which short names have thousands of definitions. */
const MAX_DEPTH = 3
const MAX_DEFINITIONS = 5

/**
 * Returns the port on which the application listens: the value of `PORT` in the command that starts the application or
 * in the environment file, if the application reads this variable or contains no port. Otherwise, returns the port in
 * the source code. Returns `undefined` if the port is not certain.
 *
 * @param {Pick<Project, 'read' | 'startScript' | 'devScript'>} project
 * @param {string[]} files
 * @param {string | null} start - The command, or null if users start the application with their own scripts.
 */
function findPort(project, files, start) {
  /** @type {string[]} */
  const texts = []
  const sources = files.map((path) => readSource(project.read, path, texts))
  const portInSource =
    singlePort(sources.flatMap(portsOfCalls)) ??
    singlePort(
      sources.flatMap(({ text }) => [...text.matchAll(DEFAULT_PORT_PATTERN)].map(([, ...ports]) => ports.join(''))),
    )
  const readsPort = portInSource === undefined || texts.some((text) => ENVIRONMENT_PORT_PATTERN.test(text))
  const portInCommand = start === null ? scriptPort(project) : portIn(start)
  const portInEnvironment = /^['"]?(\d+)/.exec(environmentValue(project.read('.env') ?? '', 'PORT') ?? '')?.[1]
  return firstPort(...(readsPort ? [portInCommand, portInEnvironment] : []), portInSource)
}

/** Matches the default of `PORT`, and the port in the configuration that Bun reads. */
const DEFAULT_PORT_PATTERN =
  /\bPORT['"]?\]?\s*(?:\|\||\?\?)\s*['"]?(\d{4,5})\b|\bexport default \{[^{}]*\bport: (\d{4,5})\b/g

/** Matches code that reads the variable `PORT`, directly or through a schema. */
const ENVIRONMENT_PORT_PATTERN =
  /\benv(?:\.|\??\[['"])PORT\b|['"]PORT['"]|\bPORT: \w+[.(]|\bPORT\b[^{}]*\} = [\w.]*env\b/

/**
 * Reads source code without comments, and the same code with masked literals.
 *
 * @param {Project['read']} read
 * @param {string} path
 * @param {string[]} texts - Collects the text of all files that are read.
 */
function readSource(read, path, texts) {
  const original = read(path) ?? ''
  const text = maskComments(original)
  texts.push(text)
  return { read, path, texts, text, code: maskLiterals(original) }
}

/**
 * Returns the ports that are passed to `listen` and `serve`.
 *
 * @param {Source} source
 */
function portsOfCalls(source) {
  const { text, code } = source
  // Other packages, such as `koa-static`, call their own functions `serve`.
  const serve = text.includes('@hono/node-server') ? '(?<!\\.)\\bserve' : '\\bBun\\.serve'
  const calls = [...code.matchAll(new RegExp(`(?:\\.listen|(${serve}))\\(\\s*`, 'g'))].slice(0, MAX_DEFINITIONS)
  return calls.map(({ 0: call, 1: isServe, index }) => {
    const start = index + call.length
    const argument = code.slice(start, findExpressionEnd(code, start))
    return isServe && hasNoPort(argument.trim(), code) ? DEFAULT_PORT : portAt(source, start)
  })
}

/**
 * Whether the argument of `serve` is an object without a port, or a Hono application.
 *
 * @param {string} argument
 * @param {string} code
 */
const hasNoPort = (argument, code) =>
  argument.startsWith('{')
    ? !/\bport\b|\.\.\./.test(argument)
    : /^\w+$/.test(argument) && new RegExp(`\\b${argument} = new Hono\\b`).test(code)

/**
 * Returns the port in an expression: a number, the default in `process.env.PORT || 3000`, the member `port` of an
 * object, or the port in the definition of a name. An expression with several numbers is not certain.
 *
 * @param {Source} source
 * @param {number} start - The index of the first character of the expression.
 * @param {number} [depth] - How many definitions have led to this expression.
 * @returns {string | undefined}
 */
function portAt(source, start, depth = 0) {
  if (depth > MAX_DEPTH) return undefined
  const end = findExpressionEnd(source.code, start)
  if (source.code[start] === '{') {
    const member = /[{,]\s*port\b\s*(:\s*)?/.exec(source.code.slice(start, end))
    if (member === null) return undefined
    const isShorthand = member[1] === undefined
    return isShorthand
      ? portOfName(source, 'port', depth)
      : portAt(source, start + member.index + member[0].length, depth + 1)
  }
  const expression = source.text.slice(start, end)
  const { port, name } = VALUE_PATTERN.exec(expression)?.groups ?? {}
  if (expression.match(/\b\d{4,5}\b/g)?.some((number) => number !== port)) return undefined
  return port ?? (name === undefined ? undefined : portOfName(source, name, depth))
}

/** Matches an expression that ends with a port or a name: the whole expression, a default, or an argument. */
const VALUE_PATTERN =
  /(?:^|\|\||\?\?|:|\b(?:Number|parseInt|normalizePort|default)\(|['"]PORT['"],)\s*(?:(['"]?)(?<port>80|443|\d{4,5})\1|(?<name>[a-z_]\w*(?:\??\.\w+)*))\s*(?:,\s*10\s*)?\)*(?:\s+as \w+)?\s*$/i

/**
 * Returns the port in the definitions of a name, in the source code or in the file from which it is imported. If they
 * contain different ports, only a definition that reads the variable `PORT` counts.
 *
 * @param {Source} source
 * @param {string} path - A variable such as `port`, or a member such as `config.port`.
 * @param {number} depth
 */
function portOfName(source, path, depth) {
  const [root, ...members] = path.split(/\??\./)
  const name = members.at(-1) ?? root
  const imported = importedSource(source, root)
  const isMember = members.length > 0 && root !== 'this'
  const place = imported ?? source
  const [start, end] = isMember && imported === undefined ? definitionOf(place.code, root) : [0, place.code.length]
  const pattern = new RegExp(
    `(?<!(?<!\\bthis)\\.)\\b${name}(?:: ?[\\w |]*\\w)?\\s*${isMember ? '[:=]' : '='}(?![=>])\\s*`,
    'g',
  )
  const matches = [...place.code.slice(start, end).matchAll(pattern)]
  if (matches.length > MAX_DEFINITIONS) return undefined
  const definitions = matches.map(({ 0: match, index }) => {
    const valueStart = start + index + match.length
    const value = place.text.slice(valueStart, findExpressionEnd(place.code, valueStart))
    return { port: portAt(place, valueStart, depth + 1), readsPort: /\bPORT\b/.test(value) }
  })
  const ports = new Set(definitions.flatMap(({ port }) => port ?? []))
  return definitions.find(({ port, readsPort }) => port !== undefined && (readsPort || ports.size === 1))?.port
}

/** Returns the start and the end of a variable's value. @param {string} code @param {string} name */
function definitionOf(code, name) {
  const match = new RegExp(`\\b(?:const|let|var) ${name}(?:: ?[\\w.<>]+)? = `).exec(code)
  if (match === null) return [0, 0]
  const start = match.index + match[0].length
  return [start, findExpressionEnd(code, start)]
}

/**
 * Returns the file of the project from which a name is imported.
 *
 * @param {Source} source
 * @param {string} name
 */
function importedSource({ read, path, texts, text }, name) {
  const imports = [...text.matchAll(IMPORT_PATTERN)]
  const [, , specifier] = imports.find(([, names]) => new RegExp(`\\b${name}\\b`).test(names)) ?? []
  const file = specifier === undefined ? undefined : resolveImport(read, path, specifier)
  return file === undefined ? undefined : readSource(read, file, texts)
}

/** Matches an import of a relative path, and captures the imported names and the path. */
const IMPORT_PATTERN = /\b(?:import|const|let|var) ([^'"=;]{1,500}?)\s*(?:from |= require\()['"](\.[^'"\n]*)['"]/g

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

/** Returns the port if all candidates are the same. @param {(string | undefined)[]} candidates */
const singlePort = (candidates) => (new Set(candidates).size === 1 ? candidates[0] : undefined)

module.exports = { DEFAULT_PORT, UNKNOWN_PORT_NOTE, findPort, nextJsPort, scriptPort }
