const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { copyFileSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, before, test } = require('node:test')

const ROOT = join(__dirname, '..')

/** @type {string} */
let folder
/** @type {string[]} */
let files

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'logto-authkit-'))
  const packed = pack(ROOT)
  files = packed.files

  const addon = readdirSync(join(ROOT, 'js/native')).find((name) => name.endsWith('.node')) ?? ''
  const platform = addon.split('.')[1]
  cpSync(join(ROOT, 'npm', platform), join(folder, 'platform'), { recursive: true })
  copyFileSync(join(ROOT, 'js/native', addon), join(folder, 'platform', addon))
  const binary = pack(join(folder, 'platform'))

  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "private": true }')
  npm(['install', '--offline', '--no-audit', '--no-fund', packed.path, binary.path])
})

after(() => rmSync(folder, { recursive: true, force: true }))

test('the package holds what it needs and nothing else', () => {
  assert.deepEqual(
    files.filter((name) => !/^js\/[a-z-]+(\.d)?\.(js|ts)$/.test(name)),
    [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'index.d.ts',
      'js/native/binding.d.ts',
      'js/native/binding.js',
      'package.json',
    ],
  )
})

test('the package runs no script when it is installed and has no run-time dependency', () => {
  const manifest = require('../package.json')
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) assert.ok(!(name in manifest.scripts), name)
  assert.ok(!('dependencies' in manifest))
})

const USE = `
  const issuer = await createTestIssuer()
  const auth = await verifyAuth(issuer.mint({ sub: 'alice' }), { logtoUrl: issuer.logtoUrl, audience: 'https://api.example.test' })
  console.log(auth.userId)
  await issuer.close()
`

test('an installed package works from an ES module', () => {
  const imports = `
    import { verifyAuth } from 'logto-authkit'
    import { createTestIssuer } from 'logto-authkit/testing'`
  assert.equal(run('esm.mjs', imports + USE), 'alice\n')
})

test('an installed package works from a CommonJS module', () => {
  const requires = `
    const { verifyAuth } = require('logto-authkit')
    const { createTestIssuer } = require('logto-authkit/testing')`
  assert.equal(run('cjs.cjs', `${requires}\nasync function main() {${USE}}\nmain()`), 'alice\n')
})

/**
 * @param {string} name
 * @param {string} code
 */
function run(name, code) {
  writeFileSync(join(folder, name), code)
  return execFileSync(process.execPath, [join(folder, name)], { encoding: 'utf8' })
}

/** @param {string} from */
function pack(from) {
  const [{ filename, files }] = JSON.parse(npm(['pack', '--json', '--pack-destination', folder, from]))
  return {
    path: join(folder, filename),
    files: files.map((/** @type {{ path: string }} */ file) => file.path).sort(),
  }
}

/** @param {string[]} args */
function npm(args) {
  const shell = process.platform === 'win32'
  return execFileSync('npm', args, { cwd: folder, encoding: 'utf8', shell, stdio: ['ignore', 'pipe', 'pipe'] })
}
