const assert = require('node:assert/strict')
const { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, before, describe, test } = require('node:test')
const { spawnSync } = require('node:child_process')
const { ROOT, USE, installPacked } = require('../support/packed')

/** @type {import('../support/packed').Consumer} */
let consumer

before(() => {
  consumer = installPacked()
})
after(() => consumer.remove())

test('the package holds what it needs and nothing else', () => {
  assert.deepEqual(
    consumer.packed.files.filter(
      (name) => !/^(js\/([a-z]+\/)?[a-z-]+(\.d)?\.(js|ts)|docs\/[a-zA-Z-]+\.md)$/.test(name),
    ),
    [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'index.d.ts',
      'js/cli/page/index.html',
      'js/cli/page/page.js',
      'js/cli/page/style.css',
      'package.json',
    ],
  )
})

test('the package of a platform holds its binary', () => {
  const { files } = consumer.binary
  assert.deepEqual(files, ['README.md', `logto-authkit.${consumer.platform}.node`, 'package.json'])
})

test('the package stays small', () => {
  assert.ok(consumer.packed.unpackedSize < 500_000, String(consumer.packed.unpackedSize))
  assert.ok(consumer.binary.unpackedSize < 8_000_000, String(consumer.binary.unpackedSize))
})

test('the package runs no script when it is installed and has no run-time dependency', () => {
  const manifest = require('../../package.json')
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) assert.ok(!(name in manifest.scripts), name)
  assert.ok(!('dependencies' in manifest))
})

test('every entry has its types under the resolution of older TypeScript configurations too', () => {
  const { exports, typesVersions } = require('../../package.json')
  const typed = Object.entries(exports).flatMap(([path, entry]) =>
    typeof entry === 'object' && path !== '.' ? [[path.slice(2), [entry.types]]] : [],
  )
  assert.deepEqual(typesVersions, { '*': Object.fromEntries(typed) })
})

test('publint finds nothing in the package', () => {
  const { status, stdout } = consumer.node([
    join(ROOT, 'node_modules/publint/src/cli.js'),
    '--strict',
    consumer.packed.path,
  ])
  assert.equal(status, 0, stdout)
  assert.match(stdout, /All good!/)
})

test('publint finds no fault in the package of a platform', () => {
  // Only that it names no "type": it holds no JavaScript, and `napi create-npm-dirs` writes it.
  const args = ['--strict', '--level', 'warning', consumer.binary.path]
  const { status, stdout } = consumer.node([join(ROOT, 'node_modules/publint/src/cli.js'), ...args])
  assert.equal(status, 0, stdout)
})

test('arethetypeswrong finds nothing, under any resolution', () => {
  const attw = join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js')
  const { status, stdout } = consumer.node([attw, consumer.packed.path, '--format', 'json'])
  const { analysis } = JSON.parse(stdout)
  assert.deepEqual([status, analysis.problems], [0, []])
})

test('an installed package works from an ES module', () => {
  const file = consumer.write(
    'esm.mjs',
    `import { verifyAuth } from 'logto-authkit'
    import { createTestIssuer } from 'logto-authkit/testing'
    ${USE} console.log(auth.userId)`,
  )
  assert.equal(consumer.node([file]).stdout, 'alice\n')
})

test('an installed package works from a CommonJS module', () => {
  const file = consumer.write(
    'cjs.cjs',
    `const { verifyAuth } = require('logto-authkit')
    const { createTestIssuer } = require('logto-authkit/testing')
    async function main() { ${USE} console.log(auth.userId) }
    main()`,
  )
  assert.equal(consumer.node([file]).stdout, 'alice\n')
})

test('an installed package has its command line', () => {
  const bin = join(consumer.folder, 'node_modules/.bin/logto-authkit')
  const shell = process.platform === 'win32'
  const { stdout } = spawnSync(bin, ['--version'], { encoding: 'utf8', timeout: 30_000, shell })
  assert.equal(stdout, `${require('../../package.json').version}\n`)
})

describe('where no binary fits', () => {
  /** A copy without the binary. @type {string} */
  let folder
  /** @type {string} */
  let modules
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'logto-authkit-'))
    modules = join(folder, 'node_modules')
    cpSync(join(consumer.folder, 'node_modules/logto-authkit'), join(modules, 'logto-authkit'), { recursive: true })
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('the import fails and names the platform, the package and what to do', () => {
    const says = new RegExp(
      `^Error: logto-authkit found no binary for ${consumer.platform}: the package logto-authkit-${consumer.platform} is not installed\\..*npm install --include=optional`,
      'm',
    )
    for (const code of ["require('logto-authkit')", "require('logto-authkit/express')", "import('logto-authkit')"]) {
      const { status, stderr } = inFolder(code)
      assert.equal(status, 1)
      assert.match(stderr, says)
    }
  })

  test('the command line says the same in one line', () => {
    const main = join(modules, 'logto-authkit/js/cli/main.js')
    const { status, stderr } = spawnSync(process.execPath, [main, 'explain', 'x'], {
      encoding: 'utf8',
      timeout: 30_000,
    })
    assert.equal(status, 1)
    assert.match(stderr, /^logto-authkit: logto-authkit found no binary for .*\n$/)
  })

  test('a binary of another system gives away where node_modules came from', () => {
    install('darwin-arm64', 'x')
    const { stderr } = inFolder("require('logto-authkit')")
    assert.match(
      stderr,
      /what is installed is for darwin-arm64, so node_modules or the lock file came from another system/,
    )
    uninstall('darwin-arm64')
  })

  test('a binary that does not load says why', () => {
    install(consumer.platform, 'this is no binary')
    const { stderr } = inFolder("require('logto-authkit')")
    assert.match(
      stderr,
      new RegExp(`^Error: logto-authkit could not load its binary for ${consumer.platform}, .*\\.node`, 'm'),
    )
    uninstall(consumer.platform)
  })

  for (const [platform, arch, name] of [
    ['freebsd', 'x64', 'freebsd-x64'],
    ['linux', 's390x', 'linux-s390x-(gnu|musl)'],
    ['win32', 'ia32', 'win32-ia32-msvc'],
  ]) {
    test(`${platform} ${arch} has no binary, and the error says for what there is one`, () => {
      const pretend = (/** @type {string} */ what, /** @type {string} */ value) =>
        `Object.defineProperty(process, '${what}', { value: '${value}' });`
      const { stderr } = inFolder(`${pretend('platform', platform)}${pretend('arch', arch)}require('logto-authkit')`)
      assert.match(
        stderr,
        new RegExp(`^Error: logto-authkit has no binary for ${name}\\. There are binaries for (.+)\\.$`, 'm'),
      )
      const listed = /There are binaries for (.+)\.$/m.exec(stderr)?.[1].split(', ')
      assert.deepEqual(listed, readdirSync(join(ROOT, 'npm')).sort())
    })
  }

  /** @param {string} code */
  function inFolder(code) {
    return spawnSync(process.execPath, ['--eval', code], { cwd: folder, encoding: 'utf8', timeout: 30_000 })
  }

  /**
   * @param {string} platform
   * @param {string} content
   */
  function install(platform, content) {
    const to = join(modules, `logto-authkit-${platform}`)
    mkdirSync(to)
    cpSync(join(ROOT, 'npm', platform, 'package.json'), join(to, 'package.json'))
    writeFileSync(join(to, `logto-authkit.${platform}.node`), content)
  }

  /** @param {string} platform */
  function uninstall(platform) {
    rmSync(join(modules, `logto-authkit-${platform}`), { recursive: true })
  }
})

test('the check of the glibc that a binary needs passes an old one and refuses a newer one', {
  skip: !isGlibc(),
}, () => {
  const binary = join(ROOT, 'js/native', `logto-authkit.${consumer.platform}.node`)
  const check = (/** @type {string} */ most) =>
    spawnSync(join(ROOT, 'scripts/check-glibc.sh'), [binary, most], { encoding: 'utf8', timeout: 30_000 })
  const [passed, refused] = [check('99.0'), check('2.1')]
  assert.deepEqual([passed.status, refused.status], [0, 1])
  assert.match(passed.stdout, /needs glibc 2\.\d+\n$/)
  assert.match(refused.stderr, /newer than 2\.1/)
})

test('a release builds every target', () => {
  const { targets } = require('../../package.json').napi
  const release = readFileSync(join(ROOT, '.github/workflows/release.yml'), 'utf8')
  const build = release.slice(release.indexOf('  build:'), release.indexOf('  try:'))
  assert.deepEqual([...build.matchAll(/ target: ([\w-]+) /g)].map(([, target]) => target).sort(), targets.toSorted())
})

function isGlibc() {
  const report = /** @type {any} */ (process.report.getReport())
  return process.platform === 'linux' && report.header.glibcVersionRuntime !== undefined && existsReadelf()
}

function existsReadelf() {
  return spawnSync('readelf', ['--version']).status === 0
}
