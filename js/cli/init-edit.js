/** Adds code to existing source files. Each of these functions returns `null` if it cannot tell where the code belongs. */

const { findMiddlewareEnd } = require('./init-middleware')
const { hasMeRoute } = require('./source-files')

/** A source file. Inserted code matches the file's line endings, quotes and semicolons. */
class SourceFile {
  /** @param {string} text */
  constructor(text) {
    this.text = text.replace(/\r\n/g, '\n')
    this.isCrlf = text.includes('\r\n')
    this.isModule = /^(import|export)\b/m.test(this.text) || !/\brequire\(/.test(this.text)
  }

  /** Returns `text` with the file's original line endings. @param {string} text */
  restored(text) {
    return this.isCrlf ? text.replace(/\n/g, '\r\n') : text
  }

  /** Converts code with single quotes and semicolons to the file's style. @param {string} code */
  styled(code) {
    const quotedCode = /from "|require\("/.test(this.text) ? code.replaceAll("'", '"') : code
    return /;$/m.test(this.text) ? quotedCode : quotedCode.replace(/;$/gm, '')
  }

  /** Whether the file already uses a name that the inserted code would declare. @param {string | undefined} name */
  uses(name) {
    return name !== undefined && new RegExp(`\\b${name}\\b`).test(this.text)
  }

  /** Builds an import of named exports. @param {string} names @param {string} from */
  importOf(names, from) {
    return this.styled(
      this.isModule ? `import { ${names} } from '${from}';` : `const { ${names} } = require('${from}');`,
    )
  }
}

/**
 * Adds an import and a route. The route goes below the statements that create the application and register middleware.
 *
 * @param {string} original
 * @param {{ package: string, appCreationPattern: string, declares?: string, route(app: string): string }} framework
 * @returns {{ text: string, reason?: undefined } | { text?: undefined, reason: string }} `reason` says why it is not
 *   certain where the route belongs.
 */
function addRoute(original, framework) {
  const file = new SourceFile(original)
  if (hasMeRoute({ path: '', text: file.text })) return { reason: 'the file contains /me' }
  if (file.uses(framework.declares)) return { reason: `the file uses the name ${framework.declares}` }
  const importMatch = findSingleMatch(
    file.text,
    `^(?:import [^\\n]*|\\} )from ['"]${framework.package}['"];?$|^(?:const|let|var) [^\\n]*= require\\(['"]${framework.package}['"]\\);?$`,
  )
  const creation = findCreation(file.text, `^(?:export )?`, framework)
  if (creation === undefined) {
    const isSeveral = findCreation(file.text, '', framework) === undefined
    return { reason: isSeveral ? 'the file creates several applications' : 'a function creates the application' }
  }
  // With `require('express')()`, there is no separate import statement.
  const isInline = /= require\b/.test(creation[0])
  if (!isInline && (!importMatch || importMatch.index > creation.index))
    return { reason: `the file does not import ${framework.package} in a line of its own` }
  const { end, reason } = findMiddlewareEnd(file.text, creation)
  if (end === undefined) return { reason }
  const importLine = file.importOf('logtoAuth', `logto-authkit/${framework.package}`)
  const importEnd = importMatch && !isInline ? importMatch.index + importMatch[0].length : creation.index
  const route = `\n// Added by logto-authkit init: requires a valid token.\n${framework.route(creation[1])}`
  const text =
    file.text.slice(0, importEnd) +
    (isInline ? `${importLine}\n` : `\n${importLine}`) +
    file.text.slice(importEnd, end) +
    `\n${file.styled(route)}${/^\n./.test(file.text.slice(end)) ? '\n' : ''}` +
    file.text.slice(end)
  return { text: file.restored(text) }
}

/**
 * Finds the statement that creates the application: the only one or, in a file that creates several, the one whose
 * variable is served.
 *
 * @param {string} text
 * @param {string} prefix - Matches the start of the statement.
 * @param {{ appCreationPattern: string }} framework
 */
function findCreation(text, prefix, { appCreationPattern }) {
  const pattern = new RegExp(`${prefix}(?:const|let|var) (\\w+)(?:: \\w+)? = ${appCreationPattern}\\(`, 'gm')
  const creations = [...text.matchAll(pattern)]
  if (creations.length <= 1) return creations[0]
  const served = creations.filter(([, name]) =>
    new RegExp(
      `\\b(?:serve|createServer)\\(${name}\\b|\\bfetch: ${name}\\.|\\b${name}\\.listen\\(|^export default ${name}\\b`,
      'm',
    ).test(text),
  )
  return served.length === 1 ? served[0] : undefined
}

/**
 * Returns the lines that the user must add to a source file, in the style of that file.
 *
 * @param {string} text
 * @param {{ package: string, appCreationPattern: string, route(app: string): string }} framework
 */
function routeLines(text, framework) {
  const { name, file } = describeApplication(text, framework)
  const code = file.styled(`\n${framework.route(name)}\n`)
  return `${file.importOf('logtoAuth', `logto-authkit/${framework.package}`)}\n${code}`
}

/**
 * Returns the name of the variable that contains the application, and the source file that defines this variable.
 *
 * @param {string} text
 * @param {{ appCreationPattern: string }} framework
 */
function describeApplication(text, framework) {
  const [, name = 'app'] = findCreation(text, '', framework) ?? []
  return { name, file: new SourceFile(text) }
}

/**
 * Wraps the exported Next.js configuration in `withLogtoAuth`.
 *
 * @param {string} original
 */
function wrapNextJsConfig(original) {
  const file = new SourceFile(original)
  const exportMatch = findSingleMatch(
    file.text,
    '^(export default |module\\.exports = )([\\w.]+|\\w+\\([^\\n]*\\))(;?)$',
  )
  if (!exportMatch || /^(async|function|class)$/.test(exportMatch[2]) || !isBalanced(exportMatch[2])) return null
  const [whole, keyword, config, semicolon] = exportMatch
  const wrappedConfig = `${keyword}withLogtoAuth(${config})${semicolon}`
  const text = file.text.slice(0, exportMatch.index) + wrappedConfig + file.text.slice(exportMatch.index + whole.length)
  file.isModule = keyword.startsWith('export')
  return file.restored(addImport(text, file.importOf('withLogtoAuth', 'logto-authkit/next/config')))
}

/**
 * Adds `MeController` to a NestJS module.
 *
 * @param {string} original
 */
function addNestController(original) {
  const file = new SourceFile(original)
  const controllers = findSingleMatch(file.text, '^( *controllers: \\[)([\\w, ]*)(\\],?)$')
  if (!controllers || file.uses('MeController')) return null
  const [whole, open, names, close] = controllers
  const line = `${open}${names.trim() === '' ? '' : `${names.trim().replace(/,$/, '')}, `}MeController${close}`
  const text = file.text.slice(0, controllers.index) + line + file.text.slice(controllers.index + whole.length)
  // TypeScript requires the file extension in imports between ES modules.
  const extension = /from ['"]\.\/[^'"\n]*\.js['"]/.test(text) ? '.js' : ''
  return file.restored(addImport(text, file.importOf('MeController', `./me.controller${extension}`)))
}

/** Adds an import below the last import, or at the top of the file. @param {string} text @param {string} statement */
function addImport(text, statement) {
  const last = [...text.matchAll(/^(?:import [^\n]*|\} )from ['"][^'"\n]+['"];?$/gm)].at(-1)
  if (last === undefined) return `${statement}\n\n${text}`
  const end = last.index + last[0].length
  return `${text.slice(0, end)}\n${statement}${text.slice(end)}`
}

/**
 * Returns the match if the pattern matches exactly once, otherwise null.
 *
 * @param {string} text
 * @param {string} pattern
 */
function findSingleMatch(text, pattern) {
  const matches = [...text.matchAll(new RegExp(pattern, 'gm'))]
  return matches.length === 1 ? matches[0] : null
}

/** @param {string} text */
const isBalanced = (text) =>
  !/['"`/]/.test(text) && (text.match(/\(/g) ?? []).length === (text.match(/\)/g) ?? []).length

/**
 * Adds the missing variables to an environment file, and fills in the empty ones.
 *
 * @param {string | null} original
 * @param {Record<string, string>} variables
 */
function addEnvironmentVariables(original, variables) {
  const file = new SourceFile(original ?? '')
  let text = file.text === '' || file.text.endsWith('\n') ? file.text : `${file.text}\n`
  for (const [name, value] of Object.entries(variables)) {
    const existingValue = environmentValue(text, name)
    if (existingValue === undefined) text += `${name}=${value}\n`
    else if (existingValue === '') text = text.replace(variablePattern(name), `$1${value}`)
  }
  return text.trimEnd() === file.text.trimEnd() ? null : file.restored(text)
}

/**
 * Matches a variable in an environment file, and captures the text up to the equals sign, and the value.
 *
 * @param {string} name
 */
const variablePattern = (name) => new RegExp(`^([ \\t]*(?:export[ \\t]+)?${name}[ \\t]*=)[ \\t]*(.*?)[ \\t]*$`, 'm')

/** Returns a variable's value in an environment file. @param {string} text @param {string} name */
const environmentValue = (text, name) =>
  variablePattern(name)
    .exec(text)?.[2]
    .replace(/^(['"])(.*)\1$/, '$2')

/**
 * Rewrites a template for CommonJS.
 *
 * @param {string} code
 */
const toCommonJs = (code) =>
  code
    .replace(/^import (\w+) from (.*)$/gm, 'const $1 = require($2)')
    .replace(/^import (\{.*\}) from (.*)$/gm, 'const $1 = require($2)')

/**
 * Adds semicolons to a template whose statements each take up one line. The templates have none, like the examples in
 * the docs.
 *
 * @param {string} code
 */
const withSemicolons = (code) => code.replace(/^(import .*| +return .*)$/gm, '$1;')

module.exports = {
  SourceFile,
  addNestController,
  addEnvironmentVariables,
  addRoute,
  describeApplication,
  environmentValue,
  routeLines,
  toCommonJs,
  withSemicolons,
  wrapNextJsConfig,
}
