/** Reads the imports of the Rust and JavaScript sources. */

const assert = require('node:assert/strict')
const { existsSync, readFileSync, readdirSync } = require('node:fs')
const { join, posix } = require('node:path')

const ROOT = join(__dirname, '../..')

/**
 * @typedef {object} Module
 * @property {string} path
 * @property {string} code - Without comments and, in Rust, without tests.
 * @property {string[]} imports - Paths of modules of this repository.
 * @property {string[]} packages - Names of crates or npm packages.
 */

const read = (path) => readFileSync(join(ROOT, path), 'utf8')

const filesIn = (folder, pattern) =>
  readdirSync(join(ROOT, folder), { recursive: true })
    .map((name) => `${folder}/${String(name).replaceAll('\\', '/')}`)
    .filter((path) => pattern.test(path) && !/\/(node_modules|target|\.next)\//.test(path))
    .sort()

function rustModules() {
  const files = filesIn('src', /\.rs$/)
  const sources = files.map((path) => ({
    path,
    name: moduleName(path),
    code: withoutComments(withoutTests(read(path))),
  }))
  /** Files by module path, such as `jwks::state`. */
  const byName = new Map(sources.map(({ path, name }) => [name.join('::'), path]))
  /** Where a name that a module re-exports is defined: `options::Raw` is `options::raw::Raw`. */
  const reexports = new Map(
    sources.flatMap(({ name, code }) =>
      rustPaths(code, name, byName, /\bpub use\s+([^;]+);/g).map((path) => [[...name, last(path)].join('::'), path]),
    ),
  )
  return sources.map(({ path, name, code }) => {
    // A module that only re-exports from its submodules does not depend on them.
    const paths = rustPaths(code.replaceAll(/\bpub use\s+[^;]+;/g, ''), name, byName)
    const imports = paths.map((imported) => {
      const parts = (reexports.get(imported) ?? imported).split('::')
      while (parts.length > 0 && !byName.has(parts.join('::'))) parts.pop()
      return byName.get(parts.join('::')) ?? 'src/lib.rs'
    })
    return {
      path,
      code,
      imports: [...new Set(imports)].filter((imported) => imported !== path),
      packages: crates(code),
    }
  })
}

const last = (path) => path.split('::').at(-1) ?? ''

/** The path of a file's module: `src/jwks/state.rs` is `['jwks', 'state']`. */
function moduleName(path) {
  return path
    .replace(/^src\//, '')
    .replace(/(\/mod|^lib)?\.rs$/, '')
    .split('/')
    .filter(Boolean)
}

/** The paths into this crate that code uses, relative to the crate's root. */
function rustPaths(code, current, modules, pattern = USE_DECLARATION_PATTERN) {
  const inline =
    pattern === USE_DECLARATION_PATTERN ? (withoutUses(code).match(/(?<![\w:])[a-z_]\w*(::\w+)+/g) ?? []) : []
  return [...uses(code, pattern), ...inline].flatMap((path) => {
    const [first, ...rest] = path.split('::')
    const parts = { crate: [], self: [...current], super: current.slice(0, -1) }[first] ?? [...current, first]
    // Any other first name belongs to a submodule, a crate or an imported item.
    if (!/^(crate|self|super)$/.test(first) && !modules.has(parts.join('::'))) return []
    for (const part of rest) {
      if (part === 'super') parts.pop()
      else parts.push(part)
    }
    return [parts.join('::')]
  })
}

/** The names of the crates that code uses. Imported modules are included too, which does not matter here. */
function crates(code) {
  const inUse = uses(code).map((path) => path.replace(/^::/, ''))
  const inline = withoutUses(code).match(/(?<![\w:])[a-z_]\w*(?=::\w)/g) ?? []
  const names = [...inUse, ...inline].map((path) => path.split('::')[0])
  return [...new Set(names)].filter((name) => !['crate', 'super', 'self'].includes(name))
}

/** Every path of the `use` declarations. */
function uses(code, pattern = USE_DECLARATION_PATTERN) {
  return [...code.matchAll(pattern)].flatMap(([, tree]) => expand(tree.replaceAll(/\s+/g, ' ').trim()))
}

const withoutUses = (code) => code.replaceAll(USE_DECLARATION_PATTERN, '')

const USE_DECLARATION_PATTERN = /\buse\s+([^;]+);/g

/** The paths of a use tree: `a::{b, c::d}` is `a::b` and `a::c::d`. */
function expand(tree) {
  const open = tree.indexOf('{')
  if (open === -1) return [tree.replace(/ as \w+$/, '').replace(/::self$/, '')]
  const prefix = tree.slice(0, open)
  let depth = 0
  const parts = ['']
  for (const character of tree.slice(open + 1, tree.lastIndexOf('}'))) {
    if (character === '{') depth += 1
    if (character === '}') depth -= 1
    if (character === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts
    .map((part) => part.trim())
    .filter(Boolean)
    .flatMap((part) => expand(prefix + part))
}

const withoutTests = (text) => text.split(/^#\[cfg\(test\)\]\n(?:#\[.*\n)*(?:pub(?:\(crate\))? )?mod tests/m)[0]

function jsModules() {
  const files = filesIn('js', /\.js$/).filter((path) => !/^js\/(native|cli\/page)\//.test(path))
  return files.map((path) => {
    const code = withoutComments(read(path))
    const names = [
      ...withoutTexts(code).matchAll(
        /\b(?:require|import)\(\s*'([^']+)'|\b(?:import|export)\b[^'()]*?from\s+'([^']+)'/g,
      ),
    ]
    const specifiers = names.map(([, required, imported]) => required ?? imported)
    const imports = specifiers.filter((name) => name.startsWith('.')).map((name) => resolveJs(path, name))
    const packages = specifiers.filter((name) => !name.startsWith('.')).map(packageName)
    return { path, code, imports, packages }
  })
}

/** Removes double-quoted strings and templates, such as the code that `init` writes. Specifiers have single quotes. */
const withoutTexts = (code) => code.replaceAll(/"(?:[^"\\\n]|\\.)*"/g, '""').replaceAll(/`[^`]*`/g, '``')

const packageName = (specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier

function resolveJs(from, specifier) {
  const path = posix.join(posix.dirname(from), specifier)
  const found = [path, `${path}.js`, `${path}/index.js`, `${path}.json`].find(
    (name) => /\.js(on)?$/.test(name) && existsSync(join(ROOT, name)),
  )
  return found ?? assert.fail(`${from} imports ${specifier}, which does not exist`)
}

function withoutComments(text) {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^([^'"`\n]*?)\/\/.*$/gm, '$1')
}

/** The import cycles, each as text. A Rust module and its submodules count separately. */
function cycles(modules) {
  const graph = new Map(modules.map(({ path, imports }) => [path, imports]))
  const done = new Set()
  const found = []
  const visit = (path, trail) => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
    else if (!done.has(path)) {
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
      done.add(path)
    }
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}

module.exports = { crates, cycles, filesIn, jsModules, read, rustModules, rustPaths, withoutTests }
