/** Builds the `doctor` command that checks the given options. */

const { quote } = require('./shell-words')

/**
 * @param {{ logtoUrl?: string, jwksUri?: string }} options
 */
function doctorCommand({ logtoUrl, jwksUri }) {
  const keys = jwksUri === undefined ? '' : ` --jwks-uri ${quote(jwksUri)}`
  return `npx logto-authkit doctor --url ${logtoUrl === undefined ? 'URL' : quote(logtoUrl)}${keys}`
}

module.exports = { doctorCommand }
