/** The compiler of TypeScript, for code of applications. */

const { spawnSync } = require('node:child_process')
const { ROOT } = require('./pages')

/** Options of an application that imports its packages as bundlers do. */
const STRICT = {
  strict: true,
  noEmit: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  experimentalDecorators: true,
  target: 'es2023',
  module: 'preserve',
  lib: ['es2023', 'dom', 'dom.iterable'],
  types: ['node'],
}

/** Runs the compiler, and returns its exit code and output. */
function tsc(...args) {
  const options = { cwd: ROOT, encoding: /** @type {const} */ ('utf8'), timeout: 600_000 }
  const { status, stdout } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...args], options)
  return { status, stdout }
}

/** Checks the types of files; paths are relative to the folder that `save` writes to. */
function checkTypes(save, files, more = {}) {
  return tsc('-p', save('tsconfig.json', { compilerOptions: { ...STRICT, ...more }, files }))
}

module.exports = { checkTypes, tsc }
