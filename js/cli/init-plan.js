/** Decides which files `init` creates and extends, and which lines the user must add. */

const { readFileSync } = require('node:fs')
const { join, posix } = require('node:path')
const { DEFAULT_ME_URL } = require('./dev-defaults')
const {
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
} = require('./init-edit')
const { findPort, nextJsPort, portNote } = require('./init-port')
const { findVariable } = require('./init-project')
const { APP_CREATION_PATTERNS, buildStartCommand, findStartCommand, loadsBefore, pathPrefix } = require('./init-start')
const { hasMeRoute, hasOrdersRoute, readSources, usesPackage } = require('./source-files')

/**
 * @typedef {import('./init-project').Project} Project
 * @typedef {{ path: string, before: string | null, after: string }} Change
 * @typedef {{ path: string, reason: string, lines: string }} Manual - The lines that the user must add.
 * @typedef {Pick<Planner, 'changes' | 'manual' | 'kept' | 'started' | 'isExtended' | 'application' | 'url' | 'portNote' | 'hasMeRoute' | 'hasOrdersRoute'>} Plan
 */

/** Why `init` does not add some lines of code itself, but leaves them to the user. */
const UNKNOWN_POSITION_REASON = 'init is not certain where these lines belong'
const ROUTE_POSITION_ADVICE =
  'Put the import at the top, and the rest below the creation of the application and CORS, and above the handlers for 404 and errors'
const ROUTE_EXISTS_REASON =
  'the file already contains /me: add the import, and choose another path or protect the existing route'

/** For each framework, the route that is added to an existing application. All other routes stay public. */
const ROUTES_BY_FRAMEWORK = {
  express: {
    package: 'express',
    appCreationPattern: APP_CREATION_PATTERNS.express,
    route: (/** @type {string} */ app) =>
      `${app}.get('/me', logtoAuth(), (req, res) => {\n  res.json({ userId: req.auth.userId, scopes: req.auth.scopes });\n});`,
  },
  fastify: {
    package: 'fastify',
    appCreationPattern: APP_CREATION_PATTERNS.fastify,
    route: (/** @type {string} */ app) =>
      `${app}.register(async (api) => {\n  await api.register(logtoAuth);\n  api.get('/me', async (request) => ({ userId: request.auth.userId, scopes: request.auth.scopes }));\n});`,
  },
  hono: {
    package: 'hono',
    appCreationPattern: APP_CREATION_PATTERNS.hono,
    route: (/** @type {string} */ app) =>
      `${app}.get('/me', logtoAuth(), (c) => c.json({ userId: c.get('auth').userId, scopes: c.get('auth').scopes }));`,
  },
  koa: {
    package: 'koa',
    appCreationPattern: APP_CREATION_PATTERNS.koa,
    declares: 'authenticate',
    route: (/** @type {string} */ app) =>
      `const authenticate = logtoAuth();\n${app}.use((ctx, next) => {\n  if (ctx.path !== '/me') return next();\n  return authenticate(ctx, async () => {\n    ctx.body = { userId: ctx.state.auth.userId, scopes: ctx.state.auth.scopes };\n  });\n});`,
  },
}

/**
 * @param {Project} project
 * @param {Record<string, string>} variables - The environment variables to set.
 * @param {import('./source-files').SourceText[]} [sources] - The source files of the project.
 * @returns {Plan}
 */
function createPlan(project, variables, sources = readSources(project.folder)) {
  const plan = new Planner(project)
  const { environment } = project
  const original = project.read(environment)
  // An entry in `.env.local` would override the entry in another file.
  const missing = Object.entries(variables).filter(
    ([name]) => environmentValue(original ?? '', name) !== undefined || findVariable(project, name) === undefined,
  )
  const text = addEnvironmentVariables(original, Object.fromEntries(missing))
  if (text !== null) plan.change(environment, text)
  else if (original !== null) plan.kept.push(environment)

  if (project.framework === 'next') planNextJs(plan)
  else if (project.framework === 'nestjs') planNest(plan)
  else planServer(plan, project.framework)
  // Only files that `init` creates, or that already use the package, can have the example route.
  const createdFiles = plan.changes.filter(({ before }) => before === null)
  const examples = [
    ...createdFiles.map(({ path, after }) => ({ path, text: after })),
    ...plan.kept.map((path) => ({ path, text: project.read(path) ?? '' })),
  ]
  plan.hasOrdersRoute ||= examples.some(hasOrdersRoute)
  const additions = [...plan.changes, ...plan.manual].map((addition) => ({
    path: addition.path,
    text: 'after' in addition ? addition.after : addition.lines,
  }))
  // A route `/me` in a file that `init` cannot change belongs to the application.
  const isOwnMeRoute = plan.manual.some(({ path }) => hasMeRoute({ path, text: project.read(path) ?? '' }))
  plan.hasMeRoute = !isOwnMeRoute && (!sources.some(usesPackage) || [...sources, ...additions].some(hasMeRoute))
  return plan
}

class Planner {
  /** @type {Change[]} */
  changes = []
  /** @type {Manual[]} */
  manual = []
  /** The files that need no changes. @type {string[]} */
  kept = []
  /** @type {import('./init-start').Start} */
  started = { start: null, file: undefined, loadsEnvironment: false }
  /** Whether `init` extends an existing application, which may have public routes. */
  isExtended = false
  /** The variable that contains the application, and the source file that defines this variable. */
  application = { name: 'app', file: new SourceFile('') }
  url = DEFAULT_ME_URL
  /** What to say about the port in the URL. */
  portNote = ''
  /** Whether the project has a `/me` route. An application that already uses the package may have no such route. */
  hasMeRoute = true
  /** Whether the project has the example route `/orders` as well as `/me`. */
  hasOrdersRoute = false

  /** @param {Project} project */
  constructor(project) {
    this.project = project
  }

  /** @param {string} path @param {string} after */
  change(path, after) {
    this.changes.push({ path, before: this.project.read(path), after })
  }

  /** Plans a new file, unless the file already exists. @param {string} path @param {string} content */
  create(path, content) {
    const existingContent = this.project.read(path)
    if (existingContent === null) this.change(path, content)
    else if (existingContent === content || existingContent.includes('logto-authkit')) this.kept.push(path)
    else this.manual.push({ path, reason: 'the file exists', lines: content })
  }

  /**
   * Plans a change to a file if `edit` finds the right place. A file that already uses the package stays unchanged.
   *
   * @param {string} path
   * @param {(text: string) => string | null} edit
   * @param {string} lines - The lines that the user must add if `edit` returns `null`.
   * @param {string} reason
   */
  extend(path, edit, lines, reason = UNKNOWN_POSITION_REASON) {
    const text = this.project.read(path) ?? ''
    if (/['"](logto-authkit['"/]|\.\/me\.controller)/.test(text)) return void this.kept.push(path)
    const after = edit(text)
    if (after !== null) return this.change(path, after)
    this.manual.push({ path, reason, lines })
  }

  /** @param {import('./init-port').Port} port @param {string} path */
  setUrl(port, path) {
    this.url = `http://localhost:${port.port}${path}`
    this.portNote = portNote(port)
  }

  /** Returns the first of the given files that exists. @param {string[]} paths */
  find(paths) {
    return paths.find((path) => this.project.read(path) !== null)
  }
}

/**
 * Plans the changes for Express, Fastify, Hono and Koa: a new application, or a route in the existing application.
 *
 * @param {Planner} plan
 * @param {keyof typeof ROUTES_BY_FRAMEWORK} framework
 */
function planServer(plan, framework) {
  const { project } = plan
  const candidates = entryFileCandidates(plan)
  const applicationFiles = candidates.filter((path) =>
    new RegExp(`= ${ROUTES_BY_FRAMEWORK[framework].appCreationPattern}\\(`).test(project.read(path) ?? ''),
  )
  const [entry] = applicationFiles.length === 1 ? applicationFiles : candidates
  if (entry === undefined) {
    const path = project.isTypeScript ? `${project.source}app.ts` : 'app.js'
    const template = readTemplate(`${framework}.mjs`)
    plan.create(path, project.isTypeScript || project.isModule ? template : toCommonJs(template))
    plan.started = { start: buildStartCommand(project, path), file: path, loadsEnvironment: false }
  } else {
    const route = ROUTES_BY_FRAMEWORK[framework]
    const text = project.read(entry) ?? ''
    const added =
      applicationFiles.length > 1
        ? { reason: `${applicationFiles.join(' and ')} create an application` }
        : addRoute(text, route)
    const reason = hasMeRoute({ path: entry, text }) ? ROUTE_EXISTS_REASON : `${added.reason}. ${ROUTE_POSITION_ADVICE}`
    plan.extend(entry, () => added.text ?? null, routeLines(text, route), reason)
    plan.started = findStartCommand(project, entry, candidates)
    plan.isExtended = true
    plan.application = describeApplication(text, route)
  }
  const files = [plan.started.file, entry].filter((path) => path !== undefined)
  const { name, file } = plan.application
  const prefix = pathPrefix(file.text, `\\b${name}(?:: \\w+)? = new Hono[^\\n]*\\)\\s*\\.basePath\\(`)
  const port = findPort(project, files, plan.started.start)
  plan.setUrl(entry === undefined ? { ...port, isCertain: true } : port, `${prefix}/me`)
}

/**
 * Returns the files whose code may create the application: files that npm scripts run, the `main` file, and files with
 * common names.
 *
 * @param {Planner} plan
 */
function entryFileCandidates({ project }) {
  const scriptFiles = project.scripts.flatMap((script) => script.match(/[\w./-]+\.[cm]?[jt]s\b/g) ?? [])
  const commonPaths = ['', 'src/'].flatMap((folder) =>
    ['app', 'index', 'main', 'server'].flatMap((name) =>
      ['ts', 'mts', 'js', 'mjs', 'cjs'].map((extension) => `${folder}${name}.${extension}`),
    ),
  )
  const paths = [...scriptFiles, String(project.main), ...commonPaths].map((path) => posix.normalize(path))
  return [...new Set(paths)].filter((path) => !/^(\.\.|\/|dist\/|build\/)/.test(path) && project.read(path) !== null)
}

/** @param {Planner} plan */
function planNest(plan) {
  const moduleFile = new SourceFile(plan.project.read('src/app.module.ts') ?? '')
  plan.create('src/me.controller.ts', moduleFile.styled(withSemicolons(readTemplate('nest-controller.ts'))))
  const { isModule, packageManager } = plan.project
  const lines = `import { MeController } from './me.controller${isModule ? '.js' : ''}'\n\ncontrollers: [MeController]\n`
  plan.extend('src/app.module.ts', addNestController, lines)
  const main = plan.project.read('src/main.ts') ?? ''
  const loadsEnvironment = loadsBefore(plan.project, 'src/main.ts', 'src/app.module.ts')
  const start = `node ${loadsEnvironment ? '' : '--env-file=.env '}dist/main.js`
  plan.started = {
    start: `${packageManager === 'npm' ? 'npm run' : packageManager} build && ${start}`,
    file: 'src/main.ts',
    loadsEnvironment,
  }
  plan.isExtended = true
  const port = findPort(plan.project, ['src/main.ts'], plan.started.start)
  plan.setUrl(port, `${pathPrefix(main, 'setGlobalPrefix\\(')}/me`)
}

/** @param {Planner} plan */
function planNextJs(plan) {
  const { source, isTypeScript, hasAlias, router, packageManager } = plan.project
  const extension = isTypeScript ? 'ts' : 'js'
  const config = plan.find(['ts', 'mts', 'mjs', 'js', 'cjs'].map((name) => `next.config.${name}`))
  const lines =
    "import { withLogtoAuth } from 'logto-authkit/next/config'\n\nexport default withLogtoAuth(nextConfig)\n"
  if (config === undefined) plan.create(`next.config.${isTypeScript ? 'ts' : 'mjs'}`, readTemplate('next-config.ts'))
  else plan.extend(config, wrapNextJsConfig, lines)

  plan.create(`${source}lib/auth.${extension}`, readTemplate('next-auth.ts'))
  const route = router === 'app' ? `app/api/me/route.${extension}` : `pages/api/me.${extension}`
  const up = '../'.repeat(route.split('/').length - 1)
  const template = readTemplate(router === 'app' ? 'next-route.ts' : 'next-api.ts')
  plan.create(source + route, hasAlias ? template : template.replace("'@/", `'${up}`))
  const ordersRouteFiles = ['ts', 'js'].map((name) => source + route.replace(/me(\/route)?\.\w+$/, `orders$1.${name}`))
  plan.hasOrdersRoute = plan.find(ordersRouteFiles) !== undefined
  const start = `${packageManager === 'npm' ? 'npm run' : packageManager} dev`
  plan.started = { start, file: undefined, loadsEnvironment: true }
  plan.isExtended = true
  const basePath = pathPrefix(plan.project.read(config ?? '') ?? '', '\\bbasePath:')
  plan.setUrl({ port: nextJsPort(plan.project), isCertain: true }, `${basePath}/api/me`)
}

/** @param {string} name */
const readTemplate = (name) => readFileSync(join(__dirname, 'templates', name), 'utf8')

module.exports = { createPlan }
