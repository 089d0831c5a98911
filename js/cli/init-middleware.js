/** Finds the end of the middleware and plugins that follow the creation of an application. */

const { argumentsOf, findExpressionEnd, findStatementEnd, maskLiterals } = require('./source-scanner')

/**
 * Returns the end of the settings and registrations that follow the creation of an application: middleware from a
 * factory, such as `app.use(cors())`, a function of this file that calls `next()`, or a plugin from a package, such as
 * `app.register(cors)`. A route above this middleware would lack the headers that the middleware sets. Statements that
 * do not refer to the application are skipped. Any other statement ends the search, because it may respond before a
 * route below it is reached.
 *
 * @param {string} text
 * @param {RegExpExecArray} creation - Matches the creation up to the opening parenthesis, and captures the variable.
 * @returns {number | null} `null` if the end of a statement is not certain, if the creation is not a single call, or if
 *   CORS is or may be registered later.
 */
function findMiddlewareEnd(text, creation) {
  const [declaration, app] = creation
  const code = maskLiterals(text)
  let end = findStatementEnd(code, creation.index)
  if (end === null) return null
  const creationStatement = code.slice(creation.index, end).replace(/\)\s*\.basePath\(0*\)/, ')')
  if (argumentsOf(creationStatement, declaration.length) === null) return null
  const appPattern = new RegExp(`\\b${app}\\b`)
  for (let position = end; ; ) {
    const start = position + code.slice(position).search(/\S|$/)
    const statementEnd = findStatementEnd(code, start)
    if (statementEnd === null) return null
    const statement = code.slice(start, statementEnd)
    if (isRegistration(statement, app, { text, code, start })) end = statementEnd
    else if (start === code.length || appPattern.test(statement))
      return hasCors(text, code, end) ||
        (!hasCors(text, code, creation.index, end) && mayRegisterElsewhere(text.slice(end), app))
        ? null
        : end
    position = statementEnd
  }
}

/**
 * @param {string} statement
 * @param {string} app
 * @param {{ text: string, code: string, start: number }} file - `start` is the index of the statement in the text.
 */
function isRegistration(statement, app, { text, code, start }) {
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
  const hasParameters = /^(async )?(function ?\w* ?)?\((\w+(: \w+)?, ){1,2}next(: \w+)?\)/.test(onOneLine)
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
  return !RESPONDER_NAME_PATTERN.test(call) && (!/\b(res|ctx|reply)\b/.test(code) || passesOn(code))
}

const RESPONDER_NAME_PATTERN = /proxy|not_?found|handler|fallback|rout|graphql|trpc|yoga|sirv/i

/** Matches the start of a call that creates middleware which rarely responds. Other names may be those of routes. */
const HARMLESS_NAME_PATTERN =
  /^[\w.]*(?:limit|cors|helmet|logger|morgan|pino|session|pars|compress|cookie|secur|header|i18n|metric)/i

/**
 * Whether a part of the text names CORS, except in comments.
 *
 * @param {string} text
 * @param {string} code
 * @param {number} start
 * @param {number} [end]
 */
const hasCors = (text, code, start, end) =>
  [...text.slice(start, end).matchAll(/cors|cross.?(domain|origin)|access-control/gi)].some(
    ({ index }) => code[start + index] !== ' ',
  )

/**
 * Whether the text may let other code register CORS: by passing the application to a function, or by registering
 * middleware from a list.
 *
 * @param {string} text
 * @param {string} app
 */
function mayRegisterElsewhere(text, app) {
  const passesApp = `^(?!.*(?:rout|createServer|serve|listen|socket))\\w[^\\n]*\\((?:[^()]*, *)?${app}[,)]`
  const registersList = `^(?:for|while)\\b[^{]*(?:\\{\\s*)?${app}\\.(?:use|register)\\(\\w+\\)`
  return new RegExp(`${passesApp}|${registersList}`, 'im').test(text)
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
