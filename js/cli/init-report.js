/** The texts of `init`: the description of the project, the next commands, and the summary in JSON. */

const { EXECUTABLE_RUNNERS } = require('./init-plan')

/** The URL and the audience of `logto-authkit dev`. */
const DEV_ISSUER_ENTRIES = { LOGTO_URL: 'http://127.0.0.1:3001', LOGTO_AUDIENCE: 'https://api.example.com' }

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
 * @param {import('./init-project').Project} project
 * @param {import('./init-plan').Plan} plan
 * @param {Record<string, string>} entries
 */
function nextCommands({ packageManager, missing, hasTsx }, { start, url }, { LOGTO_URL, LOGTO_AUDIENCE }) {
  const tool = `${EXECUTABLE_RUNNERS[packageManager]} logto-authkit`
  const isDev = LOGTO_URL === DEV_ISSUER_ENTRIES.LOGTO_URL
  const audience =
    LOGTO_AUDIENCE === DEV_ISSUER_ENTRIES.LOGTO_AUDIENCE ? '' : `&audience=${encodeURIComponent(LOGTO_AUDIENCE)}`
  return [
    ...(missing.length > 0
      ? [`${packageManager} ${packageManager === 'npm' ? 'install' : 'add'} ${missing.join(' ')}`]
      : []),
    ...(/ tsx /.test(start) && !hasTsx ? [DEV_INSTALL_COMMANDS[packageManager]] : []),
    isDev
      ? `${tool} dev   # a local issuer; leave it running`
      : `${tool} doctor --url ${LOGTO_URL} --audience ${LOGTO_AUDIENCE}`,
    `${start}   # in another terminal`,
    `curl -iw '\\n' ${url}   # 401: no token`,
    isDev
      ? `TOKEN=$(curl -s 'http://127.0.0.1:3002/token?sub=alice&scope=read:orders${audience}')`
      : 'TOKEN=…   # an access token for this API resource',
    `curl -iw '\\n' ${url} -H "Authorization: Bearer $TOKEN"   # 200`,
  ]
}

/**
 * Tells where the environment variables must be set besides the file that `init` writes.
 *
 * @param {import('./init-plan').Plan} plan
 */
const environmentNote = ({ start }) =>
  start.includes('--env-file')
    ? 'Node.js reads .env only with --env-file: add it to your scripts, and set LOGTO_URL and LOGTO_AUDIENCE where you deploy.'
    : 'Set LOGTO_URL and LOGTO_AUDIENCE where you deploy.'

/**
 * @param {import('./init-project').Project} project
 * @param {import('./init-plan').Plan} plan
 * @param {Record<string, string>} entries
 * @param {boolean} isWritten
 */
const jsonSummary = (project, plan, entries, isWritten) => ({
  framework: project.framework,
  typescript: project.isTypeScript,
  packageManager: project.packageManager,
  written: isWritten,
  files: plan.changes.map(({ path, before, after }) => ({
    path,
    action: before === null ? 'create' : 'extend',
    content: after,
  })),
  kept: plan.kept,
  manual: plan.manual,
  commands: nextCommands(project, plan, entries),
})

module.exports = { DEV_ISSUER_ENTRIES, describeProject, environmentNote, jsonSummary, nextCommands }
