/** Figures for the console, in columns. */

/** @param {(string | number)[][]} rows */
function printTable(rows) {
  const texts = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)))
  const widths = texts[0].map((_, column) => Math.max(...texts.map((row) => row[column].length)))
  // Words to the left, figures to the right.
  const pad = (/** @type {string} */ cell, /** @type {number} */ column) =>
    column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
  for (const row of texts) console.log(row.map(pad).join('  ').trimEnd())
}

module.exports = { printTable }
