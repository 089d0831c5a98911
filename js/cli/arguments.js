/** Parses command-line arguments strictly. */

const { parseArgs } = require('node:util')

/** Invalid command-line arguments. The message is shown to the user. */
class UsageError extends Error {}

/**
 * @template {NonNullable<import('node:util').ParseArgsConfig['options']>} T
 * @param {string[]} args
 * @param {T} options
 */
function readArguments(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    const [sentence] = /** @type {Error} */ (error).message.split(/\. |\n/)
    // If a token starts with a dash, Node takes it for an unknown option and quotes it in the error message. Tokens
    // must not be printed, so an ellipsis replaces every quoted text of 30 or more characters, which might be a token.
    throw new UsageError(sentence.replace(/'([^']{30,})'/g, "'…'"))
  }
}

/**
 * Returns the positional arguments, even if an option is unknown.
 *
 * @param {string[]} args
 * @param {NonNullable<import('node:util').ParseArgsConfig['options']>} options
 */
const positionalsOf = (args, options) => parseArgs({ args, options, allowPositionals: true, strict: false }).positionals

/**
 * Parses the value of a numeric option, if present.
 *
 * @param {string} name
 * @param {any} value - The value as a string, or undefined if the option is not set.
 */
function readNumber(name, value) {
  if (value === undefined) return undefined
  if (!/^\d+(\.\d+)?$/.test(value)) throw new UsageError(`--${name} takes a number, not ${JSON.stringify(value)}`)
  return Number(value)
}

module.exports = { UsageError, positionalsOf, readArguments, readNumber }
