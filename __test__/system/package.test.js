const assert = require('node:assert/strict')
const {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, before, describe, test } = require('node:test')
const { spawnSync } = require('node:child_process')
const { ROOT, CONSUMER_CODE, installPacked } = require('../support/packed')

let consumer

before(() => {
  consumer = installPacked()
})
after(() => consumer.remove())

test('the package contains the expected files only', () => {
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
      'js/cli/templates/express.mjs',
      'js/cli/templates/fastify.mjs',
      'js/cli/templates/hono.mjs',
      'js/cli/templates/koa.mjs',
      'js/cli/templates/nest-controller.ts',
      'js/cli/templates/next-api.ts',
      'js/cli/templates/next-auth.ts',
      'js/cli/templates/next-config.ts',
      'js/cli/templates/next-route.ts',
      'package.json',
    ],
  )
})

test('a platform package contains its binary', () => {
  const { files } = consumer.binary
  assert.deepEqual(files, ['README.md', `logto-authkit.${consumer.platform}.node`, 'package.json'])
})

test('the package stays small', () => {
  assert.ok(consumer.packed.unpackedSize < 1_350_000, String(consumer.packed.unpackedSize))
  assert.ok(consumer.binary.unpackedSize < 8_000_000, String(consumer.binary.unpackedSize))
})

test('the package has no install scripts and no runtime dependencies', () => {
  const manifest = require('../../package.json')
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) assert.ok(!(name in manifest.scripts), name)
  assert.ok(!('dependencies' in manifest))
})

test('every entry has its declarations next to it, and typesVersions finds them for older module resolution', () => {
  const { exports, types, typesVersions } = require('../../package.json')
  const entries = Object.entries(/** @type {Record<string, any>} */ (exports))
  for (const [entry, conditions] of entries.filter(([, conditions]) => typeof conditions !== 'string')) {
    const declarations = conditions.types ?? conditions.default.replace(/\.js$/, '.d.ts')
    assert.ok(existsSync(join(ROOT, declarations)), declarations)
    // TypeScript uses the first path that exists.
    const candidates = typesVersions['*']['*'].map((path) => path.replace('*', entry.slice(2)))
    const found = entry === '.' ? types : candidates.find((path) => existsSync(join(ROOT, path)))
    assert.equal(found, declarations, entry)
  }
})

test('publint reports nothing for the package', () => {
  const { status, stdout } = consumer.node([
    join(ROOT, 'node_modules/publint/src/cli.js'),
    '--strict',
    consumer.packed.path,
  ])
  assert.equal(status, 0, stdout)
  assert.match(stdout, /All good!/)
})

test('publint reports no error for a platform package', () => {
  // publint suggests a "type", but the package contains no JavaScript, and `napi create-npm-dirs` generates it.
  const args = ['--strict', '--level', 'warning', consumer.binary.path]
  const { status, stdout } = consumer.node([join(ROOT, 'node_modules/publint/src/cli.js'), ...args])
  assert.equal(status, 0, stdout)
})

test('arethetypeswrong reports nothing, for any module resolution', () => {
  const attw = join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js')
  const { status, stdout } = consumer.node([attw, consumer.packed.path, '--format', 'json'])
  const { analysis } = JSON.parse(stdout)
  assert.deepEqual([status, analysis.problems], [0, []])
})

test('the installed package works in an ES module', () => {
  const file = consumer.write(
    'esm.mjs',
    `import { verifyAuth } from 'logto-authkit'
    import { createTestIssuer } from 'logto-authkit/testing'
    ${CONSUMER_CODE} console.log(auth.userId)`,
  )
  assert.equal(consumer.node([file]).stdout, 'alice\n')
})

test('the installed package works in a CommonJS module', () => {
  const file = consumer.write(
    'cjs.cjs',
    `const { verifyAuth } = require('logto-authkit')
    const { createTestIssuer } = require('logto-authkit/testing')
    async function main() { ${CONSUMER_CODE} console.log(auth.userId) }
    main()`,
  )
  assert.equal(consumer.node([file]).stdout, 'alice\n')
})

test('the installed package has a command line', () => {
  const bin = join(consumer.folder, 'node_modules/.bin/logto-authkit')
  const shell = process.platform === 'win32'
  const { stdout } = spawnSync(bin, ['--version'], { encoding: 'utf8', timeout: 120_000, shell })
  assert.equal(stdout, `${require('../../package.json').version}\n`)
})

describe('without a matching binary', () => {
  /** Contains a copy of the package without the binary. */
  let folder
  let modules
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'logto-authkit-'))
    modules = join(folder, 'node_modules')
    cpSync(join(consumer.folder, 'node_modules/logto-authkit'), join(modules, 'logto-authkit'), { recursive: true })
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('the import fails with the platform, the missing package and what to do', () => {
    const expected = new RegExp(
      `^Error: logto-authkit found no binary for ${consumer.platform}: the package logto-authkit-${consumer.platform} is not installed\\..*npm install --include=optional`,
      'm',
    )
    for (const code of ["require('logto-authkit')", "require('logto-authkit/express')", "import('logto-authkit')"]) {
      const { status, stderr } = inFolder(code)
      assert.equal(status, 1)
      assert.match(stderr, expected)
    }
  })

  test('the command line prints the same in one line', () => {
    const main = join(modules, 'logto-authkit/js/cli/main.js')
    const { status, stderr } = spawnSync(process.execPath, [main, 'explain', 'x'], {
      encoding: 'utf8',
      timeout: 120_000,
    })
    assert.equal(status, 1)
    assert.match(stderr, /^logto-authkit: logto-authkit found no binary for .*\n$/)
  })

  test('the error says if the binary of another system is installed', () => {
    install('darwin-arm64', 'x')
    const { stderr } = inFolder("require('logto-authkit')")
    assert.match(
      stderr,
      /the installed binary is for darwin-arm64, so node_modules or the lockfile came from another system/,
    )
    uninstall('darwin-arm64')
  })

  test('a binary that cannot be loaded fails with the reason', () => {
    install(consumer.platform, 'not a binary')
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
    test(`the error on ${platform} ${arch} lists the supported platforms`, () => {
      const pretend = (what, value) => `Object.defineProperty(process, '${what}', { value: '${value}' });`
      const { stderr } = inFolder(`${pretend('platform', platform)}${pretend('arch', arch)}require('logto-authkit')`)
      assert.match(
        stderr,
        new RegExp(`^Error: logto-authkit has no binary for ${name}\\. There are binaries for (.+)\\.$`, 'm'),
      )
      const listed = /There are binaries for (.+)\.$/m.exec(stderr)?.[1].split(', ')
      assert.deepEqual(listed, readdirSync(join(ROOT, 'npm')).sort())
    })
  }

  function inFolder(code) {
    return spawnSync(process.execPath, ['--eval', code], { cwd: folder, encoding: 'utf8', timeout: 120_000 })
  }

  function install(platform, content) {
    const to = join(modules, `logto-authkit-${platform}`)
    mkdirSync(to)
    cpSync(join(ROOT, 'npm', platform, 'package.json'), join(to, 'package.json'))
    writeFileSync(join(to, `logto-authkit.${platform}.node`), content)
  }

  function uninstall(platform) {
    rmSync(join(modules, `logto-authkit-${platform}`), { recursive: true })
  }
})

test('check-glibc.sh fails if a binary requires a newer glibc', {
  skip: !isGlibc(),
}, () => {
  const binary = join(ROOT, 'js/native', `logto-authkit.${consumer.platform}.node`)
  const check = (maximum) =>
    spawnSync(join(ROOT, 'scripts/check-glibc.sh'), [binary, maximum], { encoding: 'utf8', timeout: 120_000 })
  const [passed, failed] = [check('99.0'), check('2.1')]
  assert.deepEqual([passed.status, failed.status], [0, 1])
  assert.match(passed.stdout, /needs glibc 2\.\d+\n$/)
  assert.match(failed.stderr, /newer than 2\.1/)
})

test('workflows name every action by the digest of a commit, with its version in a comment', () => {
  const folder = join(ROOT, '.github/workflows')
  const uses = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').match(/uses:.*/g) ?? [])
  assert.ok(uses.length > 5)
  for (const line of uses) assert.match(line, /^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
})

test('workflows and scripts install only locked dependencies, and run no install scripts', () => {
  const folders = ['.github/workflows', '.ci', 'scripts', 'fuzz']
  const lines = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'))
      .flatMap(({ name }) => readFileSync(join(ROOT, folder, name), 'utf8').split('\n'))
      .filter((line) => !/^\s*(#|\/\/|\*|console\.)/.test(line)),
  )
  const find = (pattern) => lines.filter((line) => pattern.test(line))
  assert.ok(find(/\bnpm ci\b/).length > 3)
  for (const line of find(/\bnpm (ci|install)\b/)) assert.match(line, /--ignore-scripts/, line)
  for (const line of find(/\bpip install\b/)) assert.match(line, /--require-hashes -r scripts\/requirements\.txt/, line)
  for (const line of find(/\bcargo (\+\w+ )?(build|check|clippy|doc|install|test|nextest run)\b/))
    assert.match(line, /--locked/, line)
  for (const line of find(/\bnpx\b/)) assert.match(line, /--no-install/, line)
  assert.match(readFileSync(join(ROOT, 'scripts/build.js'), 'utf8'), /'--locked'/)
  assert.match(readFileSync(join(ROOT, 'scripts/cargo-test.js'), 'utf8'), /'--locked'/)
})

test('the files that workflows name exist', () => {
  const folder = join(ROOT, '.github/workflows')
  const text = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  const paths = text.join('\n').match(/(?<![\w/])(?:__test__|scripts|\.ci)\/[\w/-]+(?:\.\w+)*/g) ?? []
  assert.ok(paths.length > 5)
  for (const path of paths) assert.ok(existsSync(join(ROOT, path)), path)
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
