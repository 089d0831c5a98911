/** `logto-authkit doctor`: whether this machine can verify tokens of a Logto server, and what to do if not. */

const { UsageError, readArguments, readNumber } = require('./arguments')
const { examineServer } = require('./examination')
const { painter, printable, printableJson, wrapped } = require('./terminal')

const HELP = `Usage: logto-authkit doctor --url URL [options]

Checks, from this machine and with its environment, what verifying tokens of a Logto server takes:
address, proxy, connection, TLS, discovery, issuer, keys, algorithms, clock, audience.

  --url URL          Logto's base address, the option logtoUrl
  --audience AUD     the API resource (several times)
  --issuer ISS       the option issuer, if it is set (several times)
  --jwks-uri URL     the option jwksUri, if it is set
  --algorithm ALG    the option algorithms, if it is set (several times)
  --timeout MS       for each request (default: 5000)
  --json             for machines
  --help, -h         this text

Exit codes: 0 all is well, 1 something is not, 2 wrong usage.

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
  if (values.url === undefined) throw new UsageError('doctor takes the address of a Logto server: --url')
  if (positionals.length > 0) throw new UsageError('doctor takes options only')
  const findings = await examineServer(
    /** @type {import('./examination').Subject} */ ({
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
    values.json ? `${printableJson({ ok: isWell, findings })}\n` : text(findings, isWell, painter(stdout, env)),
  )
  return isWell ? 0 : 1
}

/**
 * @param {import('./examination').Finding[]} findings
 * @param {boolean} isWell
 * @param {import('./terminal').Paint} paint
 */
function text(findings, isWell, paint) {
  const lines = findings.flatMap(({ check, ok, found, advice }) => {
    const mark = ok === null ? paint.dim('-') : ok ? paint.good('✓') : paint.bad('✗')
    const line = `${mark} ${paint.bold(check.padEnd(11))} ${printable(found)}`
    return advice ? [line, wrapped(printable(advice), ' '.repeat(14))] : [line]
  })
  const count = findings.filter(({ ok }) => ok === false).length
  const summary = isWell ? paint.good('All is well.') : paint.bad(`${count} ${count === 1 ? 'problem' : 'problems'}.`)
  return `${lines.join('\n')}\n\n${summary}\n`
}

module.exports = { HELP, run }
