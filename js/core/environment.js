/** Reads the environment variables that replace missing options. */

const { contract } = require('./contract')

/** @typedef {import('../native/binding').EnvironmentVariables} Environment - The values of the variables, by the name of their options. */

/** Defines every variable as an own property; otherwise the core could read values from a polluted prototype. @type {Environment} */
const NO_VARIABLES = /** @type {any} */ ({ logtoUrl: undefined, audience: undefined })

/** The variables by option set, each with the name of its option. @type {Map<string, [option: string, variable: string][]>} */
const variablesBySet = new Map(
  Object.entries(contract().options).map(([set, rows]) => [
    set,
    rows.flatMap(({ name, variable }) => (variable === undefined ? [] : [[name, variable]])),
  ]),
)

/**
 * Returns the values of the variables that replace missing options, or null if no such option is missing.
 *
 * @param {string} optionSet
 * @param {any} options
 * @returns {Environment | null}
 */
function environmentFor(optionSet, options) {
  if (typeof options !== 'object' || options === null) return null
  const missing = (variablesBySet.get(optionSet) ?? []).filter(([option]) => own(options, option) === undefined)
  if (missing.length === 0) return null
  return {
    ...NO_VARIABLES,
    ...Object.fromEntries(missing.map(([option, variable]) => [option, own(process.env, variable)])),
  }
}

/**
 * Returns the options, or an empty object if they are omitted and variables can replace all required ones.
 *
 * @type {(optionSet: string, options: unknown) => unknown}
 */
const optionsOrNone = (optionSet, options) =>
  options === undefined && variablesBySet.get(optionSet)?.length ? {} : options

/** Ignores properties that a polluted prototype adds. @type {(object: any, name: string) => any} */
const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined)

module.exports = { NO_VARIABLES, environmentFor, optionsOrNone }
