/** Finds the files of a project that another file imports. */

const { posix } = require('node:path')

const EXTENSIONS = ['ts', 'mts', 'js', 'mjs', 'cjs']

/**
 * Returns the file that a relative specifier such as `./config` refers to, or `undefined` if the project has no such
 * file. TypeScript projects may import `config.ts` as `./config.js`.
 *
 * @param {(path: string) => string | null} read
 * @param {string} importer - The path of the file that contains the import.
 * @param {string} specifier
 */
function resolveImport(read, importer, specifier) {
  const path = posix.join(posix.dirname(importer), specifier)
  const base = path.replace(/\.[cm]?js$/, '')
  const candidates = [path, ...[base, `${base}/index`].flatMap((name) => EXTENSIONS.map((end) => `${name}.${end}`))]
  return path.startsWith('..') ? undefined : candidates.find((candidate) => read(candidate) !== null)
}

module.exports = { resolveImport }
