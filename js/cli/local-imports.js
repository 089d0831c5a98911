/** Finds the files of a project that a file imports. */

const { posix } = require('node:path')

const EXTENSIONS = ['ts', 'mts', 'js', 'mjs', 'cjs']

/** Matches an import of a relative path, and captures the imported names, if any, and the path. */
const IMPORT_PATTERN =
  /\b(?:import (?!type\b)(?:([^'"=;]{1,500}?)\s*from )?|(?:(?:const|let|var) ([^'"=;]{1,500}?) = )?require\()['"](\.{1,2}\/[^'"\n]*)['"]/g

/**
 * Returns the imports of files of the project. TypeScript projects may import `config.ts` as `./config.js`.
 *
 * @param {(path: string) => string | null} read
 * @param {string} importer - The path of the importing file.
 * @param {string} text - The importing file, without comments.
 * @param {string} [name] - If given, only imports of this name are returned.
 * @returns {{ path: string, index: number }[]}
 */
function localImports(read, importer, text, name) {
  return [...text.matchAll(IMPORT_PATTERN)].flatMap(({ 1: imported, 2: required, 3: specifier, index }) => {
    const names = imported ?? required ?? ''
    if (name !== undefined && !new RegExp(`\\b${name}\\b`).test(names)) return []
    const target = posix.join(posix.dirname(importer), specifier)
    const base = target.replace(/\.[cm]?js$/, '')
    const candidates = [target, ...[base, `${base}/index`].flatMap((name) => EXTENSIONS.map((end) => `${name}.${end}`))]
    const path = candidates.find((candidate) => read(candidate) !== null)
    return path === undefined ? [] : { path, index }
  })
}

module.exports = { localImports }
