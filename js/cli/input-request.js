/** Finds the token in the parts of a request: headers, cookies, and parameters of URLs and forms. */

const { curlHeaders } = require('./curl-headers')
const { CURL_PATTERN, REQUEST_PATTERN } = require('./input-problems')
const { splitShellWords } = require('./shell-words')

/** @typedef {import('./input').Found} Found */

/** @type {(text: string) => Found | undefined} */
function findInCommand(text) {
  if (!CURL_PATTERN.test(text)) return undefined
  const [command, ...others] = text.split(/\n(?=(?:\$\s+)?curl(?:\.exe)?\s)/i)
  const found = findInSingleCommand(command)
  return found && others.length > 0 ? { note: 'Only the first of the curl commands was read.', ...found } : found
}

/** @type {(command: string) => Found | undefined} */
function findInSingleCommand(command) {
  const words = splitShellWords(command)
  const headers = curlHeaders(words).join('\n')
  const found = findInHeaderLines(headers, ' of the curl command') ?? findInOtherHeader(headers, ' of the curl command')
  if (found !== undefined) return found
  const parameter = findInParameter(words.join('\n'))
  if (parameter !== undefined)
    return { unread: { place: 'bodies', name: `the parameter ${parameter.foundIn}` }, ...parameter }
  const [token] = /(?<![\w.-])eyJ[\w-]+\.[\w.-]+/.exec(words.join('\n')) ?? []
  return token === undefined
    ? undefined
    : { token, foundIn: 'the curl command', unread: { place: 'this place', name: 'it' } }
}

/**
 * Finds the token in a part of a request that was copied without the command that sends it.
 *
 * @type {(text: string) => Found | undefined}
 */
const findInRequestParts = (text) =>
  findInHeaderLines(text) ??
  findInSourceCode(text) ??
  findInOtherHeader(text) ??
  findInSetCookie(text) ??
  findInParameter(text)

/**
 * Reads header lines that were copied from the output of `curl -v` or from a browser. Headers copied from some browsers
 * have a line break between the name and the value. Headers printed by Node.js have quotes around the value.
 *
 * @type {(text: string, source?: string) => Found | undefined}
 */
function findInHeaderLines(text, source = '') {
  /** @type {{ authorization: string[], cookie: string[] }} */
  const found = { authorization: [], cookie: [] }
  for (const [, name, line] of text.matchAll(HEADER_PATTERN)) {
    const value = source === '' ? line.trim().replace(/^(["'`])(.*)\1,?$/, '$2') : line.trim()
    found[/** @type {keyof typeof found} */ (name.toLowerCase())].push(value)
  }
  const { authorization, cookie } = found
  if (authorization.length + cookie.length === 0) return undefined
  const names = [authorization.length > 0 && 'Authorization', cookie.length > 0 && 'Cookie'].filter(Boolean)
  const foundIn = `the ${names.join(' and ')} header${names.length > 1 ? 's' : ''}${source}`
  // Several `Cookie` headers are joined, as in Node.
  return { authorization, cookie: cookie.join('; '), foundIn }
}

/** The value may be on a later line, and may follow the sign of a YAML block, such as `>-`. */
const HEADER_PATTERN =
  /^[> \t]*(authorization|cookie)[^\S\n]*[:\n\t][^\S\n]*(?:[>|][+-]?[^\S\n]*)?(?:\n(?!\s*[\w-]+:)\s*)?(.*)$/gim

/**
 * Finds a token in a header that the library does not read, such as `X-Token` or `Authorisation`.
 *
 * @type {(text: string, source?: string) => Found | undefined}
 */
function findInOtherHeader(text, source = '') {
  const [, name, token] = OTHER_HEADER_PATTERN.exec(text) ?? []
  // Otherwise, the name may be that of a variable or a label.
  const isHeader = source !== '' || REQUEST_PATTERN.test(text) || /-|^auth/i.test(name)
  if (name === undefined || !isHeader) return undefined
  const header = `the header "${name}"`
  return { token, foundIn: header + source, unread: { place: header, name: 'it' } }
}

const OTHER_HEADER_PATTERN =
  /^[> \t]*(?!set-cookie)([\w-]+)[^\S\n]*:[^\S\n]*(?:bearer[^\S\n]+)?(eyJ[\w.-]+|pat_\w+)[^\S\n]*$/im

/**
 * Reads the headers in a `fetch` call or in a PowerShell command.
 *
 * @type {(text: string) => Found | undefined}
 */
function findInSourceCode(text) {
  const pairs = [...text.matchAll(/\b(authorization|cookie)["']?\s*\]?\s*[:=]\s*(["'`])(.*?)\2/gi)]
  const lines = pairs.map(([, name, , value]) => `${name}: ${value}`)
  return findInHeaderLines(lines.join('\n'), ' in the code')
}

/** @type {(text: string) => Found | undefined} */
function findInSetCookie(text) {
  const [, header, cookiePair, attributes] = /^<?[ \t]*(set-cookie\s*:\s*)?([^\s=;]+=[^;\s]*)(;.*)?$/im.exec(text) ?? []
  if (header === undefined && !/;\s*(path|max-age|expires|domain|httponly|secure|samesite)\b/i.test(attributes ?? ''))
    return undefined
  return { cookie: cookiePair, foundIn: 'the Set-Cookie header' }
}

/**
 * Reads a `name=value` pair, as in the query or fragment of a URL, a form, or an environment variable.
 *
 * @type {(text: string) => Found | undefined}
 */
function findInParameter(text) {
  const found = [...text.matchAll(PARAMETER_PATTERN)].find(([, , value]) => value !== '')
  if (found === undefined) return undefined
  const [, name, value] = found
  const wordBefore =
    text
      .slice(0, found.index + 1)
      .split(/\s/)
      .at(-1) ?? ''
  const isInUrl = /[?#]/.test(wordBefore)
  return {
    token: percentDecode(value)
      .replace(/^bearer\s+/i, '')
      .replace(/[.,:!?)]+$/, ''),
    foundIn: `"${name}"`,
    ...(isInUrl && { unread: { place: 'URLs', name: `the parameter "${name}"` } }),
  }
}

/** Says which parameter has no value. @param {string} text */
function emptyParameterProblem(text) {
  const [, name] = text.matchAll(PARAMETER_PATTERN).next().value ?? []
  return name === undefined ? undefined : `"${name}" has no value.`
}

const PARAMETER_PATTERN = /(?:^|[?#&\s])(\w*(?:token|jwt))\s*=\s*["']?([^&#\s"';]*)/gi

/** @param {string} text */
function percentDecode(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

module.exports = { emptyParameterProblem, findInCommand, findInRequestParts, percentDecode }
