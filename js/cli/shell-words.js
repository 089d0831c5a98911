/**
 * Splits a command line into words, and quotes words for a shell. "Copy as cURL" in a browser creates command lines for
 * bash, cmd and PowerShell.
 */

/** A backslash (sh), a caret (cmd) or a backtick (PowerShell) before a line break continues a command. */
const LINE_CONTINUATION_PATTERN = /[\\^`]\r?\n/g
/** Matches `'…'`, `$'…'`, `"…"`, an escaped character, white space, or other characters. */
const WORD_PART_PATTERN = /'([^']*)'|\$'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|[\\^](.)|(\s+)|([^\s'"\\^$]+|\$)/gs

/**
 * @param {string} command
 * @returns {string[]}
 */
function splitShellWords(command) {
  /** @type {(string | undefined)[]} */
  const words = [undefined]
  for (const match of withoutCmdEscapes(command.replace(LINE_CONTINUATION_PATTERN, '')).matchAll(WORD_PART_PATTERN)) {
    const [, single, dollar, double, escaped, space, plain] = match
    if (space !== undefined) words.push(undefined)
    else words.push((words.pop() ?? '') + (single ?? decodeEscapes(dollar ?? double) ?? escaped ?? plain))
  }
  return words.filter((word) => word !== undefined)
}

/** @param {string | undefined} text */
const decodeEscapes = (text) =>
  text?.replace(/\\u([\da-f]{4})|\\(.)/gis, (_, code, char) =>
    code === undefined ? char : String.fromCharCode(Number.parseInt(code, 16)),
  )

/**
 * Chrome's "Copy as cURL (cmd)" escapes every special character, even inside quotes: `^"Cookie: a=b^%^3D^"`.
 *
 * @param {string} command
 */
const withoutCmdEscapes = (command) => (command.includes('^"') ? command.replace(/\^(.)/g, '$1') : command)

/**
 * Quotes a word for a POSIX shell. A URL may contain characters such as `&` and `$`.
 *
 * @param {string} word
 */
const quote = (word) => (/^[\w./:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

module.exports = { quote, splitShellWords }
