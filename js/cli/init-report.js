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
 * Returns the steps to a first request. The texts are not comments in the commands, because an interactive zsh would pass
 * the words of a comment as arguments.
 *
 * @param {import('./init-project').Project} project
 * @param {import('./init-plan').Plan} plan
 * @param {Record<string, string>} entries
 * @returns {{ text: string, commands: string[] }[]}
 */
function nextSteps(project, plan, { LOGTO_URL, LOGTO_AUDIENCE }) {
  const { packageManager, missing, hasTsx } = project
  const { start, url } = plan
  const tool = `${EXECUTABLE_RUNNERS[packageManager]} logto-authkit`
  const isDev = LOGTO_URL === DEV_ISSUER_ENTRIES.LOGTO_URL
  const audience =
    LOGTO_AUDIENCE === DEV_ISSUER_ENTRIES.LOGTO_AUDIENCE ? '' : `&audience=${encodeURIComponent(LOGTO_AUDIENCE)}`
  const installs = [
    ...(missing.length > 0
      ? [`${packageManager} ${packageManager === 'npm' ? 'install' : 'add'} ${missing.join(' ')}`]
      : []),
    ...(/ tsx /.test(start) && !hasTsx ? [DEV_INSTALL_COMMANDS[packageManager]] : []),
  ]
  const withNpm = npmStart(project, plan)
  return [
    ...(installs.length > 0 ? [{ text: 'Install the packages:', commands: installs }] : []),
    isDev
      ? { text: 'Start a local issuer, and leave it running:', commands: [`${tool} dev`] }
      : {
          text: 'Check the connection to Logto:',
          commands: [`${tool} doctor --url ${LOGTO_URL} --audience ${LOGTO_AUDIENCE}`],
        },
    { text: 'Start the application in another terminal:', commands: [start] },
    { text: 'Send a request without a token, and expect 401:', commands: [`curl -iw '\\n' ${url}`] },
    {
      text: `Send a request with a token${isDev ? '' : ' for this API resource'}, and expect 200:`,
      commands: [
        isDev ? `TOKEN=$(curl -fsS 'http://127.0.0.1:3002/token?sub=alice&scope=read:orders${audience}')` : 'TOKEN=…',
        `curl -iw '\\n' ${url} -H "Authorization: Bearer $TOKEN"`,
      ],
    },
    ...(withNpm === undefined ? [] : [{ text: `To make \`${withNpm.command}\` read .env:`, commands: [withNpm.fix] }]),
  ]
}

/**
 * Returns the script with which users start the application, and a command that makes the script read the environment
 * file, or undefined if the script reads it already.
 *
 * @param {import('./init-project').Project} project
 * @param {import('./init-plan').Plan} plan
 */
function npmStart({ framework, startScript = '' }, { start }) {
  if (framework === 'nestjs') return { command: 'npm run start:dev', fix: 'npm run start:dev -- --env-file .env' }
  if (!start.includes('--env-file') || startScript.includes('--env-file')) return undefined
  return { command: 'npm start', fix: `npm pkg set scripts.start="${start}"` }
}

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
  commands: nextSteps(project, plan, entries).flatMap(({ commands }) => commands),
})

module.exports = { DEV_ISSUER_ENTRIES, describeProject, jsonSummary, nextSteps }
