/** Joins the lines into which mail programs and terminals break a token. */

const { signatureLengths, signatureStartOf } = require('./jwt-parts')

/**
 * Joins the lines of each token.
 *
 * @param {string} text
 */
const joinBrokenTokens = (text) =>
  text
    // Quoted-printable text (RFC 2045, section 6.7), which mail programs show as the source of a mail.
    .replace(/(?<=[\w.-])=\n(?=[\w.-])/g, '')
    .replace(BEARER_LINE_BREAK_PATTERN, '$1 ')
    .replace(BROKEN_TOKEN_PATTERN, (broken, start, rest) => joinLines(start, rest.split('\n').slice(1)) ?? broken)

/** Matches a line break between `Bearer` and a token that fills the rest of its line. */
const BEARER_LINE_BREAK_PATTERN =
  /^([> \t]*authorization[^\S\n]*:[^\S\n]*(?:\n[> \t]*)?bearer)[^\S\n]*\n[> \t]*(?=(?:eyJ|pat_)[\w.-]*[^\S\n]*$)/gim

/** Matches the start of a JWT at the end of a line, and the first word of each line that may continue the JWT. */
const BROKEN_TOKEN_PATTERN = /(?<![\w.-])(eyJ[\w.-]*)((?:[^\S\n]*\n[> \t]*[\w.-]+(?![\w.-]|\s*[:=]))+)/g

/**
 * Appends lines to a token until its signature is complete. Returns `undefined` if the lines do not form a whole token.
 *
 * @param {string} start
 * @param {string[]} lines
 */
function joinLines(start, lines) {
  const parts = lines.map((line) => line.replace(/^[> \t]+|\s+$/g, ''))
  const text = start + parts.join('')
  const signatureStart = signatureStartOf(text)
  const lengths = signatureLengths(text)
  let { length } = start
  for (let count = 0; ; count += 1) {
    if (lengths.includes(length - signatureStart)) return [text.slice(0, length), ...lines.slice(count)].join('\n')
    if (count === parts.length) return undefined
    length += parts[count].length
  }
}

/**
 * Joins all lines that are as long as the longest line with the line below, as if a terminal had wrapped them.
 *
 * @param {string} text
 */
function joinWrappedLines(text) {
  const lines = text.split('\n')
  const width = lines.reduce((longest, { length }) => Math.max(longest, length), 0)
  return lines.map((line) => (line.length === width ? line : `${line}\n`)).join('')
}

module.exports = { joinBrokenTokens, joinWrappedLines }
