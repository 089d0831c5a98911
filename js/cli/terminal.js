/** Formats terminal output: adds colors if the terminal supports them, and escapes control characters. */

/** @typedef {ReturnType<typeof createPainter>} Paint */

/**
 * Control, format and separator characters. For example, an escape sequence in a claim could overwrite earlier lines of
 * the output.
 */
const UNSAFE_CHARACTER_PATTERN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * Escapes untrusted text so that it stays on one line.
 *
 * @param {string} text
 */
const toPrintable = (text) =>
  text.replace(UNSAFE_CHARACTER_PATTERN, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)

/**
 * Formats a value as indented JSON, and escapes unsafe characters.
 *
 * @param {unknown} value
 */
const printableJson = (value) =>
  JSON.stringify(value, null, 2)
    .split('\n')
    // A character outside the Basic Multilingual Plane needs two escapes in JSON.
    .map((line) => line.replace(UNSAFE_CHARACTER_PATTERN, (char) => char.split('').map(escapeCodeUnit).join('')))
    .join('\n')

/** @param {string} unit */
const escapeCodeUnit = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * @param {{ isTTY?: boolean }} stream
 * @param {Record<string, string | undefined>} env
 */
function hasColors(stream, { FORCE_COLOR, NO_COLOR, TERM }) {
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  return stream.isTTY === true && !NO_COLOR && TERM !== 'dumb'
}

/**
 * Returns functions that color text if a stream supports colors.
 *
 * @param {{ isTTY?: boolean }} stream
 * @param {Record<string, string | undefined>} env
 */
function createPainter(stream, env) {
  const usesColors = hasColors(stream, env)
  /** @type {(on: number, off: number) => (text: string) => string} */
  const style = (on, off) => (text) => (usesColors ? `\x1b[${on}m${text}\x1b[${off}m` : text)
  return {
    good: style(32, 39),
    bad: style(31, 39),
    warn: style(33, 39),
    dim: style(2, 22),
    bold: style(1, 22),
  }
}

/**
 * Wraps text at word boundaries and indents each line.
 *
 * @param {string} text
 * @param {string} indent
 * @param {number} width - In columns.
 */
function wrapText(text, indent, width) {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1]
    if (line !== '' && indent.length + line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.map((line) => indent + line).join('\n')
}

/**
 * Wraps help text. Option descriptions stay in their column. Indented commands are not wrapped, so that users can
 * copy them.
 *
 * @param {string} help
 * @param {number} width - In columns.
 */
function wrapHelp(help, width) {
  const wrappedLines = help.split('\n').map((line) => {
    const [term] = /^ {2}\S.*? {2,}(?=\S)/.exec(line) ?? []
    if (term !== undefined) return term + wrapText(line.slice(term.length), ' '.repeat(term.length), width).trimStart()
    return line.startsWith('  ') ? line : wrapText(line, '', width)
  })
  return wrappedLines.join('\n')
}

/**
 * Returns the width at which to wrap text: the terminal's width, limited so that lines are easy to read. A terminal of
 * unknown size reports 0 columns.
 *
 * @param {{ columns?: number }} stream
 */
const widthOf = ({ columns }) => Math.min(columns || MAX_LINE_WIDTH, MAX_LINE_WIDTH)

const MAX_LINE_WIDTH = 100

/** Formats a count and its noun, in the singular or plural. @type {(count: number, noun: string) => string} */
const formatCount = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`

module.exports = { formatCount, createPainter, toPrintable, printableJson, widthOf, wrapHelp, wrapText }
