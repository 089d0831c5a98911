/** Finds the token in the input of `explain`: a token, request headers, or other text that contains a token. */

const { joinBrokenTokens } = require('./broken-lines')
const { curlHeaders } = require('./curl-headers')
const { CURL_PATTERN, missingTokenProblem } = require('./input-problems')
const { splitShellWords } = require('./shell-words')

/** The maximum length of the input, which is far longer than the headers of any request. */
const MAX_INPUT_LENGTH = 1024 * 1024

/**
 * The longest line that a terminal accepts, in bytes without the line break: see `man termios` on Linux and `MAX_CANON`
 * on macOS.
 */
const MAX_TERMINAL_LINE_BYTES = process.platform === 'darwin' ? 1023 : 4095

/**
 * @typedef {{ authorization: string[], cookie: string[] }} Headers
 * @typedef {{ token?: string, authorization?: string[], cookie?: string, foundIn: string, parameter?: string,
 *   problem?: string }} Found - A token or request headers, and the place where they were found. `parameter` is the name
 *   of the URL's parameter that contains the token. `problem` says why the input contains neither.
 */

/**
 * @param {string} argument - `-` means standard input.
 * @param {import('./run').Surroundings} surroundings
 */
async function readInput(argument, { stdin, stderr }) {
  if (argument !== '-') return argument.trim()
  if (stdin.isTTY) stderr.write('Paste the token, request headers or a curl command, press Enter, then Ctrl-D:\n')
  let text = ''
  for await (const chunk of stdin) {
    text += chunk
    if (text.length > MAX_INPUT_LENGTH) break
  }
  if (stdin.isTTY && text.split('\n').some((line) => Buffer.byteLength(line) >= MAX_TERMINAL_LINE_BYTES))
    stderr.write(
      'Warning: the terminal has probably cut off a line, because the line is too long.\nSave the text in a file, and run: npx logto-authkit explain - < file\n',
    )
  return text.trim()
}

/**
 * @param {string} input
 * @returns {Found}
 */
function findToken(input) {
  const pasted = input.replace(/^\uFEFF/, '').trim()
  const text = joinBrokenTokens(pasted)
  for (const find of [
    findInCommand,
    findInJson,
    findInHeaderLines,
    findInSourceCode,
    findInSetCookie,
    findInParameter,
  ]) {
    const found = find(text)
    if (found !== undefined) return found
  }
  const problem = emptyParameterProblem(text)
  const found = problem === undefined || TOKEN_START_PATTERN.test(text) ? findInText(text) : undefined
  if (text !== pasted && found?.foundIn === FOUND_IN_WHOLE_INPUT) return { ...found, foundIn: 'several lines' }
  return found ?? { authorization: [], foundIn: FOUND_IN_WHOLE_INPUT, problem: problem ?? missingTokenProblem(text) }
}

/** @type {(text: string) => Found | undefined} */
function findInCommand(text) {
  if (!CURL_PATTERN.test(text)) return undefined
  const words = splitShellWords(text)
  return findInHeaderLines(curlHeaders(words).join('\n'), ' of the curl command') ?? findInParameter(words.join('\n'))
}

/** @type {(text: string) => Found | undefined} */
function findInJson(text) {
  let value
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value === 'string') return findInQuotes(value)
  const members = [...stringMembers(value)]
  for (const memberName of TOKEN_MEMBER_NAMES) {
    const member = members.find(([name]) => name.toLowerCase() === memberName)
    if (member === undefined) continue
    const [name, found] = member
    if (memberName === 'authorization') return { authorization: [found], foundIn: `the member "${name}" of the JSON` }
    if (memberName === 'cookie') return { cookie: found, foundIn: `the member "${name}" of the JSON` }
    return { token: found, foundIn: `the member "${name}" of the JSON` }
  }
}

/** The names of JSON members that may contain a token, in lower case, with the most likely name first. */
const TOKEN_MEMBER_NAMES = [
  'authorization',
  'cookie',
  'access_token',
  'accesstoken',
  'logto_token',
  'token',
  'jwt',
  'id_token',
]

/**
 * Yields every string member of an object and of its nested objects. An object such as `{ "name": "Cookie", "value":
 * "…" }`, as in HAR files, is treated like the member `"Cookie": "…"`.
 *
 * @type {(value: unknown, depth?: number) => Generator<[string, string]>}
 */
function* stringMembers(value, depth = 0) {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return
  const { name, value: its } = /** @type {any} */ (value)
  if (typeof name === 'string' && typeof its === 'string') yield [name, its]
  for (const [name, member] of Object.entries(value)) {
    if (typeof member === 'string') yield [name, member]
    else yield* stringMembers(member, depth + 1)
  }
}

const MAX_DEPTH = 20

/**
 * Reads header lines that were copied from the output of `curl -v` or from a browser. Headers copied from some browsers
 * have a line break between the name and the value.
 *
 * @type {(text: string, source?: string) => Found | undefined}
 */
function findInHeaderLines(text, source = '') {
  /** @type {Headers} */
  const found = { authorization: [], cookie: [] }
  for (const [, name, value] of text.matchAll(HEADER_PATTERN))
    found[/** @type {keyof Headers} */ (name.toLowerCase())].push(value.trim())
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
    token: percentDecode(value).replace(/[.,:!?)]+$/, ''),
    foundIn: `"${name}"`,
    ...(isInUrl && { parameter: name }),
  }
}

/** Says which parameter has no value. @param {string} text */
function emptyParameterProblem(text) {
  const [, name] = text.matchAll(PARAMETER_PATTERN).next().value ?? []
  return name === undefined ? undefined : `"${name}" has no value.`
}

const PARAMETER_PATTERN = /(?:^|[?#&\s])(\w*(?:token|jwt))\s*=\s*["']?([^&#\s"';]*)/gi

/** @type {(text: string) => Found} */
function findInQuotes(text) {
  const found = findToken(text)
  return found.foundIn === FOUND_IN_WHOLE_INPUT ? { ...found, foundIn: 'the text in quotes' } : found
}

/**
 * Treats the word `Bearer` alone as an `Authorization` header without a token.
 *
 * @type {(text: string, foundIn: string) => Found}
 */
const findAfterBearer = (text, foundIn) =>
  /^bearer$/i.test(text) ? { authorization: [text], foundIn } : { token: withoutBearer(text), foundIn }

/**
 * Returns the part of a text that looks like a token if there is exactly one, or the whole text if it resembles a
 * token.
 *
 * @type {(text: string) => Found | undefined}
 */
function findInText(text) {
  const unquoted = withoutQuotes(text)
  if (unquoted !== text) return findInQuotes(unquoted)
  const joined = joinBrokenTokens(withoutBearer(text).replace(/\s+/g, '\n'))
  if (joined !== withoutBearer(text) && JWT_PATTERN.test(joined)) return { token: joined, foundIn: 'several lines' }
  const decoded = percentDecode(withoutBearer(text))
  if (decoded !== withoutBearer(text) && JWT_PATTERN.test(withoutBearer(decoded)))
    return { token: withoutBearer(decoded), foundIn: 'the percent-encoded text' }
  // A second `Bearer` is kept, because `explain` must report this mistake.
  const tokens = /^bearer\s/i.test(withoutBearer(text)) ? [] : [...new Set(text.match(TOKENS_PATTERN))]
  if (tokens.length > 1)
    return {
      token: text,
      foundIn: 'the text',
      problem: `The input contains ${tokens.length} tokens: paste one of them.`,
    }
  if (tokens.length === 1 && tokens[0] !== withoutBearer(text)) return { token: tokens[0], foundIn: 'the text' }
  if (/^https?:\/\/\S+$/i.test(text)) return undefined
  return TOKEN_LIKE_PATTERN.test(text) ? findAfterBearer(text, FOUND_IN_WHOLE_INPUT) : undefined
}

/**
 * Removes all quotes around a text, and a comma or semicolon after the closing quote.
 *
 * @param {string} text
 */
function withoutQuotes(text) {
  let inner = text
  for (;;) {
    const end = /[,;]/.test(inner.slice(-1)) ? -2 : -1
    if (inner.length <= 1 - end || !/["'`]/.test(inner[0]) || inner.at(end) !== inner[0]) return inner
    inner = inner.slice(1, end)
  }
}

/** Matches JWTs, which have five parts if they are encrypted, and personal access tokens. */
const TOKENS_PATTERN = /(?<![\w.-])eyJ[\w-]+\.[\w-]*\.[\w-]+(?:\.[\w-]+\.[\w-]+)?(?!\.?[\w-]|\.\.)|\bpat_\w+/g

/**
 * Matches text that contains the start of a JWT, and text that clients send in place of a token: a word, a placeholder,
 * or a value after `Bearer`.
 */
const TOKEN_LIKE_PATTERN = /\beyJ|^(bearer\b.*|<[^<>]*>|\{\{.*\}\}|\[object .*|(?!\{"|\[)[!-~…]+)$/is

/** The value of `foundIn` if the token is the whole input. */
const FOUND_IN_WHOLE_INPUT = 'the input'

/** Matches the start of a JWT or of a personal access token. */
const TOKEN_START_PATTERN = /\beyJ|\bpat_\w/
const JWT_PATTERN = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/

/** @param {string} token */
const withoutBearer = (token) => token.replace(/^bearer\s+/i, '')

/** @param {string} text */
function percentDecode(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

module.exports = { FOUND_IN_WHOLE_INPUT, findToken, readInput }
