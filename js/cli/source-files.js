/** Reads the source files of a project, to find out what the application already has. */

const { readFileSync, readdirSync, statSync } = require('node:fs')
const { join } = require('node:path')

/** @typedef {{ path: string, text: string }} SourceText */

/** The folders whose subfolders are searched. In the project's folder itself, only the files are read. */
const SOURCE_FOLDERS = ['src', 'app', 'pages', 'lib', 'routes']
const SOURCE_PATH = /(?<!\.d)\.[cm]?[jt]sx?$/

/** Prevents `dev` from starting slowly in a large project. */
const MAX_SOURCE_FILES = 1000

/**
 * @param {string} folder
 * @returns {SourceText[]}
 */
function readSources(folder) {
  const paths = [
    ...pathsIn(folder, false),
    ...SOURCE_FOLDERS.flatMap((name) => pathsIn(join(folder, name), true).map((path) => `${name}/${path}`)),
  ]
  return paths
    .filter((path) => SOURCE_PATH.test(path) && !path.includes('node_modules/'))
    .slice(0, MAX_SOURCE_FILES)
    .flatMap((path) => {
      const text = readText(join(folder, path))
      return text === null ? [] : [{ path, text }]
    })
}

/** @param {string} folder @param {boolean} recursive */
function pathsIn(folder, recursive) {
  try {
    return readdirSync(folder, { recursive }).map((path) => String(path).replaceAll('\\', '/'))
  } catch {
    return []
  }
}

/** Returns a file's text, or null if the path is not a readable file. @param {string} path */
function readText(path) {
  try {
    // Reading a named pipe would block.
    return statSync(path).isFile() ? readFileSync(path, 'utf8') : null
  } catch {
    return null
  }
}

/** Whether a source file imports this package. @param {SourceText} source */
const usesPackage = ({ text }) => /['"]logto-authkit(\/[\w-]+)*['"]/.test(text)

/** Whether a source file has a route `/me`, in its text or, in Next.js, in its path. @param {SourceText} source */
const hasMeRoute = ({ path, text }) => /['"`]\/?me['"`]/.test(text) || /(^|\/)api\/me(\/route)?\.\w+$/.test(path)

/** Whether a source file has a GET route `/orders` that requires the scope `read:orders`. @param {SourceText} source */
const hasOrdersRoute = ({ path, text }) =>
  text.includes('read:orders') &&
  (/\b[gG]et\(\s*['"`]\/?orders['"`]/.test(text) ||
    (/(^|\/)api\/orders(\/route)?\.\w+$/.test(path) && /\b(GET|default)\b/.test(text)))

/**
 * Returns the path of a GET route that is probably protected, because it is registered in or below the statement that
 * calls `logtoAuth`. Paths with parameters are ignored.
 *
 * @param {SourceText} source
 */
function protectedPath({ text }) {
  const call = text.search(/\blogtoAuth\(/)
  const paths = [
    ...text.slice(call === -1 ? 0 : text.lastIndexOf('\n', call)).matchAll(/\.get\(\s*['"`](\/[^'"`:*{]+)['"`]/g),
  ]
  return paths[0]?.[1]
}

module.exports = { hasMeRoute, hasOrdersRoute, protectedPath, readSources, readText, usesPackage }
