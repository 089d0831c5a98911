/** Joins the lines into which mail programs and terminals break a token. */

/**
 * @param {string} text
 */
const joinBrokenTokens = (text) =>
  text
    .replace(/\r(?=\n)/g, '')
    .replace(BEARER_LINE_BREAK_PATTERN, '$1 ')
    .replace(BROKEN_TOKEN_PATTERN, (broken, start, rest) => joinLines(start, rest.split('\n').slice(1)) ?? broken)

/** Matches a line break between `Bearer` and a token that fills the rest of its line. */
const BEARER_LINE_BREAK_PATTERN =
  /^([> \t]*authorization[^\S\n]*:[^\S\n]*bearer)[^\S\n]*\n[> \t]*(?=(?:eyJ|pat_)[\w.-]*[^\S\n]*$)/gim

/** Matches the start of a JWT at the end of a line, and the first word of each line that may continue the JWT. */
const BROKEN_TOKEN_PATTERN = /(?<![\w.-])(eyJ[\w.-]*)((?:[^\S\n]*\n[> \t]*[\w.-]+(?![\w.-]|\s*[:=]))+)/g

/**
 * Appends lines to a token until the token is complete and the next line is probably something else, such as the name of
 * a header. Returns `undefined` if the lines do not form a token.
 *
 * @param {string} start
 * @param {string[]} lines
 */
function joinLines(start, lines) {
  const parts = lines.map((line) => line.replace(/^[> \t]+|\s+$/g, ''))
  const text = start + parts.join('')
  const signatureStart = text.indexOf('.', text.indexOf('.') + 1) + 1
  let { length } = start
  let count = 0
  for (; count < parts.length; count += 1) {
    const hasWholeSignature = signatureStart > 0 && length >= signatureStart + MIN_SIGNATURE_LENGTH
    const followsLinesOfOneWidth = count > 1 && parts[count - 1].length === parts[count - 2].length
    if (hasWholeSignature && !followsLinesOfOneWidth && !LONG_PART_PATTERN.test(parts[count])) break
    length += parts[count].length
  }
  return length > signatureStart && signatureStart > 0
    ? [text.slice(0, length), ...lines.slice(count)].join('\n')
    : undefined
}

/** Matches a part of a token that is longer and more mixed than the name of a header, a date or a UUID. */
const LONG_PART_PATTERN = /^(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{20}/

/** The length of a signature of ES256, the shortest one: 64 bytes (RFC 7518, section 3.4). */
const MIN_SIGNATURE_LENGTH = 86

module.exports = { joinBrokenTokens }
