/** Prints tables to the console. */

function printTable(rows) {
  const texts = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)))
  const widths = texts[0].map((_, column) => Math.max(...texts.map((row) => row[column].length)))
  // Text is aligned left, numbers right.
  const pad = (cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))
  for (const row of texts) console.log(row.map(pad).join('  ').trimEnd())
}

module.exports = { printTable }
