/** What there is to explain: a token, or the headers of a request. */

const { verifyAuth } = require('../index')
const native = require('../core/addon')
const { refusal } = require('./probe')

/** @typedef {import('../..').VerifyAuthOptions} Options */

/** Far more than a request's headers may have. */
const LONGEST = 1024 * 1024

/**
 * @param {string} argument - `-`: what comes in is read.
 * @param {import('./run').Surroundings} surroundings
 */
async function readInput(argument, { stdin, stderr }) {
  if (argument !== '-') return argument.trim()
  if (stdin.isTTY) stderr.write('Paste the token, or the headers of a request, and end with Ctrl-D:\n')
  let text = ''
  for await (const chunk of stdin) {
    text += chunk
    if (text.length > LONGEST) break
  }
  return text.trim()
}

/**
 * The token in an input. The core says which one counts, where headers hold several, and why none does.
 *
 * @param {string} input
 * @param {Options} options
 * @returns {Promise<{ token: string, error?: import('../..').AuthError }>}
 */
async function tokenOf(input, options) {
  const headers = headersOf(input)
  if (headers === null) return { token: input.replace(/^bearer\s+/i, '') }

  const request = { headers }
  const error = await verifyAuth(request, options).then(
    () => null,
    (error) => error,
  )
  if (error && UNDECIDED.includes(error.code)) return { token: '', error }
  const tokens = tokensOf(headers, options.cookieName ?? 'logto_authtoken')
  for (const token of tokens) if ((await refusal(token, options)) === null) return { token }
  return { token: tokens[0] ?? '' }
}

/**
 * The headers that a token may be in, from lines as `curl -v` and browsers show them; null if there are none.
 *
 * @param {string} input
 */
function headersOf(input) {
  /** @type {{ authorization: string[], cookie: string[] }} */
  const found = { authorization: [], cookie: [] }
  for (const line of input.split(/\r?\n/)) {
    const [, name, value] = /^[>\s]*(authorization|cookie)\s*:\s*(.*)$/i.exec(line) ?? []
    if (name !== undefined) found[/** @type {keyof typeof found} */ (name.toLowerCase())].push(value.trim())
  }
  if (found.authorization.length + found.cookie.length === 0) return null
  const { authorization, cookie } = found
  // As Node does: several lines of cookies are one.
  return {
    ...(authorization.length > 0 ? { authorization } : {}),
    ...(cookie.length > 0 ? { cookie: cookie.join('; ') } : {}),
  }
}

/**
 * @param {{ authorization?: string[], cookie?: string }} headers
 * @param {string} cookieName
 */
function tokensOf({ authorization = [], cookie = '' }, cookieName) {
  const bearers = authorization.flatMap((value) => /^bearer +(\S+)$/i.exec(value)?.[1] ?? [])
  return [...native.cookieValues(cookie, cookieName), ...bearers]
}

const UNDECIDED = ['missing_token', 'ambiguous_token']

module.exports = { readInput, tokenOf }
