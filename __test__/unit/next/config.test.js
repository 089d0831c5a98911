const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { dirname, join } = require('node:path')
const { test } = require('node:test')
const { withLogtoAuth } = require('logto-authkit/next/config')
const { temporaryFolder } = require('../../support/files')

test('adds the package to serverExternalPackages, once', () => {
  const config = { output: 'standalone', serverExternalPackages: ['sharp'] }
  const extended = withLogtoAuth(config)
  assert.deepEqual(extended, { output: 'standalone', serverExternalPackages: ['sharp', 'logto-authkit'] })
  assert.deepEqual(withLogtoAuth(extended), extended)
  assert.deepEqual(config.serverExternalPackages, ['sharp'])
  assert.deepEqual(withLogtoAuth(), { serverExternalPackages: ['logto-authkit'] })
})

test('wraps a function of the phase, and passes its arguments on', async () => {
  const sync = withLogtoAuth((phase, context) => ({ phase, context }))
  const expected = { phase: 'build', context: { defaultConfig: {} }, serverExternalPackages: ['logto-authkit'] }
  assert.deepEqual(sync('build', { defaultConfig: {} }), expected)
  const later = withLogtoAuth(async (phase) => ({ phase }))
  assert.deepEqual(await later('build'), { phase: 'build', serverExternalPackages: ['logto-authkit'] })
})

test('accepts a promise of a configuration', async () => {
  assert.deepEqual(await withLogtoAuth(Promise.resolve({})), { serverExternalPackages: ['logto-authkit'] })
})

test('leaves it to Next.js to report an invalid configuration', () => {
  const packages = new Set(['sharp'])
  assert.deepEqual(withLogtoAuth({ serverExternalPackages: packages }), {
    serverExternalPackages: [packages, 'logto-authkit'],
  })
  for (const config of /** @type {any[]} */ ([null, 'text', 1]))
    assert.deepEqual(withLogtoAuth(config).serverExternalPackages, ['logto-authkit'])
})

test('loads neither Next.js nor the addon', () => {
  const code = "require('logto-authkit/next/config'); console.log(Object.keys(require.cache).length)"
  const { stdout } = spawnSync(process.execPath, ['-p', code], { cwd: ROOT, encoding: 'utf8' })
  assert.equal(stdout.split('\n')[0], '1')
})

const ROOT = join(__dirname, '../../..')

/** Returns the warnings of `withLogtoAuth` in a folder. */
function warningsIn(folder) {
  const script = `require(${JSON.stringify(require.resolve('logto-authkit/next/config'))}).withLogtoAuth()`
  return spawnSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' }).stderr
}

test('warns about a proxy that Next.js ignores, because it is not next to the pages', (t) => {
  for (const [pages, file, target] of [
    ['src/app/page.tsx', 'proxy.ts', 'src/proxy.ts'],
    ['src/pages/index.tsx', 'middleware.js', 'src/middleware.js'],
    ['app/page.tsx', 'src/proxy.ts', 'proxy.ts'],
    ['app/page.tsx', 'app/proxy.ts', 'proxy.ts'],
    ['src/app/page.tsx', 'src/app/proxy.js', 'src/proxy.js'],
  ]) {
    const { folder, save } = temporaryFolder(t)
    save(pages, '')
    assert.equal(warningsIn(folder), '')
    save(file, '')
    const warning = `[LOGTO_AUTHKIT_MISPLACED_PROXY] Warning: Next.js ignores ${file}: move it to ${target}, next to the folder ${dirname(pages)}`
    assert.ok(warningsIn(folder).includes(warning), file)
    save(target, '')
    assert.equal(warningsIn(folder), '', file)
  }
  const { folder, save } = temporaryFolder(t)
  save('proxy.ts', '')
  assert.equal(warningsIn(folder), '')
})

test('warns about a proxy that Next.js runs in the Edge runtime', (t) => {
  const proxy = "import { authProxy } from './lib/auth'\nexport default authProxy()\n"
  for (const [name, text, isWarning] of /** @type {[string, string, boolean][]} */ ([
    ['src/middleware.ts', proxy, true],
    ['middleware.js', proxy, true],
    ['middleware.js', `${proxy}export const config = { runtime: 'nodejs' }\n`, false],
    ['middleware.ts', 'export default intl()\n', false],
    ['proxy.ts', proxy, false],
  ])) {
    const { folder, save } = temporaryFolder(t)
    save(name, text)
    const renamed = name.replace('middleware', 'proxy')
    const warning = `Next.js runs ${name} in the Edge runtime, where logto-authkit does not run: rename the file to ${renamed}`
    assert.equal(warningsIn(folder).includes(`[LOGTO_AUTHKIT_EDGE_MIDDLEWARE] Warning: ${warning}`), isWarning, name)
  }
})
