/** Reads the input of `explain`: a token, or the headers of a request. */

/** Maximum length of the input, far longer than any request's headers. */
const MAX_INPUT_LENGTH = 1024 * 1024

/**
 * @param {string} argument - `-` reads standard input.
 * @param {import('./run').Surroundings} surroundings
 */
async function readInput(argument, { stdin, stderr }) {
  if (argument !== '-') return argument.trim()
  if (stdin.isTTY) stderr.write('Paste the token, or the headers of a request, and end with Ctrl-D:\n')
  let text = ''
  for await (const chunk of stdin) {
    text += chunk
    if (text.length > MAX_INPUT_LENGTH) break
  }
  return text.trim()
}

/**
 * Extracts the headers that may contain a token, from lines in the format of `curl -v` and browsers. If there are none, the
 * input is a token.
 *
 * @param {string} input
 * @returns {{ token?: string, authorization?: string[], cookie?: string }}
 */
function requestOf(input) {
  /** @type {{ authorization: string[], cookie: string[] }} */
  const found = { authorization: [], cookie: [] }
  for (const line of input.split(/\r?\n/)) {
    const [, name, value] = /^[>\s]*(authorization|cookie)\s*:\s*(.*)$/i.exec(line) ?? []
    if (name !== undefined) found[/** @type {keyof typeof found} */ (name.toLowerCase())].push(value.trim())
  }
  const { authorization, cookie } = found
  if (authorization.length + cookie.length === 0) return { token: input.replace(/^bearer\s+/i, '') }
  // Like Node, join several Cookie headers.
  return { authorization, cookie: cookie.join('; ') }
}

module.exports = { readInput, requestOf }
