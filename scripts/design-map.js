/**
 * Writes the map of source files in docs/design.md: for each file, the first sentence of its header comment.
 *
 *     node scripts/design-map.js
 */

const { readFileSync, readdirSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')

const ROOT = join(__dirname, '..')
const DESIGN_PAGE = join(ROOT, 'docs/design.md')

/** The descriptions of folders without a header comment in `mod.rs`. @type {Record<string, string>} */
const FOLDERS = {
  src: 'The core: a Rust crate that can be built and tested without N-API.',
  js: 'The modules that users import: CommonJS without dependencies.',
  'js/adapters': 'Framework adapters and the code that they share.',
  'js/cli': 'The command line.',
  'js/cli/page': 'The web page of `logto-authkit dev`.',
  'js/cli/templates': 'The files that `logto-authkit init` creates.',
  'js/core': 'Turns requests and tokens into an AuthContext. Does not depend on HTTP responses.',
  'js/native': 'Generated: the addon, its loader and its types.',
  'js/next': 'Next.js: Route Handlers, API handlers, proxy and configuration.',
  'js/revocation': 'Revocations: their stores, and the mirror that follows a store.',
  'js/testing': 'The test issuer.',
}
/** The folders whose files the map does not list. */
const COLLAPSED_FOLDERS = ['js/native', 'js/cli/page', 'js/cli/templates']

/** Returns the map as text, with one file or folder per line. */
function designMap() {
  const rows = ['src', 'js'].flatMap((folder) => [[`${folder}/`, FOLDERS[folder]], ...rowsOf(folder, 1)])
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join('')
}

/** @type {(folder: string, depth: number) => string[][]} */
function rowsOf(folder, depth) {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true })
  const isShown = (/** @type {string} */ name) =>
    name !== 'mod.rs' &&
    !name.endsWith('.json') &&
    !(name.endsWith('.d.ts') && entries.some((other) => other.name === name.replace('.d.ts', '.js')))
  return entries
    .filter(({ name }) => isShown(name))
    .sort((a, b) => Number(a.isDirectory()) - Number(b.isDirectory()) || (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const [path, indent] = [`${folder}/${entry.name}`, '  '.repeat(depth)]
      if (entry.isFile()) return [[`${indent}${entry.name}`, firstSentence(path)]]
      const row = [`${indent}${entry.name}/`, FOLDERS[path] ?? firstSentence(`${path}/mod.rs`)]
      return COLLAPSED_FOLDERS.includes(path) ? [row] : [row, ...rowsOf(path, depth + 1)]
    })
}

/** Returns the first sentence of a file's header comment. @param {string} path */
function firstSentence(path) {
  const source = readFileSync(join(ROOT, path), 'utf8').replace(/^(?:(?:#!|'use strict').*\n+)+/, '')
  const [comment] = /^(\/\/[!/]? ?.*\n)+|^\/\*\*[\s\S]*?\*\//.exec(source) ?? []
  if (comment === undefined) throw new Error(`${path} does not begin with a comment that describes it`)
  const lines = comment.replace(/^\/\*\*|\*\/$/g, '').split('\n')
  const words = lines.map((line) => line.replace(/^\s*(\/\/[!/]?|\*)/, '').trim())
  const text = words.join(' ').trim()
  const [sentence] = /^.*?\.(?=\s|$)/.exec(text) ?? [`${text}.`]
  // The first sentence of a public file ends with a reference such as ": see express.d.ts for the contract.", which the
  // map omits.
  return sentence
    .replace(/: see .*$/, '.')
    .replace(/\[(`[^`]+`)\]/g, '$1')
    .replaceAll('`crate::', '`')
}

/** @param {string} page */
const withMap = (page) => page.replace(/^```text\n[\s\S]*?^```$/m, () => `\`\`\`text\n${designMap()}\`\`\``)

if (require.main === module) writeFileSync(DESIGN_PAGE, withMap(readFileSync(DESIGN_PAGE, 'utf8')))

module.exports = { designMap }
