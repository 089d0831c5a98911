/** Formats the output of `init`: the project description, the next steps and the JSON summary. */

const { DEV_ISSUER_ENV_VARIABLES } = require('./dev-defaults')
const { addedLines } = require('./init-diff')
const { findVariable } = require('./init-project')
const { PACKAGE_RUNNERS, scriptsReadingEnvironment } = require('./init-start')
const { quote } = require('./shell-words')
const { toPrintable } = require('./terminal')

/** The folder of the documentation in the installed package. */
const DOCS_FOLDER = 'node_modules/logto-authkit/docs'

const DEV_INSTALL_COMMANDS = {
  npm: 'npm install --save-dev tsx',
  pnpm: 'pnpm add --save-dev tsx',
  yarn: 'yarn add --dev tsx',
  bun: 'bun add --dev tsx',
}

/** @param {import('./init-project').Project} project */
function describeProject({ framework, router, isTypeScript, isModule, packageManager }) {
  const names = { express: 'Express', fastify: 'Fastify', hono: 'Hono', koa: 'Koa', nestjs: 'NestJS', next: 'Next.js' }
  const name = framework === 'next' ? `Next.js (${router === 'app' ? 'App' : 'Pages'} Router)` : names[framework]
  const language = isTypeScript ? 'TypeScript' : isModule || framework === 'next' ? 'ES modules' : 'CommonJS'
  return `${name}, ${language}, ${packageManager}`
}

/**
 * Returns the steps that lead to a first request. The explanations are not shell comments, because an interactive zsh
 * would pass a comment's words as arguments.
 *
 * @param {import('./init-project').Project} project
 * @param {import('./init-plan').Plan} plan
 * @param {Record<string, string>} variables
 * @param {import('./local-issuer').LocalIssuer | null} localIssuer
 * @returns {{ text: string, commands: string[] }[]}
 */
function nextSteps(project, plan, { LOGTO_URL, LOGTO_AUDIENCE }, localIssuer) {
  const { packageManager, missing, hasTsx } = project
  const { hasMeRoute } = plan
  const { start } = plan.started
  const cliCommand = `${PACKAGE_RUNNERS[packageManager]} logto-authkit`
  const installsTsx = / tsx /.test(start ?? '') && !hasTsx
  const commands = [
    ...(missing.length > 0
      ? [`${packageManager} ${packageManager === 'npm' ? 'install' : 'add'} ${missing.join(' ')}`]
      : []),
    ...(installsTsx ? [DEV_INSTALL_COMMANDS[packageManager]] : []),
  ]
  return [
    ...(commands.length > 0
      ? [{ text: `Install the packages${installsTsx ? ' (tsx runs TypeScript files)' : ''}:`, commands }]
      : []),
    localIssuer
      ? { text: 'Start a local issuer, and leave it running:', commands: [`${cliCommand} ${localIssuer.command}`] }
      : {
          text: 'Check the connection to Logto:',
          commands: [`${cliCommand} doctor --url ${quote(LOGTO_URL)} --audience ${quote(LOGTO_AUDIENCE)}`],
        },
    start === null
      ? {
          text: `In another terminal, start your application as usual${plan.started.loadsEnvironment ? '' : ', with `--env-file=.env`'}.`,
          commands: [],
        }
      : {
          text: `Start the application${localIssuer ? ' in another terminal' : ', and leave it running'}:`,
          commands: [start],
        },
    ...(hasMeRoute ? requestSteps(plan, LOGTO_AUDIENCE, localIssuer) : []),
    ...scriptSteps(project, plan),
  ]
}

/**
 * The query parameter with which a `dev` that was started in any folder issues tokens for this audience, or an empty
 * string for the default audience. The parameter can be part of a shell word in single quotes.
 *
 * @param {string} audience
 */
const audienceParameter = (audience) =>
  audience === DEV_ISSUER_ENV_VARIABLES.LOGTO_AUDIENCE
    ? ''
    : `&audience=${encodeURIComponent(audience).replaceAll("'", '%27')}`

/**
 * Returns the steps that send requests to the routes `/me` and `/orders`.
 *
 * @param {import('./init-plan').Plan} plan
 * @param {string} audience
 * @param {import('./local-issuer').LocalIssuer | null} localIssuer
 */
function requestSteps({ url, portNote, hasOrdersRoute, manual }, audience, localIssuer) {
  const send = manual.length > 0 ? 'After you have added the lines, send' : 'Send'
  const parameter = audienceParameter(audience)
  return [
    {
      text: `${send} a request without a token${portNote}, and expect 401:`,
      commands: [`curl -iw '\\n' ${url}`],
    },
    {
      text: `${localIssuer ? 'Send a request with a token' : `Set TOKEN to an access token for this API resource (see ${DOCS_FOLDER}/tokens.md), send a request with it`}, and expect 200${hasOrdersRoute ? ' (or 403 for /orders if the token lacks the scope read:orders)' : ''}:`,
      commands: [
        ...(localIssuer
          ? [`TOKEN=$(curl -fsS '${localIssuer.page}/token?sub=alice&scope=read:orders${parameter}')`]
          : []),
        ...[url, ...(hasOrdersRoute ? [url.replace(/me$/, 'orders')] : [])].map(
          (address) => `curl -iw '\\n' ${address} -H "Authorization: Bearer $TOKEN"`,
        ),
      ],
    },
  ]
}

/**
 * Returns the step that makes the application's start scripts read the environment file. Returns no step if none of the
 * scripts needs to be changed, or none can be changed safely.
 *
 * @param {import('./init-project').Project} project
 * @param {import('./init-plan').Plan} plan
 */
function scriptSteps(project, { started }) {
  const { framework, packageManager, startScript, devScript } = project
  if (started.loadsEnvironment) return []
  if (framework === 'nestjs') {
    const commands = [...(startScript === undefined ? [] : ['start']), 'start:dev'].map(
      (name) => `${packageManager} run ${name}`,
    )
    // Only npm needs a separator before the script's arguments. Other package managers would pass the separator to the
    // script.
    const separator = packageManager === 'npm' ? ' --' : ''
    const names = commands.map((command) => `\`${command}\``).join(' and ')
    return [
      environmentStep(
        `To make ${names} read`,
        commands.map((command) => `${command}${separator} --env-file .env`),
      ),
    ]
  }
  const { changed, unchanged } = scriptsReadingEnvironment(project, started)
  const namesOf = (/** @type {string[]} */ scripts) =>
    scripts.map((name) => `\`npm ${name === 'start' ? name : `run ${name}`}\``).join(' and ')
  const isNew = startScript === undefined && devScript === undefined
  const purpose = isNew
    ? 'To add a `start` script that reads'
    : `To make ${namesOf(changed.map(([name]) => name))} read`
  const commands = changed.map(([name, script]) => `npm pkg set scripts.${name}="${script}"`)
  return [
    ...(changed.length > 0 ? [environmentStep(purpose, commands)] : []),
    ...(unchanged.length > 0 ? [{ text: unreadNote(namesOf(unchanged)), commands: [] }] : []),
  ]
}

/** @param {string} scripts */
const unreadNote = (scripts) =>
  `To make ${scripts} read .env, add \`--env-file=.env\` to the \`node\`, \`tsx\` or \`nodemon\` command, or import \`dotenv/config\` first in the application.`

/** @type {(purpose: string, commands: string[]) => { text: string, commands: string[] }} */
const environmentStep = (purpose, commands) => ({
  text: `${purpose} .env, which must then exist wherever you run the command:`,
  commands,
})

/**
 * How to protect existing routes in each framework. The advice names the required imports that the code added by `init`
 * does not contain.
 *
 * @type {Record<import('./init-project').Framework, (project: import('./init-project').Project, application: import('./init-plan').Plan['application']) => string>}
 */
const PROTECTION_ADVICE = {
  express: (_, { name, file }) =>
    `To protect one route, pass logtoAuth() before its handler. To require a scope, also pass protect({ requiredScope: 'read:orders' }) after logtoAuth(), and add \`${file.importOf('protect', 'logto-authkit/express')}\`. To protect all routes below a line, add ${name}.use(logtoAuth()).`,
  fastify: (_, { name }) =>
    `To protect one route, move it into the function that registers logtoAuth, and change ${name}.get to api.get, because routes of ${name} stay public even there. To protect all routes, add ${name}.register(logtoAuth) after CORS; the added function can stay.`,
  hono: (_, { name }) =>
    `To protect one route, pass logtoAuth() before its handler. To protect all routes below a line, add ${name}.use(logtoAuth()).`,
  koa: (_, { name }) =>
    `To protect one route of a router, pass logtoAuth() before its handler. To protect all middleware below a line, add ${name}.use(logtoAuth()).`,
  nestjs: () =>
    "To protect one route or controller, add @UseGuards(new LogtoAuthGuard()), with `import { UseGuards } from '@nestjs/common'` and `import { LogtoAuthGuard } from 'logto-authkit/nestjs'`. To protect all routes, register the guard as APP_GUARD from '@nestjs/core'.",
  next: ({ router, source }) =>
    router === 'app'
      ? `To protect one route, wrap its handler in withAuth from ${source}lib/auth. To protect pages, use getAuth or authProxy, also from ${source}lib/auth.`
      : `To protect one route, wrap its handler in withApiAuth from ${source}lib/auth. To protect pages, use verify in getServerSideProps, or authProxy, also from ${source}lib/auth.`,
}

/**
 * Returns the note to print above the prompt that asks whether to write the changes. The note says which routes stay
 * public, and how to protect them.
 *
 * @param {import('./init-project').Project} project
 * @param {import('./init-plan').Plan} plan
 * @returns {string[]}
 */
function publicRoutesNotes(project, { isExtended, changes, manual, application }) {
  const { framework, router, environment } = project
  // If an earlier run of `init` added the route, the user may have protected the other routes since then.
  const hasNewRoute = manual.length > 0 || changes.some(({ path }) => path !== environment)
  if (!isExtended || !hasNewRoute) return []
  const advice = PROTECTION_ADVICE[framework](project, application)
  const page = framework === 'next' && router === 'pages' ? 'next-pages' : framework
  const [, corsPath] = /\.use\(\s*['"`](\/[^'"`]*[^'"`*/])\/?\*?['"`]\s*,\s*cors\(/.exec(application.file.text) ?? []
  return [
    `All other routes stay public. ${advice} See ${DOCS_FOLDER}/${page}.md.`,
    ...(corsPath === undefined
      ? []
      : [`CORS applies only to paths below ${toPrintable(corsPath)}, so pages on other origins cannot call /me.`]),
  ]
}

/**
 * Returns the note to print when the changes have been written: what the user must still do.
 *
 * @param {import('./init-plan').Plan} plan
 */
const manualNotes = ({ manual }) =>
  manual.length === 0
    ? []
    : [`Still to do: add the lines above to ${manual.map(({ path }) => toPrintable(path)).join(' and ')}.`]

/**
 * Returns the notes to print below the next steps.
 *
 * @param {import('./init-project').Project} project
 * @param {Record<string, string>} variables
 * @param {import('./local-issuer').LocalIssuer | null} localIssuer
 */
function closingNotes(project, variables, localIssuer) {
  const { environment, isIgnored, isTypeScript, isModule, read } = project
  const fileOf = (/** @type {string} */ name) => findVariable(project, name)?.file ?? environment
  return [
    ...(isIgnored ? [] : [`Add ${environment} to .gitignore, so that Git ignores the file.`]),
    ...(isTypeScript && !isModule && /"verbatimModuleSyntax": true/.test(read('tsconfig.json') ?? '')
      ? ['TypeScript rejects the imports, because of "verbatimModuleSyntax": run npm pkg set type=module.']
      : []),
    ...(localIssuer && new URL(variables.LOGTO_URL).origin !== localIssuer.logtoUrl
      ? [
          `The local issuer issues tokens for ${localIssuer.logtoUrl}: set LOGTO_URL in ${fileOf('LOGTO_URL')} to exactly this URL.`,
        ]
      : []),
    ...(localIssuer === null && variables.LOGTO_AUDIENCE === DEV_ISSUER_ENV_VARIABLES.LOGTO_AUDIENCE
      ? [
          `Replace LOGTO_AUDIENCE in ${fileOf('LOGTO_AUDIENCE')} with the identifier of your API resource, unless it is the same.`,
        ]
      : []),
    'Set LOGTO_URL and LOGTO_AUDIENCE where you deploy, too, and in the environment of tests that import the application.',
  ]
}

/**
 * @param {import('./init-project').Project} project
 * @param {import('./init-plan').Plan} plan
 * @param {Record<string, string>} variables
 * @param {import('./local-issuer').LocalIssuer | null} localIssuer
 * @param {boolean} isWritten
 */
const jsonSummary = (project, plan, variables, localIssuer, isWritten) => ({
  framework: project.framework,
  typescript: project.isTypeScript,
  packageManager: project.packageManager,
  written: isWritten,
  files: plan.changes.map(({ path, before, after }) => ({
    path,
    action: before === null ? 'create' : 'extend',
    // An environment file may contain secrets.
    content: path === project.environment ? addedLines(before ?? '', after).join('\n') : after,
  })),
  kept: plan.kept,
  manual: plan.manual,
  commands: nextSteps(project, plan, variables, localIssuer).flatMap(({ commands }) => commands),
  notes: [
    ...publicRoutesNotes(project, plan),
    ...manualNotes(plan),
    ...(plan.portNote === '' ? [] : [`The port of the application is not certain${plan.portNote}.`]),
    ...closingNotes(project, variables, localIssuer),
  ],
})

module.exports = { closingNotes, describeProject, jsonSummary, manualNotes, nextSteps, publicRoutesNotes }
