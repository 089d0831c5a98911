/** Finds the end of the middleware and plugins that follow the creation of an application. */

/**
 * Returns the end of the settings and registrations that follow `start`: middleware from a factory, such as
 * `app.use(cors())`, inline middleware that calls `next()`, or a plugin from a package, such as `app.register(cors)`. A
 * route above this middleware would lack the headers that the middleware sets. Declarations such as `const port = 3000`
 * between the registrations are skipped. Any other statement ends the search, because it may respond before a route
 * below it is reached.
 *
 * @param {string} text
 * @param {number} start
 * @param {string} app
 * @returns {number | null} `null` if the end of a registration is not certain, or if CORS is registered later.
 */
function findMiddlewareEnd(text, start, app) {
  const callPattern = new RegExp(
    `^${GAP_PATTERN}${app}\\.(use|set|enable|disable)\\((${ARGUMENTS_PATTERN})\\);?(?=\\n(?!\\s*\\.)|$)`,
  )
  const registerPattern = new RegExp(
    `^${GAP_PATTERN}(?:await )?${app}\\.register\\((?=(\\w+|require\\(['"][^'"]*['"]\\)) *[,)])`,
  )
  let end = start
  for (let position = start; ; ) {
    const remainingText = text.slice(position)
    const declaration = DECLARATION_PATTERN.exec(remainingText)?.[0]
    const callMatch = callPattern.exec(remainingText)
    const registrationMatch = registerPattern.exec(remainingText)
    if (declaration !== undefined && isDeclarationOnly(declaration, app)) position += declaration.length
    else if (callMatch !== null && (callMatch[1] !== 'use' || isMiddleware(callMatch[2])))
      end = position += callMatch[0].length
    else if (registrationMatch === null || !isFromPackage(text, registrationMatch[1]))
      return hasCors(text.slice(end), app) ? null : end
    else {
      const registrationEnd = findStatementEnd(text, position + registrationMatch[0].length)
      if (registrationEnd === null) return null
      end = position = registrationEnd
    }
  }
}

/** Whether an application registers CORS in this text. @type {(text: string, app: string) => boolean} */
const hasCors = (text, app) => new RegExp(`^[ \\t]*(?:await )?${app}\\.(?:use|register)\\([^\\n]*cors`, 'im').test(text)

/** Blank lines and comments between two statements. */
const GAP_PATTERN = '\\n(?:[ \\t]*(?://[^\\n]*)?\\n)*'

/** Arguments on one line, or arguments whose last one ends at the first line that is not indented. */
const ARGUMENTS_PATTERN = '[^\\n]*(?:\\{\\n(?:(?:[ \\t][^\\n]*)?\\n)*\\}\\)*)?'

/**
 * Whether the argument after an optional path is a call such as `cors()`, or a function that calls `next()`. The error
 * handlers of Express have more parameters.
 *
 * @param {string} args
 */
function isMiddleware(args) {
  const middleware = args.replace(/^(['"])[^'"\n]*\1, /, '')
  const isInline = /^(async )?(function ?\w* ?)?\((\w+(: \w+)?, ){1,2}next(: \w+)?\)/.test(middleware)
  return isInline ? /\bnext\(\)/.test(middleware) : CALL_PATTERN.test(middleware)
}

/** Matches a single call, with up to four levels of parentheses in its arguments. */
const CALL_PATTERN = new RegExp(
  `^[\\w.]+\\(${[1, 2, 3, 4].reduce((inner) => `(?:[^()]|\\(${inner}\\))*`, '[^()]*')}\\)$`,
)

/**
 * Matches a declaration on one line, or a declaration that ends at the first line that is not indented, unless the next
 * line continues the declaration.
 */
const DECLARATION_PATTERN = new RegExp(
  `^${GAP_PATTERN}(?:const|let|var) (?:[^\\n]*[([{]\\n(?:(?:[ \\t][^\\n]*)?\\n)*[)\\]}])?[^\\n]*(?=\\n(?!\\s*[.?:&|+])|$)`,
)

/**
 * Whether a declaration is complete and does not refer to the application's variable. A template literal or a block
 * comment may contain the line on which the declaration seems to end.
 *
 * @param {string} text - The declaration, after blank lines and comments.
 * @param {string} app
 */
function isDeclarationOnly(text, app) {
  const declaration = text.replace(new RegExp(`^${GAP_PATTERN}`), '')
  const closesBrackets = ['()', '[]', '{}'].every(
    ([open, close]) => declaration.split(open).length === declaration.split(close).length,
  )
  return (
    closesBrackets && !/\x60|\/\*|[=,?:&|+/]\s*$/.test(declaration) && !new RegExp(`\\b${app}\\b`).test(declaration)
  )
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

/**
 * Returns the end of a statement that ends with a call. `start` is the index after the call's opening parenthesis.
 *
 * @param {string} text
 * @param {number} start
 */
function findStatementEnd(text, start) {
  let depth = 1
  for (const match of text.slice(start).matchAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|[`/]|[()]/g)) {
    // Template literals, comments and regular expressions may contain unbalanced parentheses, so a statement with a
    // backtick or a slash is left unchanged.
    if (match[0] === '`' || match[0] === '/') return null
    if (match[0] === '(') depth += 1
    if (match[0] === ')') depth -= 1
    if (depth > 0) continue
    const end = start + match.index + 1
    const rest = /^;?(?=\n|$)/.exec(text.slice(end))
    // A line that starts with a dot continues the statement.
    return rest && !/^;?\s*\./.test(text.slice(end)) ? end + rest[0].length : null
  }
  return null
}

module.exports = { findMiddlewareEnd, findStatementEnd }
