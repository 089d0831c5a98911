/** Arguments, read strictly. */

const { parseArgs } = require('node:util')
const { printable } = require('./terminal')

/** Wrong usage, in words for whoever typed it. */
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
    // A token that begins with a dash is taken for an option; it is not repeated.
    throw new UsageError(printable(sentence).replace(/'([^']{30,})'/g, "'…'"))
  }
}

/**
 * A number, where one was given.
 *
 * @param {string} name
 * @param {string | undefined} text
 */
function readNumber(name, text) {
  if (text === undefined) return undefined
  if (!/^\d+(\.\d+)?$/.test(text)) throw new UsageError(`--${name} takes a number, not ${JSON.stringify(text)}`)
  return Number(text)
}

module.exports = { UsageError, readArguments, readNumber }
