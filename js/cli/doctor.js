/** `logto-authkit doctor`: checks that this machine can verify tokens of a Logto server, and suggests fixes. */

const { defaults } = require('../core/contract')
const { UsageError, readArguments, readNumber } = require('./arguments')
const { serverFindings } = require('./doctor-findings')
const { painter, printable, printableJson, widthOf, wrapped } = require('./terminal')

const HELP = `Usage: logto-authkit doctor --url URL [options]

Checks from this machine, with its environment, everything that verifying tokens of a Logto server
requires: URL, proxy, connection, TLS, discovery, issuer, keys, algorithms, clock, audience.

  --url URL          Logto's base URL (option logtoUrl)
  --audience AUD     API identifier (option audience; repeatable)
  --issuer ISS       accepted issuer, if you set the option issuer (repeatable)
  --jwks-uri URL     URL of the key set, if you set the option jwksUri
  --algorithm ALG    accepted algorithm, if you set the option algorithms (repeatable)
  --timeout MS       per request (default: ${defaults('verifier').jwksTimeoutMs})
  --json             machine-readable output
  --help, -h         show this help

Exit codes: 0 no problems found, 1 problems found, 2 wrong usage.

Example:
  npx logto-authkit doctor --url https://auth.example.com --audience https://api.example.com
`

const FLAGS = /** @type {const} */ ({
  url: { type: 'string' },
  audience: { type: 'string', multiple: true },
  issuer: { type: 'string', multiple: true },
  'jwks-uri': { type: 'string' },
  algorithm: { type: 'string', multiple: true },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
})

/** @type {import('./run').Command['run']} */
async function run(args, { stdout, env }) {
  const { values, positionals } = readArguments(args, FLAGS)
  if (values.url === undefined) throw new UsageError('doctor needs the URL of a Logto server: --url')
  if (positionals.length > 0) throw new UsageError('doctor takes only options')
  const findings = await serverFindings(
    /** @type {import('./doctor-findings').Subject} */ ({
      logtoUrl: values.url,
      ...(values.audience && { audience: values.audience }),
      ...(values.issuer && { issuer: values.issuer }),
      ...(values['jwks-uri'] && { jwksUri: values['jwks-uri'] }),
      ...(values.algorithm && { algorithms: values.algorithm }),
      ...(values.timeout && { timeout: readNumber('timeout', values.timeout) }),
      env,
    }),
  )
  const isWell = findings.every(({ ok }) => ok !== false)
  stdout.write(
    values.json
      ? `${printableJson({ ok: isWell, findings })}\n`
      : text(findings, isWell, painter(stdout, env), widthOf(stdout)),
  )
  return isWell ? 0 : 1
}

/**
 * @param {import('./doctor-findings').Finding[]} findings
 * @param {boolean} isWell
 * @param {import('./terminal').Paint} paint
 * @param {number} width
 */
function text(findings, isWell, paint, width) {
  const lines = findings.flatMap(({ check, ok, found, advice }) => {
    const mark = ok === null ? paint.dim('-') : ok ? paint.good('✓') : paint.bad('✗')
    const line = `${mark} ${paint.bold(check.padEnd(11))} ${printable(found)}`
    return advice ? [line, wrapped(printable(advice), ' '.repeat(14), width)] : [line]
  })
  const count = findings.filter(({ ok }) => ok === false).length
  const summary = isWell
    ? paint.good('No problems found.')
    : paint.bad(`${count} ${count === 1 ? 'problem' : 'problems'}.`)
  return `${lines.join('\n')}\n\n${summary}\n`
}

module.exports = { HELP, run }
