/** The options of `verifyAuth`, from the command line and from a module of the application. */

const { readFile } = require('node:fs/promises')
const { resolve } = require('node:path')
const { pathToFileURL } = require('node:url')
const { UsageError, readNumber } = require('./arguments')
const { NOWHERE } = require('./probe')

/** @typedef {import('../..').VerifyAuthOptions} Options */

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

const HELP = `  --url URL              Logto's base address; its keys are fetched
  --audience AUD         the API resource (several times: any of them)
  --issuer ISS           another accepted issuer than the address's own (several times)
  --jwks-uri URL         where the keys are, if elsewhere
  --jwks FILE            a key set, instead of fetching one
  --scope SCOPE          a scope that must be there (several times, or with spaces: all of them)
  --any-scope            one of the scopes is enough
  --role ROLE            a role that must be there (several times)
  --role-claim NAME      the claim that holds roles (default: roles, role)
  --organization ID      the organization that the token must be of
  --no-organization      it must be of none
  --token-type TYP       the required typ (default: at+jwt)
  --any-type             any typ
  --algorithm ALG        an accepted algorithm (several times; default: ES384 RS256 ES256 EdDSA)
  --clock-tolerance S    seconds that the clocks may differ
  --at TIME              the time to verify at (2026-07-01T12:00:00Z, or seconds since 1970; default: now)
  --timeout MS           for fetching the keys (default: 5000)
  --options FILE         a module or a JSON file with your application's options; what is given here comes on top`

/**
 * The options, and what cannot be checked with them.
 *
 * @param {Partial<Record<keyof typeof FLAGS, any>>} flags
 * @returns {Promise<{ options: Options, hasKeys: boolean, hasIssuer: boolean }>}
 */
async function readOptions(flags) {
  const own = flags.options === undefined ? {} : await loadOptions(flags.options)
  const at = flags.at === undefined ? undefined : readTime(flags.at)
  const options = defined({
    ...own,
    logtoUrl: flags.url ?? own.logtoUrl ?? NOWHERE,
    audience: list(flags.audience) ?? own.audience ?? null,
    issuer: list(flags.issuer) ?? own.issuer,
    jwksUri: flags['jwks-uri'] ?? own.jwksUri,
    jwks: flags.jwks === undefined ? own.jwks : await readJson(flags.jwks),
    requiredScope: flags.scope?.flatMap(words) ?? own.requiredScope,
    scopeMode: flags['any-scope'] ? 'any' : own.scopeMode,
    requiredRole: flags.role ?? own.requiredRole,
    roleClaims: flags['role-claim'] ?? own.roleClaims,
    organizationId: flags['no-organization'] ? null : (flags.organization ?? own.organizationId),
    tokenType: flags['any-type'] ? null : (flags['token-type'] ?? own.tokenType),
    algorithms: flags.algorithm ?? own.algorithms,
    clockTolerance: readNumber('clock-tolerance', flags['clock-tolerance']) ?? own.clockTolerance,
    // One instant for every look at the token.
    currentDate: at ?? own.currentDate ?? new Date(),
    jwksTimeoutMs: readNumber('timeout', flags.timeout) ?? own.jwksTimeoutMs,
    allowGuest: false,
  })
  const hasUrl = options.logtoUrl !== NOWHERE
  return {
    options: /** @type {any} */ (options),
    hasKeys: hasUrl || options.jwks !== undefined || options.jwksUri !== undefined,
    hasIssuer: hasUrl || options.issuer !== undefined,
  }
}

/** @param {string} file */
async function loadOptions(file) {
  if (file.endsWith('.json')) return readJson(file)
  const module = await import(pathToFileURL(resolve(file)).href).catch((error) => {
    throw new UsageError(`--options ${file}: ${error.message}`)
  })
  const options = module.options ?? module.default?.options ?? module.default
  if (typeof options === 'object' && options !== null) return options
  throw new UsageError(`--options ${file}: expected it to export \`options\`, or them as its default`)
}

/** @param {string} file */
async function readJson(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`${file}: ${/** @type {Error} */ (error).message}`)
  }
}

/** @param {string} text */
function readTime(text) {
  const date = /^\d+(\.\d+)?$/.test(text) ? new Date(Number(text) * 1000) : new Date(text)
  if (Number.isNaN(date.getTime())) throw new UsageError(`--at takes a time, not ${JSON.stringify(text)}`)
  return date
}

/** @param {string[] | undefined} values */
const list = (values) => (values?.length === 1 ? values[0] : values)

/** @param {string} text */
const words = (text) => text.split(' ').filter((word) => word !== '')

/** @param {Record<string, unknown>} object */
const defined = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))

module.exports = { FLAGS, HELP, readOptions }
