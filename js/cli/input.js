/** Finds the token in the input of `explain`: a token, request headers, or other text that contains a token. */

const { joinBrokenTokens, joinWrappedLines } = require('./broken-lines')
const { missingTokenProblem } = require('./input-problems')
const { emptyParameterProblem, findInCommand, findInRequestParts, percentDecode } = require('./input-request')
const { hasWholeToken, headerOf, isClaimsSet } = require('./jwt-parts')

/** The maximum length of the input, which is far longer than the headers of any request. */
const MAX_INPUT_LENGTH = 1024 * 1024

/**
 * The longest line that a terminal accepts, in bytes without the line break: see `man termios` on Linux and `MAX_CANON`
 * on macOS.
 */
const MAX_TERMINAL_LINE_BYTES = process.platform === 'darwin' ? 1023 : 4095

/**
 * @typedef {{ token?: string, authorization?: string[], cookie?: string, foundIn: string,
 *   unread?: { place: string, name: string }, note?: string, problem?: string }} Found - A token or request headers, and
 *   the place where they were found. `unread` describes the place if the server does not read tokens there. `problem`
 *   says why the input contains neither.
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
  const visible = input.replace(INVISIBLE_PATTERN, '').replace(/[^\S\t\n\r]/g, ' ')
  const text = withoutQuoteMarks(visible.replace(/\r(?=\n)/g, '').trim())
  const found = findInLines(joinBrokenTokens(text), text)
  const unwrapped = isWhole(found) ? found : findInLines(joinWrappedLines(text), text)
  const best = isWhole(unwrapped) ? unwrapped : found
  const hasUnusualCharacters = visible !== input.replace(/^\uFEFF/, '')
  const note =
    best.note ??
    NOTES.find(([pattern]) => pattern.test(contentOf(best)))?.[1] ??
    missingScopeNote(visible) ??
    (hasUnusualCharacters ? UNUSUAL_CHARACTERS_NOTE : undefined)
  return note === undefined ? best : { ...best, note }
}

/** Notes about tokens that were changed before they were pasted. @type {[pattern: RegExp, note: string][]} */
const NOTES = [
  [/\[?redacted\]?|\*{4}|<hidden>/i, 'A log or a tool has removed the token: copy it from the client.'],
  [
    /\s\[?(\.\.\.|…)\]?\s/,
    'The token contains an ellipsis: the program that printed it shortened it. Copy the whole value.',
  ],
]

/** Names the scope that a pasted response requires. @param {string} text */
function missingScopeNote(text) {
  const [, scope] = /error="insufficient_scope"[^\n]*\bscope="([\w:./ -]{1,200})"/.exec(text) ?? []
  return scope === undefined
    ? undefined
    : `The response says that the token lacks the scope ${scope}. To check the token for it, run explain with --scope "${scope}".`
}

/** Matches characters without a width, such as a soft hyphen, which chats and web pages insert. */
const INVISIBLE_PATTERN = /\p{Cf}/gu

const UNUSUAL_CHARACTERS_NOTE =
  'The input contains invisible characters or unusual spaces, which `explain` has ignored. If the request contains them too, the server rejects it.'

/** Removes the signs before the lines of a quoted mail. In the output of `curl -v`, they mark the request. @param {string} text */
const withoutQuoteMarks = (text) =>
  /^>/.test(text) && !/\n(?!>)|HTTP\//.test(text) ? text.replace(/^> ?/gm, '').trim() : text

/** @param {Found} found */
const contentOf = ({ token = '', authorization = [], cookie = '' }) => [token, ...authorization, cookie].join(' ')

/** @param {Found} found */
const isWhole = (found) => hasWholeToken(contentOf(found))

/**
 * @param {string} text
 * @param {string} original - The text before its lines were joined.
 * @returns {Found}
 */
function findInLines(text, original) {
  const foundInParts = findInCommand(text) ?? findInJson(text) ?? findInRequestParts(text)
  if (foundInParts !== undefined) return foundInParts
  const problem = emptyParameterProblem(text)
  const found = problem === undefined || TOKEN_START_PATTERN.test(text) ? findInText(text) : undefined
  if (text !== original && found?.foundIn === FOUND_IN_WHOLE_INPUT) return { ...found, foundIn: 'several lines' }
  return found ?? { authorization: [], foundIn: FOUND_IN_WHOLE_INPUT, problem: problem ?? missingTokenProblem(text) }
}

/** @type {(text: string) => Found | undefined} */
function findInJson(text) {
  let value
  try {
    value = JSON.parse(text)
  } catch {
    const [, name, token] = TOKEN_MEMBER_PATTERN.exec(text) ?? []
    return name === undefined ? undefined : { token, foundIn: `the member "${name}" of the JSON` }
  }
  if (typeof value === 'string') return findInQuotes(value)
  const members = [...stringMembers(value)]
  if (value?.log?.entries !== undefined && !members.some(([name]) => /^(authorization|cookie)$/i.test(name)))
    return { authorization: [], foundIn: 'the HAR file', problem: SANITIZED_HAR_PROBLEM }
  for (const memberName of TOKEN_MEMBER_NAMES) {
    const member = members.find(([name]) => name.toLowerCase() === memberName)
    if (member === undefined) continue
    const [name, found] = member
    if (memberName === 'authorization') return { authorization: [found], foundIn: `the header "${name}" in the JSON` }
    if (memberName === 'cookie') return { cookie: found, foundIn: `the header "${name}" in the JSON` }
    return { token: found, foundIn: `the member "${name}" of the JSON` }
  }
  const problem = decodedProblem(value)
  return problem === undefined ? undefined : { authorization: [], foundIn: 'the JSON', problem }
}

/**
 * Says that an object is the response to a rejected request, or the claims of a token.
 *
 * @param {any} value
 */
function decodedProblem(value) {
  const isResponse = value?.error !== undefined && /^[a-z_]{1,40}$/.test(value.code ?? '')
  if (isResponse)
    return `The input is the response ${value.code}, which node_modules/logto-authkit/docs/errors.md explains. Paste the request or its token.`
  return isClaimsSet(value) ? CLAIMS_PROBLEM : undefined
}

const CLAIMS_PROBLEM =
  'The input contains the decoded claims of a token. Paste the token itself, which has three parts separated by dots.'

const SANITIZED_HAR_PROBLEM =
  'The HAR file contains neither an `Authorization` header nor cookies, which browsers leave out by default. Export it with sensitive data, or use "Copy as cURL".'

/** Matches an access token in JSON that is not complete. */
const TOKEN_MEMBER_PATTERN = /"(access_?token)"\s*:\s*"(eyJ[\w.-]+)"/i

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
  const joined = withoutBearer(text).replace(/\s+/g, '')
  if (joined !== withoutBearer(text) && JWT_PATTERN.test(joined) && hasWholeToken(joined))
    return { token: joined, foundIn: 'several lines' }
  const decoded = percentDecode(withoutBearer(text))
  if (decoded !== withoutBearer(text) && JWT_PATTERN.test(withoutBearer(decoded)))
    return { token: withoutBearer(decoded), foundIn: 'the percent-encoded text' }
  // A second `Bearer` is kept, because `explain` must report this mistake.
  const tokens = /^bearer\s/i.test(withoutBearer(text)) ? [] : [...new Set(text.match(TOKENS_PATTERN))]
  if (tokens.length > 1) {
    const accessToken = tokens.find((token) => headerOf(token)?.typ === 'at+jwt')
    const note = `The input contains ${tokens.length} tokens, of which this is the first${accessToken === undefined ? '' : ' access token'}. To explain another one, paste it alone.`
    return { token: accessToken ?? tokens[0], foundIn: 'the text', note }
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

module.exports = { FOUND_IN_WHOLE_INPUT, findToken, readInput }
