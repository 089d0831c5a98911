/** Text for a terminal: colours where it has them, and nothing in it that it would obey. */

/** @typedef {ReturnType<typeof painter>} Paint */

/** Controls, and what hides or reorders text: an escape sequence in a claim could rewrite what stands above it. */
const HARMFUL = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * A text of somebody else's, on one line.
 *
 * @param {string} text
 */
const printable = (text) => text.replace(HARMFUL, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)

/**
 * JSON over several lines whose strings are as harmless.
 *
 * @param {unknown} value
 */
const printableJson = (value) =>
  JSON.stringify(value, null, 2)
    .split('\n')
    // All of these are in the basic plane or get two escapes, so that the result is JSON still.
    .map((line) => line.replace(HARMFUL, (char) => char.split('').map(escaped).join('')))
    .join('\n')

/** @param {string} unit */
const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * @param {{ isTTY?: boolean }} stream
 * @param {Record<string, string | undefined>} env
 */
function hasColours(stream, { FORCE_COLOR, NO_COLOR, TERM }) {
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  return stream.isTTY === true && !NO_COLOR && TERM !== 'dumb'
}

/**
 * Functions that colour a text, or leave it alone.
 *
 * @param {{ isTTY?: boolean }} stream
 * @param {Record<string, string | undefined>} env
 */
function painter(stream, env) {
  const colours = hasColours(stream, env)
  /** @type {(on: number, off: number) => (text: string) => string} */
  const style = (on, off) => (text) => (colours ? `\x1b[${on}m${text}\x1b[${off}m` : text)
  return {
    good: style(32, 39),
    bad: style(31, 39),
    warn: style(33, 39),
    dim: style(2, 22),
    bold: style(1, 22),
  }
}

/**
 * A text over several lines, each indented, broken between words.
 *
 * @param {string} text
 * @param {string} indent
 */
function wrapped(text, indent) {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1]
    if (line !== '' && indent.length + line.length + 1 + word.length > WIDTH) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.map((line) => indent + line).join('\n')
}

const WIDTH = 100

module.exports = { painter, printable, printableJson, wrapped }
