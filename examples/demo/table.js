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

module.exports = { printTable, printSummary }
