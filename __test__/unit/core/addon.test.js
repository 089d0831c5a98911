const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join } = require('node:path')
const { test } = require('node:test')
const { buildSync } = require('esbuild')
const { temporaryFolder } = require('../../support/files')

const ADDON = join(__dirname, '../../../js/core/addon.js')

/** Runs the loader of the addon with another `require`, and returns the message of its error. */
function loadError(requireBinding, { filename = ADDON, installed = [] } = {}) {
  const fake = (id) => (id.endsWith('binding') ? requireBinding() : require(id))
  fake.resolve = (id) => {
    const name = id.replace('/package.json', '')
    if (!installed.includes(name)) throw new Error(`Cannot find module '${id}'`)
    return id
  }
  const run = new Function('require', 'module', '__filename', readFileSync(ADDON, 'utf8'))
  try {
    run(fake, {}, filename)
  } catch (error) {
    return error.message
  }
  return assert.fail('it loaded')
}

const failing =
  (...messages) =>
  () => {
    throw messages.reduceRight((cause, message) => new Error(message, { cause }), /** @type {any} */ (undefined))
  }

const BUNDLED_ERROR_PATTERN =
  /^logto-authkit found no binary, because a bundler .*withLogtoAuth.*'logto-authkit\/next\/config'/

test('D2: names withLogtoAuth if Turbopack has bundled the package', () => {
  const [first, second] = ['Cannot find native binding.', 'Cannot find module as expression is too dynamic']
  assert.match(loadError(failing(first, second)), BUNDLED_ERROR_PATTERN)
  const unresolved = 'could not resolve "logto-authkit-linux-x64-gnu" into a module'
  assert.match(loadError(failing(first, unresolved, "Cannot find module './a.node'")), BUNDLED_ERROR_PATTERN)
})

test('D2: names withLogtoAuth if another bundler has included the package in its output', (t) => {
  const { folder } = temporaryFolder(t)
  const outfile = join(folder, 'server.js')
  // The platform's binary is not part of the bundle.
  const stdin = { contents: `module.exports = require(${JSON.stringify(ADDON)})`, resolveDir: folder }
  buildSync({ stdin, bundle: true, platform: 'node', outfile, external: ['*.node', 'logto-authkit-*'] })
  assert.throws(() => createRequire(outfile)(outfile), { message: BUNDLED_ERROR_PATTERN })
})

test('an installation without the package of the platform is not taken for a bundle', () => {
  const missing = failing('Cannot find native binding.', "Cannot find module 'logto-authkit-linux-x64-gnu'")
  const name = /the package logto-authkit-\S+ is not installed/
  assert.match(loadError(missing), name)
  assert.match(loadError(missing, { filename: 'C:\\app\\node_modules\\logto-authkit\\js\\core\\addon.js' }), name)
  assert.doesNotMatch(loadError(missing), /withLogtoAuth/)
})
