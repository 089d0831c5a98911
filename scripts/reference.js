// Generates the reference of the public API, with a page per function, into target/reference.
//
//     npm run reference
//
// Fails if TypeDoc warns, or if the comment of an exported function lacks a description, parameter, error or example.

const { mkdirSync, writeFileSync } = require('node:fs')
const { register } = require('node:module')
const { join } = require('node:path')
const { exports: entries } = require('../package.json')

const ROOT = join(__dirname, '..')
const OUTPUT = join(ROOT, 'target/reference')

/** Functions that never throw, whatever their arguments are. This `getAuth` is that of the adapters, not of `next`. */
const NEVER_THROW = [
  'authErrorHandler',
  'clearJwksCache',
  'generateCsrfToken',
  'getAuth',
  'memoryStore',
  'withLogtoAuth',
]

/** A module loader hook that makes TypeDoc import TypeScript 6. */
const LOADER_HOOK = `
  export const resolve = (name, context, next) => next(name === 'typescript' ? 'typescript-6' : name, context)
`

async function main() {
  // TypeDoc and its types need the compiler API, which TypeScript 7 does not have.
  register(`data:text/javascript,${encodeURIComponent(LOADER_HOOK)}`)
  const { Application, ReflectionKind, TSConfigReader } = await import(/** @type {string} */ ('typedoc'))

  /** The names of the entry points, by the path of their declarations. @type {Map<string, string>} */
  const names = new Map()
  for (const [path, entry] of Object.entries(entries)) {
    if (typeof entry === 'string') continue
    const declarations = 'types' in entry ? entry.types : entry.default.replace(/\.js$/, '.d.ts')
    names.set(join(ROOT, declarations), join('logto-authkit', path))
  }

  mkdirSync(join(ROOT, 'target'), { recursive: true })
  const tsconfig = join(ROOT, 'target/tsconfig.reference.json')
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'dom', 'dom.iterable'],
    types: ['node'],
    strict: true,
    skipLibCheck: true,
  }
  writeFileSync(tsconfig, JSON.stringify({ compilerOptions, files: [...names.keys()] }))
  const app = await Application.bootstrap(
    {
      name: 'logto-authkit',
      entryPoints: [...names.keys()],
      tsconfig,
      out: OUTPUT,
      readme: 'none',
      excludeExternals: true,
      disableSources: true,
      treatWarningsAsErrors: true,
    },
    [new TSConfigReader()],
  )
  const entryPoints = app.getEntryPoints() ?? []
  for (const entry of entryPoints) entry.displayName = names.get(entry.sourceFile.fileName) ?? entry.displayName
  // An option derived from another type with `Omit` keeps that type's comment, whose links refer to names in another
  // entry point.
  app.converter.addUnknownSymbolResolver((/** @type {any} */ reference, /** @type {any} */ { project }) => {
    const path = reference.symbolReference?.path?.map((/** @type {any} */ part) => part.path) ?? []
    for (const module of project.children ?? []) {
      const target = module.getChildByName(path)
      if (target !== undefined) return { target }
    }
  })
  const project = app.converter.convert(entryPoints)
  app.validate(project)
  for (const { children } of project.children)
    for (const exported of children ?? [])
      if (!exported.isReference()) check(exported, exported.kind === ReflectionKind.Function, app.logger)
  await app.generateOutputs(project)
  return app.logger.hasErrors() || app.logger.hasWarnings() ? 1 : 0
}

/**
 * Warns about parts that are missing from the comment of an exported declaration.
 *
 * @param {any} declaration - A `DeclarationReflection` of TypeDoc.
 * @param {boolean} isFunction
 * @param {{ warn(message: string): void }} logger
 */
function check(declaration, isFunction, logger) {
  const { name, signatures: [signature] = [] } = declaration
  const comment = signature?.comment ?? declaration.comment
  const missing = comment?.hasVisibleComponent() ? [] : ['description']
  if (isFunction) {
    const has = (/** @type {string} */ tag) => comment?.getTag(tag) !== undefined
    for (const parameter of signature.parameters ?? [])
      if (!parameter.comment) missing.push(`parameter ${parameter.name}`)
    if (String(signature.type) !== 'void' && !has('@returns')) missing.push('@returns')
    if (!NEVER_THROW.includes(name) && !has('@throws')) missing.push('@throws')
    if (!has('@example')) missing.push('@example')
  }
  for (const part of missing) logger.warn(`${declaration.getFullName()} has no ${part}`)
}

main().then((code) => {
  process.exitCode = code
})
