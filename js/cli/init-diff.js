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
    const text = `  ${mark} ${toPrintable(line.replaceAll('\t', '  '))}`
    return [mark === '+' ? paint.good(text) : mark === '-' ? paint.bad(text) : paint.dim(text)]
  })
  return [title, ...shownLines].map((line) => `${line.trimEnd()}\n`).join('')
}

/** @param {string} text */
const linesOf = (text) => (text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/))

/** Returns the lines that a change adds. @param {string} before @param {string} after */
const addedLines = (before, after) =>
  diffLines(linesOf(before), linesOf(after)).flatMap(([mark, line]) => (mark === '+' ? [line] : []))

/**
 * @param {string[]} before
 * @param {string[]} after
 * @returns {[mark: ' ' | '+' | '-', line: string][]}
 */
function diffLines(before, after) {
  const [deleted, added] = [new Set(), new Set()]
  for (let edit = lastEdit(before, after); edit !== null; edit = edit.previous)
    (edit.isAddition ? added : deleted).add(edit.index)
  /** @type {[' ' | '+' | '-', string][]} */
  const lines = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    const mark = deleted.has(i) ? '-' : added.has(j) ? '+' : ' '
    lines.push([mark, mark === '+' ? after[j] : before[i]])
    if (mark !== '+') i += 1
    if (mark !== '-') j += 1
  }
  return lines
}

/** @typedef {{ isAddition: boolean, index: number, previous: Edit | null }} Edit - An added or deleted line. */

/**
 * Returns the last edit of a shortest list of edits, found with the greedy algorithm of Myers ("An O(ND) Difference
 * Algorithm and Its Variations", 1986). The algorithm is fast for long files, because `init` changes only a few lines.
 *
 * @param {string[]} before
 * @param {string[]} after
 * @returns {Edit | null}
 */
function lastEdit(before, after) {
  /**
   * For each diagonal (the number of lines read from `before` minus the number of lines read from `after`), the
   * furthest position in `before`, and the last edit on the way there.
   *
   * @type {Map<number, { i: number, edit: Edit | null }>}
   */
  const furthestPositions = new Map([[1, { i: 0, edit: null }]])
  for (let count = 0; ; count += 1) {
    for (let difference = -count; difference <= count; difference += 2) {
      const additionStart = furthestPositions.get(difference + 1)
      const deletionStart = furthestPositions.get(difference - 1)
      const isAddition =
        deletionStart === undefined || (additionStart !== undefined && deletionStart.i < additionStart.i)
      const start = /** @type {{ i: number, edit: Edit | null }} */ (isAddition ? additionStart : deletionStart)
      let i = isAddition ? start.i : start.i + 1
      const edit =
        count === 0 ? null : { isAddition, index: isAddition ? i - difference - 1 : i - 1, previous: start.edit }
      while (i < before.length && i - difference < after.length && before[i] === after[i - difference]) i += 1
      if (i >= before.length && i - difference >= after.length) return edit
      furthestPositions.set(difference, { i, edit })
    }
  }
}

module.exports = { addedLines, formatDiff }
