const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { test } = require('node:test')
const { runInNewContext } = require('node:vm')
const { build } = require('esbuild')
const { withLogtoAuth } = require('logto-authkit/next/config')

test('the package is added to the external ones, once', () => {
  const config = { output: 'standalone', serverExternalPackages: ['sharp'] }
  const extended = withLogtoAuth(config)
  assert.deepEqual(extended, { output: 'standalone', serverExternalPackages: ['sharp', 'logto-authkit'] })
  assert.deepEqual(withLogtoAuth(extended), extended)
  assert.deepEqual(config.serverExternalPackages, ['sharp'])
  assert.deepEqual(withLogtoAuth(), { serverExternalPackages: ['logto-authkit'] })
})

test('a function of the phase stays one, with its arguments', async () => {
  const sync = withLogtoAuth((/** @type {string} */ phase, /** @type {object} */ context) => ({ phase, context }))
  const expected = { phase: 'build', context: { defaultConfig: {} }, serverExternalPackages: ['logto-authkit'] }
  assert.deepEqual(sync('build', { defaultConfig: {} }), expected)
  const later = withLogtoAuth(async (/** @type {string} */ phase) => ({ phase }))
  assert.deepEqual(await later('build'), { phase: 'build', serverExternalPackages: ['logto-authkit'] })
})

test('a promise of a configuration stays one', async () => {
  assert.deepEqual(await withLogtoAuth(Promise.resolve({})), { serverExternalPackages: ['logto-authkit'] })
})

test('neither Next.js nor the addon is loaded for it', () => {
  const code = "require('logto-authkit/next/config'); console.log(Object.keys(require.cache).length)"
  const { stdout } = spawnSync(process.execPath, ['-p', code], { cwd: ROOT, encoding: 'utf8' })
  assert.equal(stdout.split('\n')[0], '1')
})

for (const condition of ['edge-light', 'workerd', 'worker', 'browser']) {
  test(`every entry refuses to be imported under the condition "${condition}", in one sentence`, () => {
    // One after the other: Node 26 fails by itself where what throws is imported several times at once.
    const code = `
      (async () => {
        for (const entry of ${JSON.stringify(entries())}) {
          try { require(entry) } catch ({ message }) { console.log(message) }
          await import(entry).catch(({ message }) => console.log(message))
        }
      })()`
    const { stdout } = spawnSync(process.execPath, ['-C', condition, '-e', code], { cwd: ROOT, encoding: 'utf8' })
    const messages = stdout.trim().split('\n')
    assert.equal(messages.length, 2 * entries().length, stdout)
    for (const message of messages) {
      assert.match(message, /^logto-authkit runs in Node\.js only: .+ runtime = 'nodejs'$/)
    }
  })
}

test('every entry, bundled for a browser, refuses to run, in one sentence', async () => {
  for (const entry of entries()) {
    const stdin = { contents: `import * as all from '${entry}'; console.log(all)`, resolveDir: ROOT }
    const { outputFiles } = await build({ stdin, bundle: true, platform: 'browser', write: false, logLevel: 'silent' })
    const [{ text }] = outputFiles
    assert.doesNotMatch(text, /\.node\b|require\('node:/, entry)
    assert.throws(() => runInNewContext(text), {
      message: /^logto-authkit runs in Node\.js only: .+ runtime = 'nodejs'$/,
    })
  }
})

const ROOT = join(__dirname, '../../..')

function entries() {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const paths = Object.keys(exports).filter((path) => path !== './package.json')
  return paths.map((path) => path.replace('.', 'logto-authkit'))
}
