/** Reads the environment variables that stand in for missing options. */

const { parseEnv } = require('node:util')
const { contract } = require('./contract')
const { ownProperty } = require('./plain')
const { readTextFile } = require('./text-file')

/**
 * @typedef {import('../native/binding').EnvironmentVariables} Environment - The variables' values, keyed by option
 * name.
 */

/**
 * Defines an own property for every option that an environment variable can set, even if the variable is unset.
 * Otherwise, the core could read a missing value from a polluted prototype.
 *
 * @type {Environment}
 */
const NO_VARIABLES = /** @type {any} */ ({ logtoUrl: undefined, audience: undefined })

/**
 * For each option set, such as `verifier` or `proxy`, the options that an environment variable can set, with the name
 * of that variable.
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
 * Returns the values of the environment variables for the missing options, or null if every option that an environment
 * variable could set is present.
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
 * Returns the options, or an empty object if the options are omitted and environment variables can supply all required
 * options.
 *
 * @type {(optionSet: string, options: unknown) => unknown}
 */
const optionsOrEmpty = (optionSet, options) =>
  options === undefined && variablesByOptionSet.get(optionSet)?.length ? {} : options

/**
 * Adds a hint to the error for a missing option. If the `.env` file sets the option's variable, the hint says why the
 * process does not have the value. Otherwise, the hint contains an example value.
 *
 * @template T
 * @param {T | import('../native/binding').OptionErrorData} result - Returned unchanged, unless an option is missing.
 * @param {string} optionSet
 * @param {any} options
 * @returns {T | import('../native/binding').OptionErrorData}
 */
function withMissingOptionHint(result, optionSet, options) {
  if (typeof result !== 'object' || result === null || !('option' in result)) return result
  const row = contract().options[optionSet].find(({ name }) => name === result.option)
  if (!row?.required || [options?.[result.option]].flat().some(Boolean)) return result
  const { name, variable, advice } = row
  const isMissing = variable !== undefined && [undefined, ''].includes(options?.[name]) && isBlank(variable)
  const secondMissingVariable = otherMissingVariable(name, optionSet, options)
  const fileHint = envFileHint(variable, secondMissingVariable, optionSet === 'nest' ? NEST_START : undefined)
  const hint = fileHint ?? (isMissing ? advice : undefined)
  const secondVariableHint =
    secondMissingVariable === undefined || fileHint?.includes(secondMissingVariable)
      ? undefined
      : `${secondMissingVariable} is missing, too`
  const nextJsHint = isMissing && NEXT_JS_OPTION_SETS.includes(optionSet) ? NEXT_JS_HINT : undefined
  const sentences = [result.message, hint, secondVariableHint, nextJsHint]
  return { ...result, message: sentences.filter((sentence) => sentence !== undefined).join('. ') }
}

const NEST_START = ' (`nest start --env-file .env` in NestJS)'

/** Next.js reads environment files itself. */
const NEXT_JS_OPTION_SETS = ['next', 'proxy']
const NEXT_JS_HINT =
  'In Next.js, set missing variables in .env.local or in the environment, and restart the application'

/**
 * Returns the variable of another required option that is missing as well, because the core reports only the first
 * invalid option.
 *
 * @param {string} reportedOption
 * @param {string} optionSet
 * @param {any} options
 */
function otherMissingVariable(reportedOption, optionSet, options) {
  const row = contract().options[optionSet].find(
    ({ name, required, variable }) =>
      required &&
      name !== reportedOption &&
      options?.[name] === undefined &&
      variable !== undefined &&
      isBlank(variable),
  )
  return row?.variable
}

/**
 * Explains why a variable that the `.env` file sets is missing or empty in the process. Node.js reads the file only
 * when asked to, for example with `--env-file`, and keeps the value of a variable that already exists, even an empty
 * value.
 *
 * @param {string | undefined} variable - The option's variable. Without it, the hint names all variables that only the
 *   file sets, because the application chooses the variable's name.
 * @param {string} [secondMissingVariable] - The variable of another option that is missing, too.
 * @param {string} [startHint] - Another command that may start the application.
 */
function envFileHint(variable, secondMissingVariable, startHint = '') {
  const missingVariables = Object.entries(readEnvFile('.env')).flatMap(([name, value = '']) =>
    VARIABLE_NAME_PATTERN.test(name) && /[^\s=]/.test(value) && isBlank(name) ? [name] : [],
  )
  const listedVariables =
    variable === undefined
      ? likelyVariables(missingVariables)
      : [variable, secondMissingVariable ?? variable].filter(
          (name, i, names) => missingVariables.includes(name) && names.indexOf(name) === i,
        )
  if (listedVariables.length === 0) return undefined
  const empty = listedVariables.filter((name) => ownProperty(process.env, name) !== undefined)
  const unset = listedVariables.filter((name) => !empty.includes(name))
  const unreadHint = `The file .env sets ${unset.join(', ')}, but Node.js has not read the file: add --env-file=.env to the \`node\`, \`tsx\` or \`nodemon\` command that starts the application${startHint}, and set ${unset.length === 1 ? 'the variable' : 'the variables'} in the environment of commands such as \`npm test\``
  const emptyHint = `The file .env sets ${empty.join(', ')}, but --env-file does not replace an empty variable in the environment: run \`unset ${empty.join(' ')}\``
  return [unset.length > 0 && unreadHint, empty.length > 0 && emptyHint].filter(Boolean).join('. ')
}

/** Whether an environment variable is missing or empty. @type {(variable: string) => boolean} */
const isBlank = (variable) => !ownProperty(process.env, variable)?.trim()

/**
 * Matches the variable names in `.env` that an error message may quote. `parseEnv` also returns other text before an
 * equals sign as a name, such as a line of a private key or the beginning of a URL with a password. If a value consists
 * only of equals signs, the name before it may be a secret in Base32 or Base64.
 */
const VARIABLE_NAME_PATTERN = /^[A-Z][A-Z0-9_]{0,63}$/

/** How many variables the hint lists if none of their names contains `LOGTO`. */
const MAX_LISTED_VARIABLES = 3

/** @param {string[]} names */
function likelyVariables(names) {
  const namesWithLogto = names.filter((name) => /LOGTO/i.test(name))
  return namesWithLogto.length > 0 ? namesWithLogto : names.slice(0, MAX_LISTED_VARIABLES)
}

/**
 * Returns the variables in a file, or no variables if the file cannot be read.
 *
 * @type {(file: string) => NodeJS.Dict<string>}
 */
function readEnvFile(file) {
  const text = readTextFile(file)
  return text === null ? {} : parseEnv(text)
}

module.exports = { NO_VARIABLES, environmentFor, optionsOrEmpty, readEnvFile, withMissingOptionHint }
