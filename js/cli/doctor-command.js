/** Writes commands that users can paste into a shell. */

/**
 * Returns the `doctor` command that checks the given options.
 *
 * @param {{ logtoUrl?: string, jwksUri?: string }} options
 */
function doctorCommand({ logtoUrl, jwksUri }) {
  const keys = jwksUri === undefined ? '' : ` --jwks-uri ${quote(jwksUri)}`
  return `npx logto-authkit doctor --url ${logtoUrl === undefined ? 'URL' : quote(logtoUrl)}${keys}`
}

/**
 * Quotes a word for a POSIX shell. A URL may contain characters such as `&` and `$`.
 *
 * @param {string} word
 */
const quote = (word) => (/^[\w./:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

module.exports = { doctorCommand, quote }
