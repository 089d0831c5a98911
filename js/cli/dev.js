/** `logto-authkit dev`: a local issuer with a page for creating tokens. */

const native = require('../core/addon')
const { startIssuer } = require('../testing/issuer')
const { UsageError, readArguments, readNumber } = require('./arguments')
const { DEFAULT_CLIENT_ID, DEFAULT_ORGANIZATION, DEFAULT_USER, DEV_ISSUER_ENV_VARIABLES } = require('./dev-defaults')
const { startPage } = require('./dev-server')
const { createSignIn } = require('./dev-sign-in-endpoints')
const { exampleRoutes } = require('./example-routes')
const { quote } = require('./shell-words')
const { createPainter, toPrintable, widthOf, wrapText } = require('./terminal')
const { lookUpVariable } = require('./verify-options')

const HELP = `Usage: logto-authkit dev [options]

Starts an issuer on 127.0.0.1 that looks like Logto to an API, with new keys, a sign-in without passwords, and a page for creating tokens, rotating keys and simulating outages. For development only: the issuer signs any token that is requested.

  --port N            port of the issuer (default: 3001, like Logto; 0: any free port)
  --page-port N       port of the page (default: the issuer's port + 1; 0: any free port)
  --token-lifetime N  lifetime of access tokens in seconds (default: 3600)
  --json              print the URLs as one line of JSON
  --help, -h          show this help

Scripts can get tokens from the page:
  curl -s 'http://127.0.0.1:3002/token?sub=alice&scope=read:orders'
  curl -s 'http://127.0.0.1:3002/token?kind=opaque'
  curl -s 'http://127.0.0.1:3002/token?expiresIn=-60'

The kinds of tokens are access (the default), machine, resource (within an organization), organization (an organization token), id (an ID token), opaque and personal (a personal access token). By default, a token is for the first audience in LOGTO_AUDIENCE (in the environment, .env.local or .env) or ${DEV_ISSUER_ENV_VARIABLES.LOGTO_AUDIENCE}, the user ${DEFAULT_USER}, the application ${DEFAULT_CLIENT_ID} and, if it belongs to an organization, ${DEFAULT_ORGANIZATION}.

Exit codes: 0 stopped (Ctrl-C), 1 a port is in use, 2 wrong usage.
`

const FLAGS = /** @type {const} */ ({
  port: { type: 'string' },
  'page-port': { type: 'string' },
  'token-lifetime': { type: 'string' },
  json: { type: 'boolean' },
})

/** A year. */
const MAX_TOKEN_LIFETIME_SECONDS = 31_536_000

/** @type {import('./run').Command['run']} */
async function run(args, surroundings) {
  const { stdout, stderr, env, cwd } = surroundings
  const { values, positionals } = readArguments(args, FLAGS)
  if (positionals.length > 0) throw new UsageError('dev takes only options')
  const port = readNumber('port', values.port) ?? Number(new URL(DEV_ISSUER_ENV_VARIABLES.LOGTO_URL).port)
  const pagePort = readNumber('page-port', values['page-port']) ?? (port === 0 ? 0 : port + 1)
  const tokenLifetime = readNumber('token-lifetime', values['token-lifetime']) ?? 3600
  if (!Number.isInteger(tokenLifetime) || tokenLifetime < 1 || tokenLifetime > MAX_TOKEN_LIFETIME_SECONDS)
    throw new UsageError(`--token-lifetime takes a whole number of seconds, from 1 to ${MAX_TOKEN_LIFETIME_SECONDS}`)
  const audiences = lookUpVariable('LOGTO_AUDIENCE', env, cwd())?.value ?? DEV_ISSUER_ENV_VARIABLES.LOGTO_AUDIENCE
  const [audience] = audiences.split(/\s+/)
  const routes = exampleRoutes(cwd(), env)
  const reportRejectedToken = (/** @type {string} */ request, /** @type {string} */ reason) =>
    stderr.write(`${toPrintable(`${request} was rejected: ${reason}`)}\n`)
  /** @type {{ close(): Promise<void> }[]} */
  const servers = []
  let pageUrl = ''
  const signIn = createSignIn(tokenLifetime)
  /** @type {import('../testing/issuer').RequestHandler} */
  const handleRequest = (request, response, route, issuer) =>
    route === '/' ? linkToPage(response, pageUrl) : signIn(request, response, route, issuer)
  try {
    const issuer = await startOnPort('--port', port, () => startIssuer({ port }, handleRequest))
    servers.push(issuer)
    const page = await startOnPort('--page-port', pagePort, () =>
      startPage(issuer, pagePort, { routes, audience, tokenLifetime }, reportRejectedToken),
    )
    servers.push(page)
    pageUrl = page.url
    const urls = { logtoUrl: issuer.logtoUrl, page: page.url }
    const text = values.json ? `${JSON.stringify(urls)}\n` : introduction(urls, audiences, routes, surroundings)
    // The signal handler is installed before the URLs are printed, because a script may send the signal as soon as it
    // reads the URLs.
    const stopped = new Promise((resolve) => {
      for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
        surroundings.once?.(signal, () => resolve(undefined))
    })
    stdout.write(text)
    await stopped
    return 0
  } finally {
    await Promise.all(servers.map((server) => server.close()))
  }
}

/** @type {(response: import('node:http').ServerResponse, url: string) => true} */
function linkToPage(response, url) {
  response
    .writeHead(200, { 'Content-Type': 'text/html' })
    .end(`<!doctype html><title>Local issuer</title><p>Create tokens at <a href="${url}">${url}</a>.</p>\n`)
  return true
}

/**
 * Returns the text that `dev` prints when it has started: the URLs, the settings and the example requests.
 *
 * @param {{ logtoUrl: string, page: string }} urls
 * @param {string} audiences
 * @param {import('./example-routes').Routes} routes
 * @param {import('./run').Surroundings} surroundings
 */
function introduction({ logtoUrl, page }, audiences, routes, { stdout, env, cwd }) {
  const paint = createPainter(stdout, env)
  const width = widthOf(stdout)
  const hasSeveralAudiences = /\s/.test(audiences)
  const configured = lookUpVariable('LOGTO_URL', env, cwd())
  const isOtherServer = configured !== undefined && native.issuer(configured.value) !== native.issuer(logtoUrl)
  const notes = [
    ...(hasSeveralAudiences ? [wrapText(SEVERAL_AUDIENCES_NOTE, '  ', width)] : []),
    ...(isOtherServer
      ? [`${paint.warn('!')} ${wrapText(otherServerWarning(configured), '  ', width).trimStart()}`]
      : []),
    wrapText(SIGN_IN_NOTE, '  ', width),
    wrapText(INTROS[routes.application](routes.portNote), '  ', width),
    exampleCommands(page, routes, width),
    paint.dim(wrapText(DEVELOPMENT_NOTE, '  ', width)),
  ]
  return `${paint.good('✓')} Issuer  ${paint.bold(logtoUrl)}
${paint.good('✓')} Page    ${paint.bold(page)}

  Settings of your API:
    LOGTO_URL=${logtoUrl}
    LOGTO_AUDIENCE=${toPrintable(hasSeveralAudiences ? `"${audiences}"` : audiences)}

${notes.join('\n\n')}
`
}

const SEVERAL_AUDIENCES_NOTE = 'Tokens are for the first audience, unless a request contains audience=…'

/** @type {(configured: { value: string, source: string }) => string} */
const otherServerWarning = ({ value, source }) => {
  const advice = source.startsWith('.env')
    ? 'change it there, or in the environment, which overrides the file'
    : 'change it'
  return `In ${source}, LOGTO_URL is ${toPrintable(value)}, and not the URL above. To accept the tokens of the local issuer, ${advice}, and restart the API.`
}

const DEVELOPMENT_NOTE = 'For development only: anyone on this machine can create any token. Press Ctrl-C to stop.'

const SIGN_IN_NOTE = "Users can sign in here through Logto's SDKs, with any App ID and App secret."

/**
 * The sentence above the example requests, which depends on whether the current folder contains an application.
 *
 * @type {Record<import('./example-routes').Routes['application'], (portNote: string) => string>}
 */
const INTROS = {
  existing: (portNote) => `Requests to the application in this folder${portNote}:`,
  planned: (portNote) => `Requests to the application in this folder, after \`npx logto-authkit init\`${portNote}:`,
  unknown: () =>
    'Requests to an API with the routes /me (in Next.js: /api/me) and /orders, which requires read:orders.',
}

/**
 * Returns commands that create tokens and send them to an API, with the expected responses. The expected responses are
 * not written as shell comments, because an interactive zsh would run a pasted comment as a command.
 *
 * @param {string} page
 * @param {import('./example-routes').Routes} routes
 * @param {number} width
 */
function exampleCommands(page, { url, me, orders, allowsGuests }, width) {
  const rejection = allowsGuests ? '200 (as a guest), or 401 if the route requires a user' : '401'
  const request = (/** @type {string} */ url) => `curl -iw '\\n' ${quote(url.replace('http://', ''))}`
  const send = (/** @type {string} */ url) => `${request(url)} -H "Authorization: Bearer $TOKEN"`
  const get = (/** @type {string} */ query) => `TOKEN=$(curl -fsS '${page}/token?${query}')`
  const groups =
    me === null
      ? [
          url === new URL(url).origin
            ? ['Replace / with the path of a protected route, which responds with 401 to requests without a token.']
            : [`Without a token, expect ${rejection}:`, request(url)],
          ['With a token:', get('sub=alice&scope=read:orders'), send(url.replace(/:\d+$/, '$&/'))],
        ]
      : [
          [`Without a token, expect ${rejection}:`, request(me)],
          [`With a token, expect 200 from ${new URL(me).pathname}:`, get('sub=alice'), send(me)],
          ...(orders === null
            ? []
            : [
                [`Without the scope, expect 403 from ${new URL(orders).pathname}:`, send(orders)],
                ['With the scope, expect 200:', get('sub=alice&scope=read:orders'), send(orders)],
              ]),
          [
            `With an opaque token, or with kind=personal or kind=id, expect ${rejection}:`,
            get('kind=opaque'),
            send(me),
          ],
        ]
  return groups
    .map(([text, ...commands]) =>
      [wrapText(text, '  ', width), ...commands.map((line) => `    ${toPrintable(line)}`)].join('\n'),
    )
    .join('\n\n')
}

/**
 * @template T
 * @param {string} flag
 * @param {number} port
 * @param {() => Promise<T>} start
 * @returns {Promise<T>}
 */
async function startOnPort(flag, port, start) {
  try {
    return await start()
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error)
    if (code !== 'EADDRINUSE') throw error
    throw new Error(
      `port ${port} is in use: if another \`logto-authkit dev\` is running, use it or stop it; otherwise choose another port with ${flag}, or 0 for any free port`,
    )
  }
}

module.exports = { HELP, run }
