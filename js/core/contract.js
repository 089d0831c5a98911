/** Constants from the core: errors, options, algorithms, limits, and names of cookies and headers. */

const native = require('./addon')

/**
 * @typedef {{ name: string, expected: string, default?: any, derived?: string, required?: true,
 *   variable?: string, advice?: string }} OptionRow - Without `default`, `derived` and `required`, omitting the option has
 *   no effect. `derived` describes a default that depends on other values. `variable` is an environment variable that
 *   replaces the option, and `advice` says what it can be set to.
 * @typedef {import('../..').AuthErrorCode} AuthErrorCode
 * @typedef {{ code: AuthErrorCode, status: number, title: string, message: string, challenge: string | null }} ErrorRow
 * @typedef {{
 *   errors: ErrorRow[],
 *   reasons: { reason: string, meaning: string }[],
 *   options: Record<string, OptionRow[]>,
 *   algorithms: { all: import('../..').Algorithm[], default: import('../..').Algorithm[] },
 *   limits: { tokenBytes: number, jwksBytes: number, webhookBytes: number, warningsPerHour: number },
 *   cookies: { auth: string, guest: string, csrf: string, signIn: string },
 *   headers: { csrf: string, webhookSignature: string },
 *   revokingEvents: string[],
 *   roleClaims: string[],
 *   anyOrganization: 'urn:logto:organization:*',
 *   checkReasons: { notReached: string, malformedClaim: string },
 *   checks: { id: string, title: string }[],
 * }} Contract
 */

/** @type {Contract | undefined} */
let coreContract

/** @returns {Contract} */
const contract = () => {
  coreContract ??= /** @type {Contract} */ (JSON.parse(native.contract()))
  return coreContract
}

/**
 * Returns the `error` member of the response body for an error code.
 *
 * @param {string} code
 */
const errorTitle = (code) => contract().errors.find((row) => row.code === code)?.title

/**
 * Returns the meaning of an error's `details.reason`.
 *
 * @param {unknown} reason
 */
const reasonMeaning = (reason) => contract().reasons.find((row) => row.reason === reason)?.meaning

/**
 * Returns the default values of the options in an option set, without defaults that depend on other options.
 *
 * @param {string} optionSet
 * @returns {Record<string, any>}
 */
const defaultOptions = (optionSet) =>
  Object.fromEntries(
    contract().options[optionSet].flatMap((row) => ('default' in row ? [[row.name, row.default]] : [])),
  )

module.exports = { contract, defaultOptions, errorTitle, reasonMeaning }
