/** Reads the options of `verifyAuth` from flags, an options file and environment variables. */

const { existsSync } = require('node:fs')
const { readFile } = require('node:fs/promises')
const { join, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')
const native = require('../core/addon')
const { contract, defaultOptions } = require('../core/contract')
const { NO_VARIABLES, readEnvFile } = require('../core/environment')
const { valueOrThrow } = require('../core/errors')
const { checkApplicationOptions, verifierOptionsOf } = require('./application-options')
const { UsageError, readNumber } = require('./arguments')

/**
 * @typedef {import('../..').VerifyAuthOptions} Options
 * @typedef {Pick<import('./run').Surroundings, 'env' | 'cwd' | 'stderr'>} Surroundings
 */

const FLAGS = /** @type {const} */ ({
  url: { type: 'string' },
  audience: { type: 'string', multiple: true },
  issuer: { type: 'string', multiple: true },
  'jwks-uri': { type: 'string' },
  jwks: { type: 'string' },
  scope: { type: 'string', multiple: true },
  'any-scope': { type: 'boolean' },
  role: { type: 'string', multiple: true },
  'role-claim': { type: 'string', multiple: true },
  organization: { type: 'string' },
  'no-organization': { type: 'boolean' },
  'token-type': { type: 'string' },
  'any-type': { type: 'boolean' },
  algorithm: { type: 'string', multiple: true },
  'clock-tolerance': { type: 'string' },
  at: { type: 'string' },
  timeout: { type: 'string' },
  options: { type: 'string' },
})

const { algorithms, jwksTimeoutMs, roleClaims, tokenType } = defaultOptions('explain')

const HELP = `  --url URL              Logto's base URL; its keys are fetched (default: LOGTO_URL from the environment or .env)
  --audience AUD         the API resource (repeatable: one of them must match; default: LOGTO_AUDIENCE)
  --issuer ISS           the accepted issuer, instead of the URL's own (repeatable)
  --jwks-uri URL         the JWKS URL, if it differs from Logto's default
  --jwks FILE            a key set, instead of fetching one
  --scope SCOPE          a required scope (repeatable, or separated by spaces: all are required)
  --any-scope            require only one of the scopes
  --role ROLE            a required role (repeatable)
  --role-claim NAME      the claim that contains roles (default: ${roleClaims.join(', ')})
  --organization ID      the organization that the token must belong to
  --no-organization      the token must not belong to an organization
  --token-type TYP       the required typ (default: ${tokenType})
  --any-type             accept any typ
  --algorithm ALG        an accepted algorithm (repeatable; default: ${algorithms.join(' ')})
  --clock-tolerance S    tolerated clock difference in seconds
  --at TIME              the time to verify at (2026-07-01T12:00:00Z, or seconds since 1970; default: now)
  --timeout MS           timeout for fetching the keys (default: ${jwksTimeoutMs})
  --options FILE         a module or JSON file with your application's options; flags override them`

/**
 * Returns the options of `verifyAuth`. Without `logtoUrl`, neither the issuer nor the signature can be checked.
 *
 * @param {Partial<Record<keyof typeof FLAGS, any>>} flags
 * @param {Surroundings} surroundings
 * @returns {Promise<Options>}
 */
async function readOptions(flags, surroundings) {
  const own = flags.options === undefined ? {} : await loadOptions(flags.options)
  checkApplicationOptions(own)
  const organizationId = flags['no-organization'] ? null : flags.organization
  if (typeof own.organizationId === 'function' && organizationId === undefined)
    throw new UsageError(
      `In ${flags.options}, organizationId is a function of the request: pass its result with --organization or --no-organization`,
    )
  const at = flags.at === undefined ? undefined : parseTime(flags.at)
  const explicitOptions = {
    // Explicit `undefined` values are kept, because the core reports values that must not be `undefined`.
    ...verifierOptionsOf(own),
    ...withoutUndefined({
      logtoUrl: flags.url,
      audience: singleOrArray(flags.audience),
      issuer: singleOrArray(flags.issuer),
      jwksUri: flags['jwks-uri'],
      jwks: flags.jwks === undefined ? undefined : await readJson(flags.jwks),
      requiredScope: flags.scope?.flatMap(splitWords),
      scopeMode: flags['any-scope'] ? 'any' : undefined,
      requiredRole: flags.role,
      roleClaims: flags['role-claim'],
      organizationId,
      tokenType: flags['any-type'] ? null : flags['token-type'],
      algorithms: flags.algorithm,
      clockTolerance: readNumber('clock-tolerance', flags['clock-tolerance']),
      // The checks and the relative times in the output use the same current time.
      currentDate: at ?? own.currentDate ?? new Date(),
      jwksTimeoutMs: readNumber('timeout', flags.timeout),
      allowGuest: false,
    }),
  }
  const options = { ...explicitOptions, ...optionsFromEnvironment(explicitOptions, surroundings) }
  return /** @type {any} */ ({ ...options, audience: options.audience ?? null })
}

/**
 * Reads missing options from environment variables, `.env.local` and `.env`. Unlike in an application, an empty
 * variable counts as unset, because the commands also run without the option that the variable would set.
 *
 * @param {{ logtoUrl?: unknown, audience?: unknown }} explicitOptions
 * @param {Surroundings} surroundings
 * @returns {{ logtoUrl?: string, audience?: string | string[] }}
 */
function optionsFromEnvironment(explicitOptions, surroundings) {
  const env = withEnvFiles(explicitOptions, surroundings)
  /** @type {Record<string, string>} */
  const values = {}
  for (const { name, variable = '' } of contract().options.verifier) {
    const value = env[variable]?.trim()
    if (value && /** @type {any} */ (explicitOptions)[name] === undefined) values[name] = value
  }
  // The core rejects an invalid value with a message that names the variable. The verifier requires `logtoUrl` and
  // `audience`, so an option that no environment variable sets gets a valid placeholder.
  const placeholders = {
    logtoUrl: values.logtoUrl ? undefined : 'https://logto.test',
    audience: values.audience ? undefined : null,
  }
  valueOrThrow(native.checkOptions('verifier', placeholders, { ...NO_VARIABLES, ...values }))
  return /** @type {any} */ (withoutUndefined({ ...values, audience: singleOrArray(values.audience?.split(/\s+/)) }))
}

/** The files that set environment variables during development. The first file takes precedence, as in Next.js. */
const ENV_FILES = ['.env.local', '.env']

/**
 * Finds the first of these files that sets a variable to a value that is not empty.
 *
 * @param {string} variable
 * @param {string} folder
 */
const findInEnvFiles = (variable, folder) =>
  ENV_FILES.flatMap((file) => {
    const value = readEnvFile(join(folder, file))[variable]?.trim()
    return value ? { file, variable, value } : []
  })[0]

/**
 * Adds variables from `.env.local` and `.env` to the environment, if an option needs them and the environment does not
 * set them, and says so. Unlike an application, a `logto-authkit` command reads these files without `--env-file`, and
 * treats an empty variable as unset.
 *
 * @param {{ logtoUrl?: unknown, audience?: unknown }} explicitOptions
 * @param {Surroundings} surroundings
 */
function withEnvFiles(explicitOptions, { env, cwd, stderr }) {
  const found = contract().options.verifier.flatMap(({ name, variable = '' }) => {
    if (variable === '' || env[variable]?.trim() || /** @type {any} */ (explicitOptions)[name] !== undefined) return []
    return findInEnvFiles(variable, cwd()) ?? []
  })
  for (const file of ENV_FILES) {
    const names = found.filter((each) => each.file === file).map(({ variable }) => variable)
    const empty = names.filter((name) => env[name] !== undefined)
    const note = `, which \`--env-file\` does not do while they are empty in the environment: \`unset ${empty.join(' ')}\``
    if (names.length > 0) stderr.write(`Read ${names.join(' and ')} from ${file}${empty.length > 0 ? note : ''}.\n`)
  }
  return { ...env, ...Object.fromEntries(found.map(({ variable, value }) => [variable, value])) }
}

/**
 * Reads the options of an application from a module or a JSON file.
 *
 * @param {string} file
 */
async function loadOptions(file) {
  const options = file.endsWith('.json') ? await readJson(file) : await importOptions(file)
  if (Array.isArray(options))
    throw new UsageError(
      `--options ${file}: expected the options of one Logto server, not an array: save the options of each server in their own file`,
    )
  if (typeof options === 'object' && options !== null) return options
  throw new UsageError(`--options ${file}: expected ${file.endsWith('.json') ? 'an object' : EXPECTED_EXPORT}`)
}

/**
 * Returns a variable of the environment, `.env.local` or `.env` that is not empty, and the place that sets it.
 *
 * @param {string} name
 * @param {Record<string, string | undefined>} env
 * @param {string} folder
 */
function lookUpVariable(name, env, folder) {
  const value = env[name]?.trim()
  if (value) return { value, source: 'the environment' }
  const found = findInEnvFiles(name, folder)
  return found && { value: found.value, source: found.file }
}

/** @param {string} file */
async function importOptions(file) {
  const path = resolve(file)
  if (!existsSync(path)) throw new UsageError(`--options ${file}: the file does not exist`)
  const module = await import(pathToFileURL(path).href).catch(({ code, message }) => {
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION') throw new UsageError(`--options ${file}: ${UNKNOWN_EXTENSION_ADVICE}`)
    const advice = code === 'invalid_options' ? `. ${OWN_FILE_ADVICE}` : ''
    throw new UsageError(`--options ${file}: running the file failed: ${message}${advice}`)
  })
  const options = module.options ?? module.default?.options ?? module.default
  // A CommonJS module that exports nothing has an empty default export.
  return typeof options === 'object' && options !== null && Object.keys(options).length === 0 ? undefined : options
}

const OWN_FILE_ADVICE = 'Move the options of your application to a file of their own, which exports only the options'

const EXPECTED_EXPORT = `an export named \`options\`, or a default export. ${OWN_FILE_ADVICE}`

const UNKNOWN_EXTENSION_ADVICE =
  'expected a file that ends with .json, .js, .mjs or .cjs. Node.js 22.18 or later also reads TypeScript files (.ts)'

/** @param {string} file */
async function readJson(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`${file}: ${/** @type {Error} */ (error).message}`)
  }
}

/** @param {string} text */
function parseTime(text) {
  const date = /^\d+(\.\d+)?$/.test(text) ? new Date(Number(text) * 1000) : new Date(text)
  if (Number.isNaN(date.getTime())) throw new UsageError(`--at takes a time, not ${JSON.stringify(text)}`)
  return date
}

/** @param {string[] | undefined} values */
const singleOrArray = (values) => (values?.length === 1 ? values[0] : values)

/** @param {string} text */
const splitWords = (text) => text.split(' ').filter((word) => word !== '')

/** @param {Record<string, unknown>} object */
const withoutUndefined = (object) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))

module.exports = {
  FLAGS,
  HELP,
  singleOrArray,
  loadOptions,
  lookUpVariable,
  optionsFromEnvironment,
  readOptions,
}
