const { styleText } = require('node:util')

/** @typedef {import('./verdict.js').Row} Row */

/**
 * @param {string} title
 * @param {Row[]} rows
 */
function printTable(title, rows) {
  const head = { name: 'case', expected: 'expected', got: 'got', detail: 'detail' }
  const columns = COLUMNS.map((name) => ({ name, width: Math.max(...[head, ...rows].map((row) => row[name].length)) }))
  const cells = (/** @type {typeof head} */ row) => columns.map(({ name, width }) => row[name].padEnd(width)).join('  ')
  const line = (/** @type {typeof head} */ row) => `${cells(row)}  ${row.detail}`

  console.log(`\n${paint('bold', title)}\n`)
  console.log(paint('dim', `    ${truncate(line(head))}`))
  for (const row of rows) {
    console.log(row.ok ? `  ${paint('green', '✓')} ${truncate(line(row))}` : `  ${paint('red', '✗')} ${line(row)}`)
  }
}

/**
 * Prints rows without the columns that matter only if a row is not as expected. Fits into 70 columns.
 *
 * @param {string} title
 * @param {Row[]} rows
 */
function printList(title, rows) {
  const width = Math.max(...rows.map(({ name }) => name.length))
  console.log(`\n${paint('bold', title)}\n`)
  for (const { ok, name, expected, got, detail } of rows) {
    const line = `${name.padEnd(width)}  ${got}`
    if (ok) console.log(`  ${paint('green', '✓')} ${line}`)
    else console.log(`  ${paint('red', '✗')} ${line}\n      expected ${expected}. ${detail}`)
  }
}

/**
 * @param {string} title
 * @param {string} reason - One or more sentences.
 */
function printSkipped(title, reason) {
  console.log(`\n${paint('bold', title)}\n`)
  const [first, ...rest] = reason.split(/(?<=\.) /)
  console.log(`  - skipped: ${first}`)
  for (const sentence of rest) console.log(`    ${sentence}`)
}

/**
 * The last result has no bar, because its bar would dwarf the others.
 *
 * @param {string} title
 * @param {{ name: string, perSecond: number }[]} results
 */
function printBars(title, results) {
  const compared = results.slice(0, -1)
  const [longest] = compared.map(({ perSecond }) => perSecond).sort((a, b) => b - a)
  const width = Math.max(...results.map(({ name }) => name.length))
  console.log(`\n${paint('bold', title)}\n`)
  for (const result of results) {
    const { name, perSecond } = result
    const bar = compared.includes(result) ? '█'.repeat(Math.max(1, Math.round((perSecond / longest) * 16))) : ''
    const figure = Math.round(perSecond).toLocaleString('en').padStart(9)
    console.log(`    ${name.padEnd(width)}  ${figure}  ${paint('green', bar)}`.trimEnd())
  }
}

/**
 * @param {Row[]} rows
 * @param {string[]} remarks
 */
function printSummary(rows, remarks) {
  const good = rows.filter(({ ok }) => ok).length
  const result = `${good} of ${rows.length} rows as expected`
  const line = [paint(good === rows.length ? 'green' : 'red', result), ...remarks].join(' · ')
  console.log(`\n${line}`)
}

/** @param {string} text truncated to the width of the terminal; not truncated when written to a file */
function truncate(text) {
  const room = (process.stdout.columns ?? Number.POSITIVE_INFINITY) - 4
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`
}

/**
 * @param {'bold' | 'dim' | 'green' | 'red'} style
 * @param {string} text
 */
function paint(style, text) {
  return process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text
}

const COLUMNS = /** @type {const} */ (['name', 'expected', 'got'])

module.exports = { printBars, printList, printSkipped, printSummary, printTable }
