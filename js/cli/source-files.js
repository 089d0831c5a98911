/** Reads the source files of a project, to find out what the application already has. */

const { readdirSync } = require('node:fs')
const { join, posix } = require('node:path')
const { readTextFile } = require('../core/text-file')

/** @typedef {{ path: string, text: string }} SourceText */

/**
 * The folders whose subfolders are searched. The project's root folder is searched as well, but none of its other
 * subfolders.
 */
const SOURCE_FOLDERS = ['src', 'app', 'pages', 'lib', 'routes']
const SOURCE_PATH_PATTERN = /(?<!\.d)\.[cm]?[jt]sx?$/

/** These limits prevent `dev` from starting slowly in a large project. */
const MAX_SOURCE_FILES = 1000
const MAX_FOLDERS = 1000
const MAX_FILE_SIZE = 1024 * 1024

/**
 * @param {string} folder
 * @returns {SourceText[]}
 */
function readSources(folder) {
  return sourcePaths(folder).flatMap((path) => {
    const text = readSource(folder, path)
    return text === null ? [] : [{ path, text }]
  })
}

/**
 * Lists source files, the least nested first. A recursive `readdirSync` would list all of `node_modules` before any
 * limit applies.
 *
 * @param {string} folder
 */
function sourcePaths(folder) {
  /** @type {string[]} */
  const paths = []
  const folders = ['', ...SOURCE_FOLDERS]
  for (const parent of folders) {
    for (const entry of listFolder(join(folder, parent))) {
      const path = posix.join(parent, entry.name)
      if (!entry.isDirectory()) {
        if (SOURCE_PATH_PATTERN.test(path) && paths.push(path) === MAX_SOURCE_FILES) return paths
      } else if (parent !== '' && !/^(\.|node_modules$)/.test(entry.name) && folders.length < MAX_FOLDERS)
        folders.push(path)
    }
  }
  return paths
}

/** @param {string} folder */
function listFolder(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

/** Returns a file's text, or null if the file cannot be read or is too large. @type {(folder: string, path: string) => string | null} */
const readSource = (folder, path) => readTextFile(join(folder, path), MAX_FILE_SIZE)

/** Whether a source file imports this package. @param {SourceText} source */
const usesPackage = ({ text }) => /['"]logto-authkit(\/[\w-]+)*['"]/.test(text)

/**
 * Whether a source file defines the route `/me`: in its code or, in Next.js, by its path.
 *
 * @param {SourceText} source
 */
const hasMeRoute = ({ path, text }) => /['"`]\/?me['"`]/.test(text) || /(^|\/)api\/me(\/route)?\.\w+$/.test(path)

/**
 * Whether a source file handles `GET /orders` (in Koa, by comparing the path) and requires the scope `read:orders`.
 *
 * @param {SourceText} source
 */
const hasOrdersRoute = ({ path, text }) =>
  text.includes('read:orders') &&
  (/(\b[gG]et\(\s*|\.path === )['"`]\/?orders['"`]/.test(text) ||
    (/(^|\/)api\/orders(\/route)?\.\w+$/.test(path) && /\b(GET|default)\b/.test(text)))

const GET_ROUTE_PATTERN = /\.get\(\s*['"`](\/[^'"`:*{]+)['"`]/
/** Matches the arguments that precede `logtoAuth` in a call, including nested calls such as `cors()`. */
const ARGUMENTS_PATTERN = /(?:[^()]|\([^()]*\)){0,500}?/
const PROTECTED_ROUTE_PATTERN = new RegExp(`${GET_ROUTE_PATTERN.source}\\s*,${ARGUMENTS_PATTERN.source}\\blogtoAuth\\(`)
const MIDDLEWARE_PATTERN = new RegExp(
  `\\b(?:use|register)\\(\\s*(?:['"\`]([^'"\`]*)['"\`]\\s*,)?${ARGUMENTS_PATTERN.source}\\blogtoAuth\\b`,
)

/**
 * Returns the path of a GET route that is probably protected: either `logtoAuth()` is one of the route's arguments, or
 * the middleware or plugin `logtoAuth` is registered earlier in the same block. Paths with parameters are ignored.
 *
 * @param {SourceText} source
 * @returns {string | undefined}
 */
function protectedPath({ text }) {
  const code = text.replace(/(^|\s)\/\/.*/gm, '$1')
  const route = PROTECTED_ROUTE_PATTERN.exec(code)
  if (route !== null) return route[1]
  const middleware = MIDDLEWARE_PATTERN.exec(code)
  if (middleware === null) return undefined
  const [indent] = /** @type {RegExpExecArray} */ (
    /^[ \t]*/.exec(code.slice(code.lastIndexOf('\n', middleware.index) + 1))
  )
  const [block] = code.slice(middleware.index).split(new RegExp(`\\n(?!${indent}|\\r?\\n)`))
  const prefix = (middleware[1] ?? '').replace(/\/?\*$/, '')
  const paths = [...block.matchAll(new RegExp(GET_ROUTE_PATTERN, 'g'))].map(([, path]) => path)
  return paths.find((path) => `${path}/`.startsWith(`${prefix}/`))
}

module.exports = { hasMeRoute, hasOrdersRoute, protectedPath, readSource, readSources, usesPackage }
