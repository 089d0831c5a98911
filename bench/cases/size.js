/** Size of the addon. */

const { readdirSync, statSync } = require('node:fs')
const { join } = require('node:path')

async function run() {
  const folder = join(__dirname, '../../js/native')
  const addon = readdirSync(folder).find((name) => name.endsWith('.node')) ?? ''
  const mebibytes = statSync(join(folder, addon)).size / 2 ** 20
  const rows = [
    ['', 'MiB'],
    [addon, mebibytes.toFixed(2)],
  ]
  const note = 'Release build, stripped of symbols.'
  return [{ id: 'size', title: 'The addon', note, rows, figures: { mebibytes } }]
}

module.exports = { run }
