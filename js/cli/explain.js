/** `logto-authkit explain`: shows the content of a token, and why it is accepted or rejected. */

const { contract, defaultOptions } = require('../core/contract')
const { AuthError } = require('../core/errors')
const { create } = require('../core/options')
const { verifyLogtoToken } = require('../index')
const { UsageError, positionalsOf, readArguments } = require('./arguments')
const { hints } = require('./hints')
const { formatDate, formatDuration } = require('./times')
const { FOUND_IN_WHOLE_INPUT, findToken, readInput } = require('./input')
const { locateToken } = require('./input-problems')
const { createPainter, toPrintable, printableJson, widthOf, wrapText } = require('./terminal')
const { FLAGS, HELP: OPTIONS_HELP, readOptions } = require('./verify-options')

/**
 * @typedef {import('../..').VerifyAuthOptions} Options
 * @typedef {{ code: string, status: number, message: string, details: any, cause: string | null }} Rejection
 * @typedef {{ id: string, title: string, verdict: 'pass' | 'fail' | 'not_checked', reason?: string } & Partial<Rejection>} Check
 * @typedef {{ verdict: 'accepted' | 'rejected' | 'unverified', verified: boolean, token: string, header: any, claims: any,
 *   rejection: Rejection | null, checks: Check[] }} Report - The core's report.
 * @typedef {Awaited<ReturnType<typeof explain>>} Explanation
 */

const HELP = `Usage: logto-authkit explain [options] [token]

Shows the content of a token, the verdict of every check, and the likely cause of a failure. The token never leaves this machine. The keys are fetched from the URL in --url or LOGTO_URL (in the environment, .env.local or .env), or read from a file with --jwks. Without a URL or a file, the signature is not checked.

Without a token, or with \`-\`, explain reads standard input, which keeps the token out of the history of your shell. The input may be a token, the headers of a request, a curl command, JSON, a Set-Cookie header or a URL.

${OPTIONS_HELP}

  --json                 machine-readable output
  --help, -h             show this help

Exit codes: 0 accepted, 1 rejected or in a URL, 2 wrong usage, 3 no failed check, but the signature was not checked.

Examples:
  npx logto-authkit explain - --url https://auth.example.com --audience https://api.example.com
  pbpaste | npx logto-authkit explain -
  npx logto-authkit explain - --options ./auth-options.js < request-headers.txt
`

/** @type {import('./run').Command['run']} */
async function run(args, surroundings) {
  const { stdout, env } = surroundings
  const flags = { ...FLAGS, json: /** @type {const} */ ({ type: 'boolean' }) }
  // Without this check, the options of a curl command would be reported as unknown.
  if (positionalsOf(args, flags).includes('curl'))
    throw new UsageError('To explain a curl command, run `npx logto-authkit explain -` and paste the command')
  const { values, positionals } = readArguments(args, flags)
  if (positionals.length === 2 && /^bearer$/i.test(positionals[0])) positionals.shift()
  if (positionals.length > 1) throw new UsageError('explain takes one token, or reads it from standard input')
  const options = await readOptions(values, surroundings)
  const result = await explain(await readInput(positionals[0] ?? '-', surroundings), options)
  if (positionals[0]?.trim() === '') result.hints = [{ text: 'The argument is empty: is the variable set?' }]
  if (result.verdict === 'unverified')
    result.hints.unshift({ text: 'To check the signature, pass the URL of your Logto with --url, or set LOGTO_URL.' })
  const text = () => formatExplanation(result, createPainter(stdout, env), widthOf(stdout), options)
  const sentences = result.hints.map(({ text, command }) => (command === undefined ? text : `${text} ${command}`))
  stdout.write(values.json ? `${printableJson({ ...result, hints: sentences })}\n` : text())
  return result.verdict === 'accepted' && !result.isRead ? EXIT_CODES.rejected : EXIT_CODES[result.verdict]
}

/**
 * @param {string} input
 * @param {Options} options
 */
async function explain(input, options) {
  const found = findToken(input)
  const { verifier } = create('explain', options).core
  /** @type {Report} */
  const report = JSON.parse(await verifier.explain(found.token, found.authorization, found.cookie))
  if (options.isRevoked !== undefined) await checkRevocation(report, options)
  const { verdict, verified, header, claims, checks, rejection } = report
  const isRead = found.unread === undefined || options.getToken !== undefined
  const failedChecks = checks.filter((check) => check.verdict === 'fail')
  const { cookieName = DEFAULTS.cookieName, tokenSources = DEFAULTS.tokenSources } = options
  const isMisplaced =
    rejection?.code === 'missing_token' && rejection.details.reason === undefined && /\beyJ[\w-]+\.eyJ/.test(input)
  const { foundIn, notes } = locateToken(found, report.token, { cookieName, tokenSources })
  const advice =
    found.problem === undefined
      ? hints(/** @type {any} */ (failedChecks), {
          header,
          claims,
          options,
          verified,
          token: report.token,
          authorization: found.authorization,
          cookie: found.cookie,
        })
      : [{ text: found.problem }]
  return {
    verdict,
    code: rejection?.code ?? null,
    status: rejection?.status ?? null,
    message: rejection?.message ?? null,
    details: rejection?.details ?? null,
    cause: rejection?.cause ?? null,
    foundIn,
    isRead,
    verified,
    header,
    claims,
    checks,
    /** @type {import('./hints').Hint[]} */
    hints: [
      ...(isRead ? [] : [{ text: unreadTokenHint(/** @type {any} */ (found.unread)) }]),
      ...(found.note === undefined ? [] : [{ text: found.note }]),
      ...(isMisplaced ? [MISPLACED_NOTE] : notes).map((text) => ({ text })),
      ...advice,
    ],
  }
}

/**
 * If a token has passed every other check, verifies the token again with the application's `isRevoked`, and adds the
 * result to the report.
 *
 * @param {Report} report
 * @param {Options} options
 */
async function checkRevocation(report, options) {
  const check = /** @type {Check} */ (report.checks.find(({ id }) => id === 'revocation'))
  check.reason = NOT_REACHED_REASON
  if (report.verdict !== 'accepted') return
  delete check.reason
  try {
    await verifyLogtoToken(report.token, options)
    check.verdict = 'pass'
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    const { code, status, message, details } = error
    report.rejection = { code, status, message, details, cause: null }
    report.verdict = 'rejected'
    Object.assign(check, { verdict: 'fail' }, report.rejection)
  }
}

/**
 * @param {Explanation} result
 * @param {import('./terminal').Paint} paint
 * @param {number} width
 * @param {Options} options
 */
function formatExplanation(
  { verdict, code, status, message, foundIn, isRead, verified, header, claims, checks, hints },
  paint,
  width,
  options,
) {
  const lines = []
  if (verdict === 'accepted') lines.push(formatAcceptance(isRead, checks, paint))
  if (verdict === 'unverified') lines.push(paint.warn('- No check failed, but the signature was not checked'))
  if (verdict === 'rejected')
    lines.push(paint.bad(`✗ Rejected: ${code} (${status})`), wrapText(toPrintable(message ?? ''), '  ', width))
  for (const { text, command } of hints) {
    // Commands are not wrapped, because a command with line breaks could not be pasted into a shell.
    lines.push('', wrapText(text, '  ', width), ...(command === undefined ? [] : [`    ${command}`]))
  }
  if (code !== 'missing_token' && foundIn !== FOUND_IN_WHOLE_INPUT)
    lines.push('', wrapText(`The token was found in ${toPrintable(foundIn)}.`, '', width))
  if (header !== null || claims !== null) lines.push('')
  if (header !== null) lines.push(paint.bold('Header'), ...formatMembers(header, width))
  if (claims !== null) {
    const trust = verified ? paint.good('verified') : paint.warn('NOT verified: anyone could have written this')
    lines.push(
      `${paint.bold('Claims')} (${trust})`,
      ...formatMembers(claims, width, /** @type {Date} */ (options.currentDate)),
    )
  }
  lines.push('', paint.bold('Checks'))
  const claimChecks = checks.slice(checks.findIndex(({ id }) => id === 'payload'))
  for (const check of checks.filter(({ reason }) => reason !== NOT_REACHED_REASON)) {
    const { id, title, verdict, message, reason } = check
    const condition = verified || !claimChecks.includes(check) ? '' : ', if the signature is valid'
    const flags = FLAGS_BY_CHECK[id] && reason !== MALFORMED_CLAIM_REASON ? `; see ${FLAGS_BY_CHECK[id]}` : ''
    const wrapRow = (/** @type {string} */ text) => wrapText(text, '    ', width).trimStart()
    if (verdict === 'pass') lines.push(`  ${paint.good('✓')} ${wrapRow(title + condition)}`)
    else if (verdict === 'fail') lines.push(`  ${paint.bad('✗')} ${wrapRow(`${title}: ${toPrintable(message ?? '')}`)}`)
    else lines.push(paint.dim(`  - ${wrapRow(`${title}: not checked (${reason}${flags})`)}`))
  }
  if (checks.some(({ reason }) => reason === NOT_REACHED_REASON))
    lines.push(paint.dim('  - the other checks were not reached'))
  return `${lines.join('\n')}\n`
}

/** @type {(isRead: boolean, checks: Check[], paint: import('./terminal').Paint) => string} */
function formatAcceptance(isRead, checks, paint) {
  if (!isRead) return paint.warn('! The token is valid, but the server does not find it')
  const isForAnyAudience = checks.find(({ id }) => id === 'aud')?.verdict === 'not_checked'
  return isForAnyAudience ? paint.warn('! Accepted, but for any audience') : paint.good('✓ Accepted')
}

/**
 * Formats the members of a JSON object, one per line. Truncates long values, and adds the date to Unix times.
 *
 * @param {Record<string, unknown>} object
 * @param {number} width
 * @param {Date} [now]
 */
function formatMembers(object, width, now) {
  return Object.entries(object).map(([name, value]) => {
    const json = toPrintable(JSON.stringify(value))
    const shortJson = json.length > MAX_VALUE_LENGTH ? `${json.slice(0, MAX_VALUE_LENGTH)}…` : json
    const isTime =
      now && TIME_CLAIMS.includes(name) && typeof value === 'number' && Math.abs(value) < YEAR_10000_SECONDS
    const member = `  ${toPrintable(name)}: ${shortJson}`
    if (!isTime) return member
    const time = `(${formatTime(value, now)})`
    return member.length + time.length + 2 > width ? `${member}\n    ${time}` : `${member}  ${time}`
  })
}

/**
 * @param {number} seconds
 * @param {Date} now
 */
function formatTime(seconds, now) {
  const age = now.getTime() / 1000 - seconds
  return `${formatDate(seconds)}, ${age >= 0 ? `${formatDuration(age)} ago` : `in ${formatDuration(-age)}`}`
}

/** @type {(unread: { place: string, name: string }) => string} */
const unreadTokenHint = ({ place, name }) =>
  `The server would respond with 401 missing_token, because it does not read tokens from ${place}. Send the token as \`Authorization: Bearer <token>\`, or read ${name} with the option getToken.`

/** @type {Record<Report['verdict'], number>} */
const EXIT_CODES = { accepted: 0, rejected: 1, unverified: 3 }
/** @type {Record<string, string>} - The flags and environment variables that enable each check. */
const FLAGS_BY_CHECK = {
  key: '--url, LOGTO_URL, --jwks',
  signature: '--url, LOGTO_URL, --jwks',
  iss: '--url, LOGTO_URL, --issuer',
  aud: '--audience, LOGTO_AUDIENCE',
  organization: '--organization, --no-organization',
  scope: '--scope',
  role: '--role',
}
const MISPLACED_NOTE =
  'The input contains a JWT, but neither after `Bearer` in the Authorization header nor in the cookie of the token.'
const DEFAULTS = defaultOptions('explain')
const { notReached: NOT_REACHED_REASON, malformedClaim: MALFORMED_CLAIM_REASON } = contract().checkReasons
const TIME_CLAIMS = ['iat', 'exp', 'nbf', 'auth_time']
const YEAR_10000_SECONDS = 253_402_300_800
const MAX_VALUE_LENGTH = 500

module.exports = { HELP, run }
