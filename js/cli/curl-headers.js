/** Determines which `Authorization` and `Cookie` headers a curl command sends. */

/** The start of the header that each flag generates. @type {Record<string, string>} */
const PREFIX_BY_FLAG = {
  '-b': 'Cookie: ',
  '--cookie': 'Cookie: ',
  '-u': 'Authorization: Basic ',
  '--user': 'Authorization: Basic ',
  '--oauth2-bearer': 'Authorization: Bearer ',
}

/**
 * Returns the headers of a curl command. A header from `-H` replaces the header of the same name that another flag
 * generates.
 *
 * @param {string[]} words - The words of the command.
 */
function curlHeaders(words) {
  /** @type {string[]} */
  const headers = []
  /** @type {string[]} */
  const generatedHeaders = []
  words.forEach((word, i) => {
    const [, name, attached] = /^(-[Hbu]|--(?:header|cookie|user|oauth2-bearer)(?![\w-]))=?(.*)$/s.exec(word) ?? []
    const value = attached || words[i + 1]
    if (name === undefined || value === undefined) return
    const prefix = PREFIX_BY_FLAG[name]
    if (prefix !== undefined) generatedHeaders.push(`${prefix}${value}`)
    // curl ignores a name alone, and sends an empty header for a name with a semicolon.
    else if (/[:;]/.test(value)) headers.push(value)
  })
  const names = new Set(headers.map(headerNameOf))
  return [...headers, ...generatedHeaders.filter((header) => !names.has(headerNameOf(header)))]
}

/** @param {string} header */
const headerNameOf = (header) => header.split(/[:;]/)[0].trim().toLowerCase()

module.exports = { curlHeaders }
