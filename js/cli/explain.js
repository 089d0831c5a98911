/** `logto-authkit explain`: what is in a token, and why it is accepted or refused. */

const { UsageError, readArguments } = require('./arguments')
const { NOT_REACHED, examine, parsed } = require('./checks')
const { date, hints, span } = require('./hints')
const { readInput, tokenOf } = require('./input')
const { painter, printable, printableJson, wrapped } = require('./terminal')
const { FLAGS, HELP: OPTIONS_HELP, readOptions } = require('./verify-options')

/** @typedef {Awaited<ReturnType<typeof explanation>>} Explanation */

const HELP = `Usage: logto-authkit explain [options] <token | ->

Says what is in a token, every check with its verdict, and what probably went wrong.
The token goes nowhere; with --url the keys are fetched, with --jwks read from a file, else
the signature is not checked. Prefer \`-\`, which reads the token, or the headers of a request
that carries it, from the standard input: an argument stays in your shell's history.

${OPTIONS_HELP}

  --json                 for machines
  --help, -h             this text

Exit codes: 0 accepted, 1 refused, 2 wrong usage, 3 nothing wrong found, but the signature not checked.

Examples:
  pbpaste | npx logto-authkit explain - --url https://auth.example.com --audience https://api.example.com
  npx logto-authkit explain - --options ./auth-options.js < request-headers.txt
`

/** @type {import('./run').Command['run']} */
async function run(args, surroundings) {
  const { stdout, env } = surroundings
  const { values, positionals } = readArguments(args, { ...FLAGS, json: { type: 'boolean' } })
  if (positionals.length !== 1) throw new UsageError('explain takes one token, or - to read it from the standard input')
  const given = await readOptions(values)
  const result = await explanation(await readInput(positionals[0], surroundings), given)
  stdout.write(values.json ? `${printableJson(result)}\n` : text(result, painter(stdout, env), given.options))
  return EXIT_CODES[result.verdict]
}

/**
 * @param {string} input
 * @param {import('./checks').Given} given
 */
async function explanation(input, given) {
  const { token, error: undecided } = await tokenOf(input, given.options)
  const examined = await examine(token, given)
  const { rows, verified } = examined
  const error = undecided ?? examined.error
  const [first, second, ...more] = token.split('.')
  const isJwt = more.length === 1
  const header = isJwt ? parsed(first) : null
  const claims = isJwt ? parsed(second) : null
  const its = { header, claims, options: given.options, token }
  return {
    verdict: error ? REFUSED : verified ? ACCEPTED : UNVERIFIED,
    code: error?.code ?? null,
    status: error?.status ?? null,
    message: error?.message ?? null,
    details: error?.details ?? null,
    cause: error?.cause instanceof Error ? error.cause.message : null,
    verified,
    header,
    claims,
    checks: rows.map((row) =>
      undecided && row.id === 'present'
        ? { ...row, verdict: 'fail', code: undecided.code, message: undecided.message }
        : row,
    ),
    hints: hints(undecided ? [undecided] : examined.errors, its),
  }
}

/**
 * @param {Explanation} result
 * @param {import('./terminal').Paint} paint
 * @param {import('../..').VerifyAuthOptions} options
 */
function text({ verdict, code, status, message, verified, header, claims, checks, hints }, paint, options) {
  const lines = []
  if (header !== null) lines.push(paint.bold('Header'), ...indented(header))
  if (claims !== null) {
    const trust = verified ? paint.good('verified') : paint.warn('NOT verified: anybody could have written this')
    lines.push(`${paint.bold('Claims')} (${trust})`, ...indented(claims, options.currentDate))
  }
  lines.push('', paint.bold('Checks'))
  for (const { id, check, verdict, message, why } of checks.filter((row) => row.why !== NOT_REACHED)) {
    const believed = verified || !CLAIMS.includes(id)
    if (verdict === 'pass')
      lines.push(`  ${paint.good('✓')} ${check}${believed ? '' : paint.dim(', if the signature holds')}`)
    else if (verdict === 'fail') lines.push(`  ${paint.bad('✗')} ${check}: ${paint.bad(printable(message ?? ''))}`)
    else lines.push(paint.dim(`  - ${check}: not checked (${why})`))
  }
  if (checks.some((row) => row.why === NOT_REACHED)) lines.push(paint.dim('  - the others were not reached'))
  lines.push('')
  if (verdict === ACCEPTED) lines.push(paint.good('✓ Accepted'))
  if (verdict === UNVERIFIED) lines.push(paint.warn('- Nothing wrong found, but the signature was not checked'))
  if (verdict === REFUSED) lines.push(paint.bad(`✗ Refused: ${code} (${status})`), `  ${printable(message ?? '')}`)
  for (const hint of hints) lines.push('', wrapped(hint, '  '))
  return `${lines.join('\n')}\n`
}

/**
 * JSON as it stands in the token, long values cut, times also for people.
 *
 * @param {Record<string, unknown>} object
 * @param {Date} [now]
 */
function indented(object, now) {
  return Object.entries(object ?? {}).map(([name, value]) => {
    const json = printable(JSON.stringify(value))
    const shown = json.length > LONGEST_VALUE ? `${json.slice(0, LONGEST_VALUE)}…` : json
    const isTime = now && TIMES.includes(name) && typeof value === 'number' && Math.abs(value) < LATEST
    return `  ${printable(name)}: ${shown}${isTime ? `  (${moment(value, now)})` : ''}`
  })
}

/**
 * @param {number} seconds
 * @param {Date} now
 */
function moment(seconds, now) {
  const past = now.getTime() / 1000 - seconds
  return `${date(seconds)}, ${past >= 0 ? `${span(past)} ago` : `in ${span(-past)}`}`
}

const ACCEPTED = 'accepted'
const REFUSED = 'refused'
const UNVERIFIED = 'unverified'
/** @type {Record<string, number>} */
const EXIT_CODES = { [ACCEPTED]: 0, [REFUSED]: 1, [UNVERIFIED]: 3 }
const TIMES = ['iat', 'exp', 'nbf', 'auth_time']
const LATEST = 253_402_300_800
const LONGEST_VALUE = 500
const CLAIMS = ['payload', 'iss', 'aud', 'exp', 'nbf', 'types', 'organization', 'scope', 'role']

module.exports = { HELP, explanation, run }
