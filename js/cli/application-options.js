/** Checks the options in an application's file, corrects their names, and separates options that cannot be printed. */

const { isDeepStrictEqual } = require('node:util')
const { contract } = require('../core/contract')
const { check, snapshot } = require('../core/options')

/** The names of the options of each function that verifies tokens. @type {[optionSet: string, names: string[]][]} */
const OPTION_NAMES = Object.entries(contract().options).flatMap(([optionSet, rows]) => {
  const names = rows.map(({ name }) => name)
  return ['logtoUrl', 'requiredScope'].every((name) => names.includes(name)) ? [[optionSet, names]] : []
})

/** Key sets and certificates are too long to print. */
const UNPRINTED_OPTIONS = ['jwks', 'jwksCa']

/**
 * Throws the error with which the application's function rejects its options. The file does not say which function
 * uses the options, so the function that knows most of them is assumed. A missing URL or audience is accepted, because
 * flags and environment variables can replace it.
 *
 * @param {object} options
 */
function checkApplicationOptions(options) {
  const members = snapshot(options)
  const [[optionSet, names]] = OPTION_NAMES.toSorted(
    ([, one], [, other]) => unknownNames(members, one).length - unknownNames(members, other).length,
  )
  if (members.logtoUrl === undefined) members.logtoUrl = 'https://logto.test'
  if (members.audience === undefined && !names.includes('resource')) members.audience = null
  check(optionSet, members)
}

/**
 * Replaces misspelled names of options by the names that the library suggests, and returns the errors of the library.
 *
 * @param {object} options
 */
function correctNames(options) {
  const messages = []
  for (let corrected = options; ; ) {
    try {
      checkApplicationOptions(corrected)
      return { options: corrected, messages, isValid: true }
    } catch (error) {
      const { code, message } = /** @type {Error & { code?: string }} */ (error)
      if (code !== 'invalid_options') throw error
      messages.push(message)
      const [, name, suggestion] = SUGGESTION_PATTERN.exec(message) ?? []
      const { [name]: value, ...rest } = ownMembers(corrected)
      if (value === undefined || rest[suggestion] !== undefined) return { options: corrected, messages, isValid: false }
      corrected = { ...rest, [suggestion]: value }
    }
  }
}

/** Returns the members of an object, including those that are not enumerable. @type {(object: any) => Record<string, unknown>} */
const ownMembers = (object) =>
  Object.fromEntries(Object.getOwnPropertyNames(object).map((name) => [name, object[name]]))

const SUGGESTION_PATTERN = /^Unknown option "([^"]+)": did you mean "(\w+)"\?$/

/**
 * Returns the options that `verifyAuth` has too. `mcpAuth` accepts its `resource` as the audience, and reads the token
 * only from the header.
 *
 * @param {any} options
 * @returns {any}
 */
function verifierOptionsOf({ audience, ...options }) {
  const names = contract().options.verifier.map(({ name }) => name)
  const { resource } = options
  const mcpOptions = resource === undefined ? {} : { tokenSources: ['header'] }
  const entries = Object.entries({ ...options, ...mcpOptions, audience: audience === undefined ? resource : audience })
  return Object.fromEntries(entries.filter(([name]) => names.includes(name)))
}

/** @type {(options: object, names: string[]) => string[]} */
const unknownNames = (options, names) => Object.getOwnPropertyNames(options).filter((name) => !names.includes(name))

/**
 * Separates the options that JSON can represent from the names of all others, such as functions.
 *
 * @param {object} options
 */
function separatePrintable(options) {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  const isPrintable = (/** @type {[string, unknown]} */ [name, value]) =>
    !UNPRINTED_OPTIONS.includes(name) && isJson(value)
  return {
    printable: Object.fromEntries(entries.filter(isPrintable)),
    unprintable: entries.filter((entry) => !isPrintable(entry)).map(([name]) => name),
  }
}

/** @param {unknown} value */
function isJson(value) {
  try {
    return isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value)
  } catch {
    return false
  }
}

module.exports = { checkApplicationOptions, correctNames, separatePrintable, verifierOptionsOf }
