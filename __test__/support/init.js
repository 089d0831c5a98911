/** Projects in which tests run `logto-authkit init`. */

const { readFileSync, readdirSync } = require('node:fs')
const { join } = require('node:path')
const { cli } = require('./cli')
const { temporaryFolder } = require('./files')

/** Creates a project, and returns how to run `init` in it. */
function project(t, files) {
  const { folder, save } = temporaryFolder(t)
  for (const [path, content] of Object.entries(files)) save(path, content)
  return {
    folder,
    init: (args, more = {}) => cli(['init', ...args], { cwd: () => folder, ...more }),
    json: async (args = [], more = {}) =>
      JSON.parse((await cli(['init', '--json', ...args], { cwd: () => folder, ...more })).stdout),
    read: (path) => readFileSync(join(folder, path), 'utf8'),
    list: () => readdirSync(folder).sort(),
  }
}

/** Joins the lines of each paragraph. */
const unwrapped = (text) => text.replace(/(?<=\S)\n(?=\S)/g, ' ')

const uses = (...names) => ({ dependencies: Object.fromEntries(names.map((name) => [name, '*'])) })

module.exports = { project, unwrapped, uses }
