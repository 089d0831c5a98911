/** `logto-authkit doctor`: checks that this machine can verify tokens from a Logto server, and suggests fixes. */

const { defaultOptions } = require('../core/contract')
const { correctNames, separatePrintable, verifierOptionsOf } = require('./application-options')
const { UsageError, readArguments, readNumber } = require('./arguments')
const { serverFindings } = require('./doctor-findings')
const { redisFindings } = require('./doctor-redis')
const { backchannelFindings, webhookFindings } = require('./doctor-sources')
const { formatCount, createPainter, toPrintable, printableJson, widthOf, wrapText } = require('./terminal')
const { singleOrArray, loadOptions, lookUpVariable, optionsFromEnvironment } = require('./verify-options')

/**
 * @typedef {import('./doctor-findings').Finding} Finding
 * @typedef {import('./doctor-findings').Subject} Subject
 * @typedef {{ options: object, unprintedOptions?: string[] }} FixedOptions - The corrected options, and the names of the
 *   options that JSON cannot represent.
 */

/**
 * The environment variable that contains the webhook's signing key. An argument would be visible to other users of the
 * machine.
 */
const SIGNING_KEY_VARIABLE = 'LOGTO_WEBHOOK_KEY'

const HELP = `Usage: logto-authkit doctor [--url URL] [options]
       logto-authkit doctor --options FILE
       logto-authkit doctor [--redis URL] [--webhook URL] [--backchannel URL]

Checks from this machine, with its environment, everything that verifying tokens of a Logto server requires: URL, proxy, connection, TLS, discovery, issuer, keys, algorithms, clock, audience.

  --url URL          Logto's base URL (option logtoUrl; default: LOGTO_URL from the environment or .env)
  --audience AUD     API identifier (option audience; repeatable; default: LOGTO_AUDIENCE)
  --issuer ISS       accepted issuer, if you set the option issuer (repeatable)
  --jwks-uri URL     URL of the key set, if you set the option jwksUri
  --algorithm ALG    accepted algorithm, if you set the option algorithms (repeatable)
  --timeout MS       per request (default: ${defaultOptions('verifier').jwksTimeoutMs})
  --options FILE     a module or JSON file with your application's options; flags override them
  --fix              print the corrected options; the file is not changed

Revocations. With these flags, the Logto server is checked only with --url or --options:

  --redis URL        check the Redis or Valkey of redisStore, with the client that is installed here. For a URL with a password, the name of the environment variable that contains it
  --redis-prefix P   the prefix of redisStore (default: ${defaultOptions('redisStore').prefix})
  --webhook URL      send a signed and a forged test event to your webhook. The signing key is read from the variable ${SIGNING_KEY_VARIABLE} in the environment, .env.local or .env
  --backchannel URL  check whether logout tokens from Logto can arrive at your handler

  --json             machine-readable output
  --help, -h         show this help

Exit codes: 0 no problems found (warnings are allowed), 1 problems found, 2 wrong usage.

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
  options: { type: 'string' },
  fix: { type: 'boolean' },
  redis: { type: 'string' },
  'redis-prefix': { type: 'string' },
  webhook: { type: 'string' },
  backchannel: { type: 'string' },
  json: { type: 'boolean' },
})

/** @type {import('./run').Command['run']} */
async function run(args, surroundings) {
  const { stdout, env, cwd } = surroundings
  const { values, positionals } = readArguments(args, FLAGS)
  if (positionals.length > 0) throw new UsageError('doctor takes only options')
  const checks = revocationChecks(values, env, cwd())
  const isServer = checks.length === 0 || values.url !== undefined || values.options !== undefined
  const file = /** @type {string | undefined} */ (values.options)
  const { options: own, messages, isValid } = correctNames(file === undefined ? {} : await loadOptions(file))
  const findings = file === undefined ? [] : optionsFindings(file, messages, isValid)
  // The other checks need valid options.
  const isChecked = isServer && isValid
  const subject = isChecked ? subjectOf(values, own, surroundings, messages.length > 0) : undefined
  if (subject !== undefined) findings.push(...(await serverFindings({ ...subject, env })))
  // The checks run one at a time, so that they do not slow each other down.
  for (const check of checks) findings.push(...(await check()))
  const isHealthy = findings.every(({ ok }) => ok !== false)
  const fixedOptions = values.fix && subject !== undefined ? applyFixes(own, subject, findings) : undefined
  const report = { ok: isHealthy, findings, ...fixedOptions }
  stdout.write(
    values.json
      ? `${printableJson(report)}\n`
      : formatFindings(findings, isHealthy, fixedOptions, createPainter(stdout, env), widthOf(stdout)),
  )
  return isHealthy ? 0 : 1
}

/**
 * @param {Partial<Record<keyof typeof FLAGS, any>>} flags
 * @param {Record<string, string | undefined>} env
 * @param {string} folder
 * @returns {(() => Promise<Finding[]>)[]}
 */
function revocationChecks({ redis, webhook, backchannel, ...flags }, env, folder) {
  const timeout = readNumber('timeout', flags.timeout) ?? defaultOptions('verifier').jwksTimeoutMs
  const checks = []
  if (redis !== undefined) {
    const url = readRedisUrl(redis, env)
    const prefix = flags['redis-prefix'] ?? defaultOptions('redisStore').prefix
    checks.push(() => redisFindings({ url, prefix, folder, timeout }))
  }
  if (webhook !== undefined) {
    const url = readUrl('webhook', webhook, ['http:', 'https:'])
    const signingKey = lookUpVariable(SIGNING_KEY_VARIABLE, env, folder)?.value
    if (!signingKey)
      throw new UsageError(
        `--webhook needs the signing key of the webhook in the environment variable ${SIGNING_KEY_VARIABLE}, or in .env.local or .env: export ${SIGNING_KEY_VARIABLE}=<key>`,
      )
    checks.push(() => webhookFindings({ url, signingKey, timeout }))
  }
  if (backchannel !== undefined) {
    const url = readUrl('backchannel', backchannel, ['http:', 'https:'])
    checks.push(() => backchannelFindings({ url, timeout }))
  }
  return checks
}

/**
 * @param {string} flag
 * @param {string} text - The error message omits the URL, which may contain a password.
 * @param {string[]} protocols
 */
function readUrl(flag, text, protocols) {
  const url = parseUrl(text, protocols)
  if (url !== undefined && url.username === '' && url.password === '') return text
  throw new UsageError(`--${flag} takes a URL that starts with ${protocols.join('// or ')}// without a user name`)
}

/**
 * Parses a URL that has a host and one of the given protocols. Returns undefined for any other string.
 *
 * @param {string} text
 * @param {string[]} protocols
 */
function parseUrl(text, protocols) {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && protocols.includes(url.protocol) && url.host !== '' ? url : undefined
}

/**
 * Returns the URL of Redis. Other users of the machine can see arguments, so a URL with a password must come from the
 * environment.
 *
 * @param {string} given - The URL of Redis, or the name of an environment variable that contains the URL.
 * @param {Record<string, string | undefined>} env
 */
function readRedisUrl(given, env) {
  const protocols = ['redis:', 'rediss:']
  if (!/^\w+$/.test(given)) {
    if (URL.canParse(given) && new URL(given).password !== '')
      throw new UsageError('--redis takes no password: pass the name of an environment variable that contains the URL')
    return readUrl('redis', given, protocols)
  }
  const text = env[given] ?? ''
  if (parseUrl(text, protocols) !== undefined) return text
  throw new UsageError(`the environment variable ${given} must contain a URL that starts with redis:// or rediss://`)
}

/**
 * @param {string} file
 * @param {string[]} messages - The errors with which the library rejects the options in the file.
 * @param {boolean} isCorrected - Whether the options are valid once their names are corrected.
 * @returns {Finding[]}
 */
function optionsFindings(file, messages, isCorrected) {
  const check = 'Options'
  if (messages.length === 0) return [{ check, ok: true, found: `${file} is valid` }]
  const consequence = 'The library rejects these options, so the server was not checked, and no option was corrected. '
  const advice = `${isCorrected ? '' : consequence}Correct ${file}${isCorrected ? '' : ', and run doctor again'}.`
  const fix = isCorrected ? {} : undefined
  return messages.map((found, i) => ({ check, ok: false, found, fix, ...(i === messages.length - 1 && { advice }) }))
}

/**
 * Returns the options to check: the options in the application's file, overridden by flags. As in the application,
 * missing options are read from environment variables.
 *
 * @param {Partial<Record<keyof typeof FLAGS, any>>} flags
 * @param {object} options - The options in the application's file.
 * @param {import('./verify-options').Surroundings} surroundings
 * @param {boolean} hasFindings - Whether there is something to report even without the URL of a server.
 * @returns {Omit<Subject, 'env'> | undefined}
 */
function subjectOf(flags, options, surroundings, hasFindings) {
  const own = verifierOptionsOf(options)
  const explicitOptions = {
    logtoUrl: flags.url ?? own.logtoUrl,
    audience: singleOrArray(flags.audience) ?? own.audience,
    issuer: singleOrArray(flags.issuer) ?? own.issuer,
    jwksUri: flags['jwks-uri'] ?? own.jwksUri,
    algorithms: flags.algorithm ?? own.algorithms,
    jwksCa: own.jwksCa,
    timeout: readNumber('timeout', flags.timeout) ?? own.jwksTimeoutMs,
  }
  const variables = optionsFromEnvironment(explicitOptions, surroundings)
  const subject = { ...explicitOptions, ...variables, isUrlFromEnvironment: variables.logtoUrl !== undefined }
  if (subject.logtoUrl === undefined) {
    if (hasFindings) return undefined
    throw new UsageError(
      'doctor needs the URL of a Logto server: pass --url or --options, or set LOGTO_URL in the environment, .env.local or .env.',
    )
  }
  const entries = Object.entries(subject).filter(([name, value]) => value != null || name === 'audience')
  return /** @type {any} */ (Object.fromEntries(entries))
}

/**
 * Applies the fixes for all findings to the application's options.
 *
 * @param {object} own - The options in the application's file.
 * @param {Omit<Subject, 'env'>} subject
 * @param {Finding[]} findings
 * @returns {FixedOptions}
 */
function applyFixes(own, { timeout, isUrlFromEnvironment: _, ...options }, findings) {
  const jwksTimeoutMs = timeout === undefined ? {} : { jwksTimeoutMs: timeout }
  const corrected = Object.assign({}, own, options, jwksTimeoutMs, ...findings.map(({ fix }) => fix))
  // In the options of `mcpAuth`, the audience is the `resource`.
  if (corrected.audience === corrected.resource) delete corrected.audience
  const { printable, unprintable } = separatePrintable(corrected)
  return { options: printable, ...(unprintable.length > 0 && { unprintedOptions: unprintable }) }
}

/**
 * @param {Finding[]} findings
 * @param {boolean} isHealthy
 * @param {FixedOptions | undefined} fixedOptions
 * @param {import('./terminal').Paint} paint
 * @param {number} width
 */
function formatFindings(findings, isHealthy, fixedOptions, paint, width) {
  const lines = findings.flatMap(({ check, ok, found, advice }) => {
    const undecidedMark = advice ? paint.warn('!') : paint.dim('-')
    const mark = ok === null ? undecidedMark : ok ? paint.good('✓') : paint.bad('✗')
    const line = `${mark} ${paint.bold(check.padEnd(11))} ${wrapText(toPrintable(found), INDENT, width).trimStart()}`
    return advice ? [line, wrapText(toPrintable(advice), INDENT, width)] : [line]
  })
  const problems = isHealthy
    ? 'No problems found'
    : formatCount(findings.filter(({ ok }) => ok === false).length, 'problem')
  const warnings = findings.filter(({ ok, advice }) => ok === null && advice).length
  const counts = warnings === 0 ? `${problems}.` : `${problems}, ${formatCount(warnings, 'warning')}.`
  const summary = isHealthy ? paint.good(counts) : paint.bad(counts)
  const checksWithoutFix = findings.filter(({ ok, fix }) => ok === false && fix === undefined).map(({ check }) => check)
  const title = `Corrected options${checksWithoutFix.length > 0 ? `, except for: ${checksWithoutFix.join(', ')}` : ''}`
  if (fixedOptions === undefined) return `${lines.join('\n')}\n\n${summary}\n`
  if (isHealthy) return `${lines.join('\n')}\n\n${summary} The options need no correction.\n`
  const { options, unprintedOptions = [] } = fixedOptions
  const names = toPrintable(unprintedOptions.join(', '))
  const note =
    names === '' ? '' : `\n${wrapText(`Keep these options, which cannot be printed: ${names}.`, '', width)}\n`
  return `${lines.join('\n')}\n\n${summary}\n\n${paint.bold(title)}\n${printableJson(options)}\n${note}`
}

/** The indentation of the second and later lines of a finding. */
const INDENT = ' '.repeat(14)

module.exports = { HELP, run }
