/** Finds the end of the middleware and plugins that follow the creation of an application. */

const {
  argumentsOf,
  findConditionalBody,
  findExpressionEnd,
  findStatementEnd,
  maskLiterals,
  skipWhitespace,
} = require('./source-scanner')

/**
 * Returns the end of the settings and registrations that follow the creation of an application: middleware from a
 * factory, such as `app.use(cors())`, a function of this file that calls `next()`, or a plugin from a package, such as
 * `app.register(cors)`. A route above this middleware would lack the headers that the middleware sets. Statements that
 * do not refer to the application are skipped. Any other statement ends the search, because it may respond before a
 * route below it is reached.
 *
 * @param {string} text
 * @param {RegExpMatchArray & { index: number }} creation - Matches the creation up to the opening parenthesis, and
 *   captures the variable.
 * @returns {{ end: number, reason?: undefined } | { end?: undefined, reason: string }} `reason` says why the end is not
 *   certain.
 */
function findMiddlewareEnd(text, creation) {
  const [declaration, app] = creation
  const code = maskLiterals(text)
  const lineAt = (/** @type {number} */ index) => `line ${text.slice(0, index).split('\n').length}`
  let end = findStatementEnd(code, creation.index)
  const creationStatement = code.slice(creation.index, end ?? undefined).replace(/\)\s*\.basePath\(0*\)/, ')')
  if (end === null || argumentsOf(creationStatement, declaration.length) === null)
    return { reason: `the statement in ${lineAt(creation.index)} does more than create the application` }
  const appPattern = new RegExp(`\\b${app}\\b`)
  for (let position = end; ; ) {
    const start = skipWhitespace(code, position)
    const statementEnd = findStatementEnd(code, start)
    if (statementEnd === null) return { reason: `the end of the statement in ${lineAt(start)} is not clear` }
    const statement = code.slice(start, statementEnd)
    if (
      isRegistration(text, code, { start, end: statementEnd }, app) ||
      precedesCors(statement, app, text.slice(statementEnd))
    )
      end = statementEnd
    else if (start === code.length || appPattern.test(statement)) {
      const cors = findCors(text, code, app, end)
      if (cors !== -1) {
        const responder = cors < statementEnd ? '' : `${lineAt(start)} may respond to requests, and `
        return { reason: `${responder}${lineAt(cors)} names CORS` }
      }
      const other = findOtherRegistration(text, app, end)
      const isDone = findCors(text, code, app, creation.index, end) !== -1
      return other === -1 || isDone ? { end } : { reason: `the code in ${lineAt(other)} may register CORS` }
    }
    position = statementEnd
  }
}

/**
 * Whether a statement registers middleware for all paths above `app.use(cors())`. Such middleware passes requests on,
 * because CORS would have no effect otherwise.
 *
 * @param {string} statement
 * @param {string} app
 * @param {string} rest - The text below the statement.
 */
const precedesCors = (statement, app, rest) =>
  new RegExp(`^${app}\\.use\\((?!0)`).test(statement) &&
  !RESPONDER_NAME_PATTERN.test(statement) &&
  new RegExp(`^${app}\\.use\\(\\s*cors\\(`, 'm').test(rest)

/**
 * Whether a statement only registers settings, middleware and plugins, perhaps on a condition.
 *
 * @param {string} text
 * @param {string} code
 * @param {{ start: number, end: number }} statement
 * @param {string} app
 * @param {number} [depth] - How many `if` statements contain the statement.
 * @returns {boolean}
 */
function isRegistration(text, code, { start, end }, app, depth = 0) {
  const body = findConditionalBody(code, start, end)
  if (body !== null)
    return depth < MAX_DEPTH && areRegistrations(text, code.slice(0, body.end), body.start, app, depth + 1)
  const statement = code.slice(start, end)
  const [call, method] =
    new RegExp(`^(?:await )?${app}\\.(use|set|enable|disable|on|addHook|register)\\(`).exec(statement) ?? []
  const args = call === undefined ? null : argumentsOf(statement, call.length)
  if (call === undefined || args === null) return false
  if (method === 'register') {
    const [, plugin] = /^\s*(\w+|require\(['"][^'"]*['"]\))\s*[,)]/.exec(text.slice(start + call.length)) ?? []
    return plugin !== undefined && isFromPackage(text, plugin)
  }
  const middleware = /^0+$/.test(args[0]) ? args.slice(1) : args
  return method !== 'use' || (middleware.length > 0 && middleware.every((argument) => isMiddleware(argument, code)))
}

const MAX_DEPTH = 3

/** @type {(text: string, code: string, start: number, app: string, depth: number) => boolean} */
function areRegistrations(text, code, start, app, depth) {
  for (let position = start; ; ) {
    position = skipWhitespace(code, position)
    if (position === code.length) return true
    const end = findStatementEnd(code, position)
    if (end === null || !isRegistration(text, code, { start: position, end }, app, depth)) return false
    position = end
  }
}

/**
 * Whether an argument is middleware: a call such as `cors()`, a function that calls `next()`, or the name of either in
 * the same file. The error handlers of Express, which have more parameters, do not count.
 *
 * @param {string} argument
 * @param {string} code
 */
function isMiddleware(argument, code) {
  if (!/^\w+$/.test(argument)) return isMiddlewareFunction(argument) || isMiddlewareCall(argument)
  const definition = definitionOf(argument, code)
  return isMiddlewareFunction(definition) || (isMiddlewareCall(definition) && HARMLESS_NAME_PATTERN.test(definition))
}

/**
 * Returns the function or the value that a name refers to, or an empty string if the file does not define it.
 *
 * @param {string} name
 * @param {string} code
 */
function definitionOf(name, code) {
  const pattern = `^(?:export )?(?:(?:const|let|var) ${name}(?:: [\\w.<>]+)? =\\s*|(?=(?:async )?function ${name}\\())`
  const match = new RegExp(pattern, 'm').exec(code)
  if (match === null) return ''
  const start = match.index + match[0].length
  return code.slice(start, findExpressionEnd(code, start))
}

/** @param {string} code */
function isMiddlewareFunction(code) {
  const onOneLine = code.replace(/\s+/g, ' ').replace(/\( /g, '(').replace(/,? \)/g, ')')
  const hasParameters = /^(async )?(function ?\w* ?)?\((\w+(: [\w.]+)?, ){1,2}next(: [\w.]+)?\)/.test(onOneLine)
  return hasParameters && passesOn(onOneLine)
}

/** Whether code calls `next()` and does not respond to requests. @param {string} code */
const passesOn = (code) => /\bnext\(\)/.test(code) && !RESPONSE_PATTERN.test(code)

/**
 * Matches a response of Express. Koa's middleware often sets a response for errors, but it also calls `next()` first.
 */
const RESPONSE_PATTERN = /\bres(?:ponse)?(?:\.\w+\([^()]*\))*\.(?:send|sendStatus|sendFile|json|end|render|redirect)\(/

/**
 * Whether a call creates middleware. A call whose name or arguments suggest that the middleware responds to requests
 * does not count.
 *
 * @param {string} code
 */
function isMiddlewareCall(code) {
  const [call] = /^[\w.]+\(/.exec(code) ?? []
  if (call === undefined || argumentsOf(code, call.length) === null) return false
  if (/^serveStatic\(\{[^}]{0,200}\bpath\b/.test(code)) return false
  return !RESPONDER_NAME_PATTERN.test(call) && (!/\b(res|ctx|reply)\b/.test(code) || passesOn(code))
}

const RESPONDER_NAME_PATTERN = /proxy|not_?found|handler|fallback|rout|graphql|trpc|yoga|sirv|auth|jwt|bearer|api_?key/i

/** Matches the start of a call that creates middleware which rarely responds. Other names may be those of routes. */
const HARMLESS_NAME_PATTERN =
  /^[\w.]*(?:limit|cors|helmet|logger|morgan|pino|session|pars|compress|cookie|secur|header|i18n|metric)/i

/**
 * Returns the index at which a part of the text names CORS, or -1. Comments do not count, and neither do registrations
 * for another application or router.
 *
 * @param {string} text
 * @param {string} code
 * @param {string} app
 * @param {number} start
 * @param {number} [end]
 */
function findCors(text, code, app, start, end) {
  const names = [...text.slice(start, end).matchAll(/cors|cross.?(domain|origin)|access-control/gi)]
  const isForOther = new RegExp(`^[^\\S\\n]*(?!${app}\\b)\\w+\\.(?:use|register)\\([^\\n]*$`, 'm')
  const found = names.find(
    ({ index }) =>
      code[start + index] !== ' ' &&
      !isForOther.test(text.slice(text.lastIndexOf('\n', start + index) + 1, start + index)),
  )
  return found === undefined ? -1 : start + found.index
}

/**
 * Returns the index of code that may let other code register CORS, or -1. Such code passes the application to a
 * function, or registers middleware from a list.
 *
 * @param {string} text
 * @param {string} app
 * @param {number} start
 */
function findOtherRegistration(text, app, start) {
  const passesApp = `^(?!.*(?:rout|createServer|serve|listen|socket))\\w[^\\n]*\\((?:(?:[^()]*, *)?${app}[,)]|\\{[^{}()]*\\b${app}\\b[^{}()]*\\})`
  const registersList = `^(?:for|while)\\b[^{]{0,300}(?:\\{\\s*)?${app}\\.(?:use|register)\\(\\w+\\)`
  const registersEach = `^.{0,200}\\.forEach\\(.{0,200}\\b${app}\\.use\\(|^${app}\\.use\\(\\.\\.\\.`
  const index = text.slice(start).search(new RegExp(`${passesApp}|${registersList}|${registersEach}`, 'im'))
  return index === -1 ? -1 : start + index
}

/**
 * Whether a plugin comes from a package rather than from a file of the application.
 *
 * @param {string} text
 * @param {string} plugin - The name of a variable, or a `require` call.
 */
function isFromPackage(text, plugin) {
  const packageNamePattern = '[\'"](?![./#~]|@/)'
  if (/^require\(/.test(plugin)) return new RegExp(`^require\\(${packageNamePattern}`).test(plugin)
  const importPattern = `import [^\\n]*\\b${plugin}\\b[^\\n]* from `
  const requireCallPattern = `(?:const|let|var) [^\\n=]*\\b${plugin}\\b[^\\n=]*= require\\(`
  return new RegExp(`^(?:${importPattern}|${requireCallPattern})${packageNamePattern}`, 'm').test(text)
}

module.exports = { findMiddlewareEnd }
