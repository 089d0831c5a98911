/** Says why the input of `explain` contains no token, and which of two headers contains it. */

const CURL_PATTERN = /^(\$\s+)?curl(\.exe)?\s/i

/** Matches a line of an HTTP request. */
const REQUEST_PATTERN = /^[> \t]*([A-Z]+ \S+ HTTP\/|(host|accept|user-agent)\s*:)/im

/**
 * Says what a text contains instead of a token.
 *
 * @param {string} text
 */
function missingTokenProblem(text) {
  const [, kind] = REQUEST_PATTERNS.find(([pattern]) => pattern.test(text)) ?? []
  const advice =
    kind === 'curl command' ? '-H "Authorization: Bearer $TOKEN"' : 'the header `Authorization: Bearer <token>`'
  return kind === undefined
    ? `${text === '' ? 'The input is empty' : 'No token was found in the input'}. Paste a token, or a request with the header \`Authorization: Bearer <token>\`.`
    : `The ${kind} has neither an \`Authorization\` header nor a cookie. To send a token, add ${advice}.`
}

/** @type {[pattern: RegExp, kind: string][]} */
const REQUEST_PATTERNS = [
  [CURL_PATTERN, 'curl command'],
  [/\bfetch\(|\bInvoke-(WebRequest|RestMethod)\b/, 'code'],
  [REQUEST_PATTERN, 'request'],
]

/**
 * Returns the header that contains the verified token, and a note if another header contains a different token.
 *
 * @param {import('./input').Found} found
 * @param {string} token
 * @param {{ cookieName: string, tokenSources: string[] }} options
 */
function locateToken({ authorization = [], cookie = '', foundIn }, token, { cookieName, tokenSources }) {
  const isInHeader = authorization.some((value) => value.includes(token))
  if (token === '' || (isInHeader && cookie.includes(token))) return { foundIn, notes: [] }
  const [name, otherName] = isInHeader ? ['Authorization', 'Cookie'] : ['Cookie', 'Authorization']
  const hasOtherToken = isInHeader
    ? cookie.split(';').some((pair) => pair.trim().startsWith(`${cookieName}=`))
    : authorization.some((value) => /^bearer\s+\S/i.test(value))
  const note = `The ${otherName} header contains a different token. The library tries the \`tokenSources\` in this order: ${tokenSources.join(', ')}.`
  return {
    foundIn: foundIn.replace('Authorization and Cookie headers', `${name} header`),
    notes: hasOtherToken ? [note] : [],
  }
}

module.exports = { CURL_PATTERN, REQUEST_PATTERN, locateToken, missingTokenProblem }
