/** Shows the changes that `init` makes to a file. */

const { toPrintable } = require('./terminal')

/**
 * The number of unchanged lines to show before and after a change: none in an environment file, which may contain
 * secrets.
 */
const contextLines = (/** @type {string} */ path) => (path.startsWith('.env') ? 0 : 2)

/**
 * @param {{ path: string, before: string | null, after: string }} change
 * @param {import('./terminal').Paint} paint
 */
function formatDiff({ path, before, after }, paint) {
  const lines = diffLines(linesOf(before ?? ''), linesOf(after))
  const title = paint.bold(toPrintable(path) + (before === null ? ' (new file)' : ''))
  const context = contextLines(path)
  const isShown = lines.map((_, i) =>
    lines.slice(Math.max(0, i - context), i + context + 1).some(([mark]) => mark !== ' '),
  )
  const shownLines = lines.flatMap(([mark, line], i) => {
    if (!isShown[i]) return i > 0 && isShown[i - 1] ? [paint.dim('  …')] : []
    const text = `  ${mark} ${toPrintable(line)}`
    return [mark === '+' ? paint.good(text) : mark === '-' ? paint.bad(text) : paint.dim(text)]
  })
  return [title, ...shownLines].map((line) => `${line.trimEnd()}\n`).join('')
}

/** @param {string} text */
const linesOf = (text) => (text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/))

/**
 * Compares two lists of lines, based on their longest common subsequence.
 *
 * @param {string[]} before
 * @param {string[]} after
 * @returns {[mark: ' ' | '+' | '-', line: string][]}
 */
function diffLines(before, after) {
  /** `counts[i][j]` is the length of the longest common subsequence of `before.slice(i)` and `after.slice(j)`. */
  const counts = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1))
  for (let i = before.length - 1; i >= 0; i -= 1)
    for (let j = after.length - 1; j >= 0; j -= 1)
      counts[i][j] = before[i] === after[j] ? counts[i + 1][j + 1] + 1 : Math.max(counts[i + 1][j], counts[i][j + 1])
  /** @type {[' ' | '+' | '-', string][]} */
  const lines = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push([' ', before[i]])
      i += 1
      j += 1
    } else if (j === after.length || (i < before.length && counts[i + 1][j] >= counts[i][j + 1])) {
      lines.push(['-', before[i]])
      i += 1
    } else {
      lines.push(['+', after[j]])
      j += 1
    }
  }
  return lines
}

module.exports = { formatDiff }
