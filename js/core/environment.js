/** Reads the environment variables that replace missing options. */

const { readFileSync } = require('node:fs')
const { parseEnv } = require('node:util')
const { contract } = require('./contract')
const { ownProperty } = require('./plain')

/** @typedef {import('../native/binding').EnvironmentVariables} Environment - The variables' values, by option name. */

/**
 * Defines every variable as an own property, because the core could read missing properties from a polluted prototype.
 *
 * @type {Environment}
 */
const NO_VARIABLES = /** @type {any} */ ({ logtoUrl: undefined, audience: undefined })

/**
 * The environment variables of each option set, with the names of the options that they replace.
 *
 * @type {Map<string, [option: string, variable: string][]>}
 */
const variablesByOptionSet = new Map(
  Object.entries(contract().options).map(([set, rows]) => [
    set,
    rows.flatMap(({ name, variable }) => (variable === undefined ? [] : [[name, variable]])),
  ]),
)

/**
 * Returns the values of the environment variables that replace missing options, or null if all options with a variable
 * are set.
 *
 * @param {string} optionSet
 * @param {any} options
 * @returns {Environment | null}
 */
function environmentFor(optionSet, options) {
  if (typeof options !== 'object' || options === null) return null
  const missing = (variablesByOptionSet.get(optionSet) ?? []).filter(
    ([option]) => ownProperty(options, option) === undefined,
  )
  if (missing.length === 0) return null
  return {
    ...NO_VARIABLES,
    ...Object.fromEntries(missing.map(([option, variable]) => [option, ownProperty(process.env, variable)])),
  }
}

/**
 * Returns the options, or an empty object if the options are omitted and variables can replace all required options.
 *
 * @type {(optionSet: string, options: unknown) => unknown}
 */
const optionsOrEmpty = (optionSet, options) =>
  options === undefined && variablesByOptionSet.get(optionSet)?.length ? {} : options

/**
 * Adds a hint to the error for a missing option if the `.env` file sets the option's variable. The most common reason
 * for a missing variable is that Node.js reads `.env` only on request. If no variable replaces the option,
 * the application chooses the variable's name, so the hint names the unread variables whose names contain `LOGTO`, or
 * else at most three unread variables.
 *
 * @template T
 * @param {T | import('../native/binding').OptionsFault} result - Returned unchanged, unless an option is missing.
 * @param {string} optionSet
 * @param {any} options
 * @returns {T | import('../native/binding').OptionsFault}
 */
function withEnvFileHint(result, optionSet, options) {
  if (typeof result !== 'object' || result === null || !('option' in result)) return result
  const row = contract().options[optionSet].find(({ name }) => name === result.option)
  if (!row?.required || [options?.[result.option]].flat().some(Boolean)) return result
  const unread = unreadVariables()
  const named = row.variable === undefined ? probableVariables(unread) : unread.filter((name) => name === row.variable)
  if (named.length === 0) return result
  const message = `${result.message}. The file .env sets ${named.join(', ')}, but Node.js has not read the file: add --env-file=.env to the command that starts the application`
  return { ...result, message }
}

/** Returns the names of the variables that only the `.env` file sets. */
const unreadVariables = () =>
  Object.entries(readEnvFile('.env')).flatMap(([name, value]) =>
    value?.trim() && !ownProperty(process.env, name) ? [name] : [],
  )

/** The number of variables to name if no name suggests that the variable belongs to Logto. */
const MAX_NAMED_VARIABLES = 3

/** @param {string[]} names */
function probableVariables(names) {
  const namesOfLogto = names.filter((name) => /LOGTO/i.test(name))
  return namesOfLogto.length > 0 ? namesOfLogto : names.slice(0, MAX_NAMED_VARIABLES)
}

/** @type {(variable: string, file: string) => boolean} */
const isSetInEnvFile = (variable, file) => Boolean(readEnvFile(file)[variable]?.trim())

/**
 * Returns the variables in a file, or no variables if the file cannot be read.
 *
 * @type {(file: string) => NodeJS.Dict<string>}
 */
function readEnvFile(file) {
  try {
    return parseEnv(readFileSync(file, 'utf8'))
  } catch {
    return {}
  }
}

module.exports = { NO_VARIABLES, environmentFor, isSetInEnvFile, optionsOrEmpty, withEnvFileHint }
