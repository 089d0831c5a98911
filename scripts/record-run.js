/**
 * Records the result of a long test run in docs/security-runs.md, which has one row per kind of run. The test scripts
 * record their results with `--record`, and fuzz/run.sh calls this script.
 *
 *     node scripts/record-run.js <name> <command> <result>
 */

const { execFileSync } = require('node:child_process')
const { readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')

const ROOT = join(__dirname, '..')
const RUNS_PAGE = join(ROOT, 'docs/security-runs.md')

/** @typedef {{ name: string, command: string, result: string }} Run */

/** @param {Run} run */
function recordRun(run) {
  const date = new Date().toISOString().slice(0, 10)
  const page = readFileSync(RUNS_PAGE, 'utf8')
  writeFileSync(RUNS_PAGE, withRow(page, [run.name, run.result, `\`${run.command}\``, commit(), date]))
}

/** Returns the current commit, with a suffix if there are uncommitted changes outside docs/security-runs.md. */
function commit() {
  const git = (/** @type {string[]} */ ...args) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim()
  const changes = git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!docs/security-runs.md')
  return `${git('rev-parse', '--short', 'HEAD')}${changes === '' ? '' : '-dirty'}`
}

/**
 * Replaces the row with the same name, or appends a new row.
 *
 * @param {string} page - The text of the page, which ends with the table.
 * @param {string[]} cells
 */
function withRow(page, cells) {
  const row = `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  const lines = page.trimEnd().split('\n')
  const found = lines.findIndex((line) => line.startsWith(`| ${cells[0]} |`))
  if (found === -1) lines.push(row)
  else lines[found] = row
  return `${lines.join('\n')}\n`
}

if (require.main === module) {
  const [name, command, result] = process.argv.slice(2)
  if (result === undefined) throw new TypeError('expected a name, a command and a result')
  recordRun({ name, command, result })
}

module.exports = { recordRun, withRow }
