/** The pages of the documentation: text, tables and code blocks. */

const { readFileSync, readdirSync } = require('node:fs')
const { join } = require('node:path')

const ROOT = join(__dirname, '../..')
const PAGES = readdirSync(join(ROOT, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`)

const read = (path) => readFileSync(join(ROOT, path), 'utf8')

/** The code blocks, each with the example file that a comment before it names. */
const blocks = (pages) =>
  pages.flatMap((page) => {
    const text = read(page)
    return [...text.matchAll(/(?:^<!-- (\S+) -->\n)?^```(\w+)\n([\s\S]*?)^```$/gm)].map(
      ({ index, 1: example, 2: language, 3: code }) => ({
        page,
        line: text.slice(0, index).split('\n').length,
        language,
        example,
        code,
      }),
    )
  })

/** The cells of every row of every table. */
const rows = (text) =>
  [...text.matchAll(/^\|(.*)\|$/gm)].map(([, row]) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()))

/** The section under a heading. */
function section(text, heading) {
  const [, found] = text.split(new RegExp(`^#+ ${heading.replace(/\W/g, '\\$&')}\n`, 'm'))
  return found?.split(/^#+ /m, 1)[0]
}

module.exports = { PAGES, ROOT, blocks, read, rows, section }
